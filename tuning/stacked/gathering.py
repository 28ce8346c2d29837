"""Members of trials, put together by their program until a stack of them is full."""

import dataclasses
import itertools
import math

from tuning.stacked.graph import is_recurrent
from tuning.stacked.groups import Group
from tuning.stacked.member import Snapshot
from tuning.stacked.place import Place
from tuning.stacked.stack import WHOLE_BATCHES

WORTH_COMPILING = 3e8
"""Uses of weights, over all steps and trials, from which on XLA saves more than compiling costs.

It saves 4 to 5 ns of computer time a weight and step, whatever the batch size, and takes 1.3 s to
compile for one size of stack.
"""

WORTH_COMPILING_ALL = 1.5e8
"""The same for what comes once an epoch: the rest that fills no batch, and the evaluation.

Of 500 and of 1,000 trials of the default classifier, batch size 64, the first took less computer
time without compiling these, the others with it: uses, over all epochs, of 1e8 and 2e8.
"""

LOOP_STEP = 2.5e4
"""What one step of a recurrent layer, forward and back, counts as well: as so many uses of weights.

XLA saves 0.2 ms of it, whatever the layer's width, but takes twice as long to compile.
"""

WORTH_PADDING = 8e8
"""Uses of weights, spent on padding, that cost what XLA takes to compile a recurrent layer: 3 s."""


@dataclasses.dataclass(frozen=True)
class Gathered:
    """What trains as one stack."""

    group: Group
    members: list
    """The `Member` of each of the group's models."""
    places: int
    """How many places it has at least, if it is compiled: more than members where so a size is used
    again that has been compiled for."""
    jit_compile: bool | str
    """Whether XLA compiles it, as of a `Stack`."""
    is_padded_alone: bool = False
    """Whether all members have the template's widths even where they train one after another."""

    def alone(self):
        """Each member by itself."""
        parts = [self._part([number]) for number in range(len(self.members))]
        for part in parts:
            part.group.is_padded = self.is_padded_alone
        return parts

    def by_settings(self):
        """The members of each setting by themselves."""
        parts = [self._part(numbers) for numbers in self.group.by_settings()]
        for part in parts:
            part.group.is_of_one_setting = True
        return parts

    def _part(self, numbers):
        group, members = self.group.part(numbers), [self.members[number] for number in numbers]
        return dataclasses.replace(self, group=group, members=members, places=1)


