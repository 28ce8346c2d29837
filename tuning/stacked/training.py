"""The training of one stack, epoch by epoch, until every trial of it has ended."""

import time

import tensorflow as tf

from tuning import training_state
from tuning.reasons import reason_of
from tuning.stacked.errors import NotStackable, failure
from tuning.stacked.member import Snapshot
from tuning.stacked.stack import Stack
from tuning.stacked.turns import TURNS


class Stopped(Exception):
    """The training was told to stop, and has kept a checkpoint."""


class StackTraining:
    """Trains members of one group that have the same epochs before them.

    Args:
        tuner: `StackedTuner`.
        grouping: `Grouping` that the group is of.
        gathered: `Gathered`.
        work: `Given`.
        refusal: Why they are not trained side by side; empty if they are.
    """

    def __init__(self, tuner, grouping, gathered, work, refusal=""):
        self.tuner, self.work, self.refusal = tuner, work, refusal
        self.group, self.members = gathered.group, gathered.members
        self._grouping, self._gathered, self._stack = grouping, gathered, None
        self._active, self._released, self._stopped = list(self.members), set(), False
        self.is_prepared = False
        """Whether its program is there, as far as it can be."""
        self.objection = None
        """Why these members cannot be stacked, once that is known."""
        self.program_name = None
        """`Program.name`, once it is there."""
        self.is_for_fit = False
        """Whether nothing but `fit` can train these members."""

    def _prepare(self):
        """Checks the first batch and compiles.

        What XLA cannot compile (a recurrent layer, say) is tried as TensorFlow's graph, and what
        cannot be padded in its own widths.
        """
        for padded in dict.fromkeys((self.group.is_padded, False)):
            self.group.is_padded = padded
            for jit_compile in dict.fromkeys((self._gathered.jit_compile, False)):
                self.objection = self._objection(jit_compile)
                if not self.objection:
                    return

    def _objection(self, jit_compile):
        """Makes the stack; why that cannot be, or should not be, or None."""
        if not self.refusal and (reason := self._grouping.reason_to_train_alone(self.group)):
            return reason
        try:
            with TURNS.first():
                program = self._grouping.program(self.group, not self.refusal)
                if objection := self._grouping.objection(program, self.group):
                    return objection
                self._stack, self.program_name = self._stacked(program, jit_compile), program.name
                began = time.monotonic()
                self._stack.compile()
                if jit_compile:
                    program.took(time.monotonic() - began)
        except (NotStackable, ValueError) as reason:  # shapes, say, that were thought to be equal
            return reason_of(str(reason))
        return None

    def one_after_another(self):
        """A `StackTraining` for each member; those of equal widths share one program.

        All members do so, if they are recurrent layers that are padded for less than compiling.
        """
        return [
            StackTraining(self.tuner, self._grouping, alone, self.work, self.objection)
            for alone in self._gathered.alone()
        ]

    def by_settings(self):
        """A `StackTraining` for those of each setting; none if they have not kept it from running.

        What the vectoriser cannot do with a number of each trial's own it may do with a constant.
        """
        own = self.group.skeletons[0].settings.variant.lifted
        if not own or self._grouping.reason_to_train_alone(self.group):
            return []
        return [
            StackTraining(self.tuner, self._grouping, some, self.work)
            for some in self._gathered.by_settings()
        ]

    def objections(self):
        """`{trial: why its members cannot train here}`."""
        return {member.trial: self.objection for member in self.members}

    def _stacked(self, program, jit_compile):
        group, validation = self.group, self.work.validation
        places = range(len(group))
        if jit_compile:
            places = padded_places(places, self._gathered.places)
        wanted = self.work.validation_batch_size
        if wanted is None and not program.adds_up:
            wanted = group.batch_size
        evaluated = validation and validation.evaluation_batch_size(wanted)
        return Stack(
            program,
            [group.models[place] for place in places],
            [group.skeletons[place] for place in places],
            group.batch_size,
            self.work.training,
            validation,
            states=[self.members[place].state for place in places],
            validation_batch_size=evaluated,
            jit_compile=jit_compile,
        )

    def run(self):
        """Trains to the end, in any thread; returns itself, with an `objection` if it cannot."""
        self.objection = self.tuner.callbacks_objection
        if self.objection:
            self.is_for_fit = True
            return self
        self._prepare()
        self.is_prepared = True
        if self.objection:
            return self
        try:
            self._train()
        except NotStackable as reason:  # a callback has asked for what is not there
            self.objection = self.tuner.callbacks_objection = str(reason)
            self.is_for_fit = True
            for member in self.members:
                member.forget()
        except tf.errors.OpError as error:  # out of memory, say
            self.objection = failure(error)
            for member in self.members:
                member.restart()
        self._stack = None
        return self

    def _train(self):
        while self._active and self.next_epoch < self.epochs:
            if self._stopped:
                self.tuner.keep_checkpoint(self)
                raise Stopped
            self._train_epoch()
        self._release(self._active)

    def stop(self):
        """Lets `run` end after the epoch that is being trained."""
        self._stopped = True

    def _train_epoch(self):
        began = time.monotonic()
        self.tuner.before_epoch(self._active)
        order = self.work.training.order(self.work.shuffle, self.tuner.seed, self.next_epoch)
        logs = self._stack.train_epoch(order, seed=self.next_epoch)
        seconds = time.monotonic() - began
        self._note(logs, seconds / len(self._active))
        self.tuner.end_early(self._active)
        self._release([member for member in self._active if member.ended])
        self.tuner.after_epoch(self)
        self._compact(seconds)

    @property
    def next_epoch(self):
        """Number, from 0, of the epoch that is trained next."""
        return self.members[0].next_epoch

    @property
    def epochs(self):
        """Number of the last epoch."""
        return self.members[0].epochs

    def states(self):
        """`TrialState` of each member; None for those that have ended."""
        states = self._stack.states(range(len(self._active)))
        known = {id(member): state for member, state in zip(self._active, states, strict=True)}
        return [None if member.ended else known[id(member)] for member in self.members]

    def _note(self, logs, seconds):
        """Takes in what an epoch came to; keeps the weights of those that may be the best few."""
        # Of a metric with a value for each class, their mean.
        means = {name: v.reshape(len(v), -1).mean(1).tolist() for name, v in logs.items()}
        for member in self.members:
            member.next_epoch += 1
        improved = []
        for place, member in enumerate(self._active):
            if not member.ended:
                member.seconds += seconds
                member.iterations = self._stack.place(place).iterations
                metrics = {name: values[place] for name, values in means.items()}
                if self.tuner.note_epoch(member, metrics):
                    improved.append(member)
        self._snapshot(improved)
        self._hold()

    def _snapshot(self, improved):
        # A trial that is among the best few in the end was so at its own best epoch already.
        scored = sorted((m for m in self.members if m.score == m.score), key=self.tuner.rank)
        most = self.tuner.checkpoints * self.tuner.executions_per_trial
        for member in scored[most:]:
            member.snapshot = None
        few = {id(member) for member in scored[:most]} & {id(member) for member in improved}
        places = [place for place, member in enumerate(self._active) if id(member) in few]
        for place, state in zip(places, self._stack.states(places) if places else [], strict=True):
            member = self._active[place]
            member.snapshot = Snapshot(self._stack.place(place), state, member.score)

    def _hold(self):
        """Keeps what `EarlyStopping` restores in the end, where a training may go on from there."""
        wanted = [
            place
            for place, member in enumerate(self._active)
            if member.is_to_hold and self.tuner.state_to_keep(member)
        ]
        for place, state in zip(wanted, self._stack.states(wanted) if wanted else [], strict=True):
            self._active[place].held, self._active[place].is_to_hold = state, False

    def _release(self, members):
        """Ends members; keeps the last states of those that Hyperband may go on with."""
        for member in members:
            path = self.tuner.state_to_keep(member) if id(member) not in self._released else None
            if path:
                self._stack.write_back(self._active.index(member), member.held)
                training_state.save(path, member.model, {})
            member.ended = True
            self._released.add(id(member))

    def _compact(self, seconds):
        """Takes those that have ended out of the stack, if that saves more than it costs."""
        left = [place for place, member in enumerate(self._active) if not member.ended]
        compiled = self._stack.jit_compile
        places = padded_places(left) if compiled else left
        cost = self._stack.program.seconds_to_compile if compiled else 0.0
        saved = seconds * (1 - len(places) / len(self._stack)) * (self.epochs - self.next_epoch)
        if not left:
            self._active = []
        elif saved > cost:
            self._active = [self._active[place] for place in left]
            self._stack.keep(places)


def padded_places(places, at_least=1):
    """Places for a stack of one of a few sizes, at most a quarter more; the first one repeated.

    A size that has been compiled before need not be compiled again.

    Args:
        places: Sequence of integers.
        at_least: How many are wanted.
    """
    trials = max(len(places), at_least)
    step = 1 if trials <= 4 else 4 if trials <= 16 else 8 if trials <= 64 else 32
    trials += -trials % step
    return [*places, *list(places[:1]) * (trials - len(places))]
