"""The training of one stack, epoch by epoch, until every trial of it has ended."""

import time

import numpy as np

from tuning import training_state
from tuning.stacked.errors import NotStackable
from tuning.stacked.first_batch import check_first_batch
from tuning.stacked.member import Snapshot
from tuning.stacked.stack import Stack

EVALUATED_AT_ONCE = 512
"""Most examples of a batch in evaluation, where its size changes nothing."""


class StackTraining:
    """Trains members of one group that have the same epochs before them.

    Args:
        tuner: `StackedTuner`.
        grouping: `Grouping` that the group is of.
        group: `Group`.
        members: The `Member`s of the group's models, in order.
        work: `Given`.
    """

    def __init__(self, tuner, grouping, group, members, work):
        self.tuner, self.group, self.members, self.work = tuner, group, members, work
        self._grouping = grouping
        self._stack = None
        self.objection = None
        """Why these members cannot be stacked, once that is known."""

    def prepare(self):
        """Checks the first batch and compiles; another thread may do so beforehand."""
        try:
            program = self._grouping.program(self.group)
            self.objection = self._check(program)
            if not self.objection:
                self._stack = self._stacked(program)
                self._stack.compile()
        except NotStackable as reason:
            self.objection = str(reason)

    def _check(self, program):
        """Compares the first batch of the narrowest and of the widest with their own models'."""
        sizes = [sum(skeleton.widths.values()) for skeleton in self.group.skeletons]
        chosen = sorted({int(np.argmin(sizes)), int(np.argmax(sizes))})
        return check_first_batch(
            program,
            [self.group.models[place] for place in chosen],
            [self.group.skeletons[place] for place in chosen],
            self.group.batch_size,
            self.work.training,
        )

    def _stacked(self, program):
        group, work = self.group, self.work
        # A size that was compiled before need not be compiled again: the last places may be empty.
        places = [*range(len(group)), *[0] * (rounded_size(len(group)) - len(group))]
        validation = work.validation
        return Stack(
            program,
            [group.models[place] for place in places],
            [group.skeletons[place] for place in places],
            group.batch_size,
            work.training,
            validation,
            states=[self.members[place].state for place in places],
            validation_batch_size=validation and min(validation.examples, EVALUATED_AT_ONCE),
        )

    def run(self):
        """Trains to the end."""
        members = self.members
        for place, member in enumerate(members):
            if member.snapshot is not None:  # as a checkpoint has it
                own = self._stack.place(place)
                member.snapshot = Snapshot(own, member.snapshot, member.score)
        for epoch in range(members[0].next_epoch, members[0].epochs):
            if all(member.ended for member in members):
                break
            began = time.monotonic()
            logs = self._stack.train_epoch(self._order(epoch), seed=epoch)
            self._note(logs, (time.monotonic() - began) / len(members))
            self.tuner.after_epoch(self)
        self._keep_states()
        for member in members:
            member.ended = True
        self._stack = None

    def states(self):
        """The `TrialState` of each member."""
        return self._stack.states(range(len(self.members)))

    def _order(self, epoch):
        """The order in which an epoch goes through the examples."""
        examples = self.work.training.examples
        if not self.work.shuffle:
            return np.arange(examples)
        return np.random.default_rng([self.tuner.seed, epoch]).permutation(examples)

    def _note(self, logs, seconds):
        """Takes in what an epoch came to; keeps the weights of those that may be the best few."""
        logs = {name: values.tolist() for name, values in logs.items()}
        improved = []
        for place, member in enumerate(self.members):
            member.next_epoch += 1
            if member.ended:
                continue
            member.seconds += seconds
            metrics = {name: values[place] for name, values in logs.items()}
            if member.note(metrics, self.tuner.oracle.objective):
                improved.append(place)
        self._snapshot(improved)

    def _snapshot(self, improved):
        # A trial that is among the best few in the end was so at its own best epoch already.
        scored = [p for p, member in enumerate(self.members) if member.score == member.score]
        scored.sort(key=lambda p: self.tuner.rank(self.members[p]))
        few = scored[: self.tuner.checkpoints * self.tuner.executions_per_trial]
        for place in set(scored) - set(few):
            self.members[place].snapshot = None
        wanted = [place for place in few if place in improved]
        for place, state in zip(wanted, self._stack.states(wanted) if wanted else [], strict=True):
            member = self.members[place]
            member.snapshot = Snapshot(self._stack.place(place), state, member.score)

    def _keep_states(self):
        """Writes the last states of trials that Hyperband may go on with."""
        for place, member in enumerate(self.members):
            path = self.tuner.state_to_keep(member)
            if path:
                self._stack.write_back(place)
                training_state.save(path, member.model, {})


def rounded_size(trials):
    """The number of places for so many trials: one of a few sizes, at most a quarter more."""
    step = 1 if trials <= 4 else 4 if trials <= 16 else 8 if trials <= 64 else 32
    return -(-trials // step) * step