class Gathering:
    """Puts members together that train the same epochs of the same program.

    A full stack can train while later trials are still being built. All full stacks of a program
    have the same size, so that it is compiled once. What is left in the end is filled up to that
    size with copies where this costs less than compiling for a size of its own. Where there is
    little to train, compiling would cost more than it saves: then the program runs as TensorFlow's
    graph.

    Args:
        grouping: `Grouping`.
        memory: Bytes that a stack may use.
        examples: How many an epoch has.
        trials: How many are going to be added, as far as is known.
        jit_compile: Whether XLA compiles: True, False, or "auto", where it pays. Default "auto".
    """

    def __init__(self, grouping, memory, examples, trials=1, jit_compile="auto"):
        self._grouping, self._memory, self._jit_compile = grouping, memory, jit_compile
        self._examples, self._trials = examples, trials
        self._waiting, self._full, self._added = {}, {}, 0

    def add(self, members):
        """Takes in the members of one trial: all of them, or none.

        Args:
            members: List of `Member`s.

        Returns:
            `(stacks, reason)`: list of `Gathered` that are full now, and why these members cannot
            be stacked, None if they can.
        """
        models, batch_sizes = [m.model for m in members], [m.batch_size for m in members]
        groups, reasons = self._grouping.group(models, batch_sizes)
        self._added += 1
        reasons = [*reasons.values(), *(m.objection for m in members if m.objection)]
        if reasons:
            return [], reasons[0]
        stacks = []
        for group in groups:
            for part, number in enumerate(group.places):
                own, member = group.part([part]), members[number]
                if member.snapshot is not None:  # as a checkpoint has it
                    member.snapshot = self._snapshot(own, member)
                if not member.ended:
                    stacks += self._put(own, member)
        return stacks, None

    def _snapshot(self, group, member):
        program = self._grouping.program(group, vectorized=False)
        place = Place(member.model, group.skeletons[0], program, member.snapshot)
        return Snapshot(place, member.snapshot, member.score)

    def _put(self, group, member):
        key = group.key, group.batch_size, member.next_epoch, member.epochs
        gathered, members = self._waiting.setdefault(key, (Group(group.key, group.batch_size), []))
        gathered.join(group)
        members.append(member)
        places = self._grouping.room(self._memory, gathered)
        if len(members) < places:
            return []
        del self._waiting[key]
        if key not in self._full:
            expected = places * self._more_to_come()
            self._full[key] = places, self._compiled(key, gathered, expected)
        return [self._stack(key, gathered, members, *self._full[key])]

    def _compiled(self, key, group, trials):
        """What to compile, so that it saves more than it costs, for so many trials."""
        uses = trials * self._uses(key, group)
        if uses > WORTH_COMPILING_ALL * self._steps(key):
            return True
        return WHOLE_BATCHES if uses > WORTH_COMPILING else False

    def _steps(self, key):
        """Steps of an epoch."""
        return math.ceil(self._examples / key[1])

    def _uses(self, key, group):
        """How often the training of one trial uses a weight, and what else counts as that."""
        skeleton = group.skeletons[0]
        uses = uses_of_weights(skeleton, self._grouping.widths_of(group))
        return self._steps_of_trial(key) * (uses + LOOP_STEP * loop_steps(skeleton))

    def _steps_of_trial(self, key):
        _, _, first_epoch, last_epoch = key
        return (last_epoch - first_epoch) * self._steps(key)

    def _padding_pays(self, key, group):
        """Whether recurrent layers of many widths, padded, cost less than compiling for each."""
        own = [uses_of_weights(skeleton, skeleton.widths) for skeleton in group.skeletons]
        padded = uses_of_weights(group.skeletons[0], group.widths)
        spent = sum(padded - uses for uses in own) * self._steps_of_trial(key)
        programs = {tuple(skeleton.widths.items()) for skeleton in group.skeletons}
        return spent * self._more_to_come() < WORTH_PADDING * (len(programs) - 1)

    def _more_to_come(self):
        """How many times as many trials there are going to be."""
        return max(1.0, self._trials / self._added)

    def _stack(self, key, group, members, places, compiled):
        group.widths = self._grouping.widths_of(group)
        jit_compile = compiled if self._jit_compile == "auto" else self._jit_compile
        places = max(places, len(group)) if jit_compile else 1
        padded = loop_steps(group.skeletons[0]) > 0 and self._padding_pays(key, group)
        return Gathered(group, members, places, jit_compile, padded)

    def rest(self):
        """The stacks that have not become full.

        Returns:
            List of `Gathered`, long ones first, so that threads end at about the same time;
            neighbours wait for no common program.
        """
        waiting = [(key, *gathered) for key, gathered in self._waiting.items()]
        waiting.sort(key=lambda each: -len(each[1]) * self._uses(*each[:2]))
        by_program = {}
        for key, group, members in waiting:
            stack = self._stack(key, group, members, *self._rest_of(key, group))
            by_program.setdefault(group.key, []).append(stack)
        self._waiting = {}
        turns = itertools.zip_longest(*by_program.values())
        return [stack for turn in turns for stack in turn if stack is not None]

    def _rest_of(self, key, group):
        if key not in self._full:
            return len(group), self._compiled(key, group, len(group))
        places, compiled = self._full[key]
        filled_up = compiled and not self._compiled(key, group, places - len(group))
        return places if filled_up else len(group), compiled


def uses_of_weights(skeleton, widths):
    """How many weights a template has, counted as often as it uses them for one example.

    Those of a convolution count once for each place of its output, those of a recurrent layer once
    for each step.

    Args:
        skeleton: `Skeleton` of one of its models.
        widths: `{place: width}` of the template.
    """
    uses = 0
    for node in skeleton.nodes:
        weights = getattr(node.operation, "trainable_variables", ())
        shape = (
            skeleton.nodes[node.sources[0]].shape if is_recurrent(node.operation) else node.shape
        )
        positions = math.prod(size or 1 for size in (shape or ())[1:-1])
        uses += positions * sum(math.prod(weight.shape) for weight in weights)
    growth = max([widths[place] / skeleton.widths[place] for place in widths], default=1.0)
    return growth**2 * uses


def loop_steps(skeleton):
    """Steps of a model's recurrent layers, all of them together.

    Args:
        skeleton: Its `Skeleton`.
    """
    read = [skeleton.nodes[n.sources[0]] for n in skeleton.nodes if is_recurrent(n.operation)]
    return sum((source.shape or (None, None))[1] or 1 for source in read)
