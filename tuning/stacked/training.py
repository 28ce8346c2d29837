"""The training of one stack, epoch by epoch, until every trial of it has ended."""

import time

import numpy as np

from tuning import training_state
from tuning.stacked.first_batch import check_first_batch
from tuning.stacked.groups import Group
from tuning.stacked.member import Snapshot
from tuning.stacked.stack import Stack


class StackTraining:
    """Trains members of one group that have the same epochs before them.

    Args:
        tuner: `StackedTuner`.
        grouping: `Grouping` that the group is of.
        part: `(group, [(member, skeleton)])`.
        work: `Given`.
    """

    def __init__(self, tuner, grouping, part, work):
        group, trials = part
        self.tuner, self.work = tuner, work
        self.members = [member for member, _ in trials]
        self.group = Group(
            group.key,
            group.batch_size,
            models=[member.model for member in self.members],
            skeletons=[skeleton for _, skeleton in trials],
        )
        self.program = grouping.program(self.group)

    def run(self):
        """Trains to the end; returns None, or why these members cannot be stacked."""
        if objection := self._objection():
            return objection
        group, work = self.group, self.work
        stack = Stack(
            self.program,
            group.models,
            group.skeletons,
            group.batch_size,
            work.training,
            work.validation,
        )
        places = list(self.members)
        for epoch in range(self.members[0].first_epoch, self.members[0].epochs):
            began = time.monotonic()
            logs = stack.train_epoch(self._order(epoch), seed=epoch)
            share = (time.monotonic() - began) / len(places)
            self._note(stack, places, logs, share)
            if all(member.ended for member in places):
                break
        self._keep_states(stack, places)
        return None

    def _objection(self):
        """Compares the first batch of the narrowest and of the widest with their own models'."""
        sizes = [sum(skeleton.widths.values()) for skeleton in self.group.skeletons]
        chosen = sorted({int(np.argmin(sizes)), int(np.argmax(sizes))})
        return check_first_batch(
            self.program,
            [self.group.models[place] for place in chosen],
            [self.group.skeletons[place] for place in chosen],
            self.group.batch_size,
            self.work.training,
        )

    def _order(self, epoch):
        """The order in which an epoch goes through the examples."""
        examples = self.work.training.examples
        if not self.work.shuffle:
            return np.arange(examples)
        return np.random.default_rng([self.tuner.seed, epoch]).permutation(examples)

    def _note(self, stack, places, logs, seconds):
        """Takes in what an epoch came to; keeps the weights of those that may be the best few."""
        logs = {name: values.tolist() for name, values in logs.items()}
        improved = set()
        for place, member in enumerate(places):
            if member.ended:
                continue
            member.seconds += seconds
            metrics = {name: values[place] for name, values in logs.items()}
            if member.note(metrics, self.tuner.oracle.objective):
                improved.add(place)
        self._snapshot(stack, places, improved)

    def _snapshot(self, stack, places, improved):
        # A trial that is among the best few in the end was so at its own best epoch already.
        sign = self.tuner.sign
        ranked = sorted(
            (place for place, member in enumerate(places) if member.score == member.score),
            key=lambda place: (sign * places[place].score, int(places[place].trial.trial_id)),
        )
        few = ranked[: self.tuner.checkpoints * self.tuner.executions_per_trial]
        for place in set(ranked) - set(few):
            places[place].snapshot = None
        wanted = [place for place in few if place in improved]
        for place, state in zip(wanted, stack.states(wanted) if wanted else [], strict=True):
            member = places[place]
            member.snapshot = Snapshot(stack.place(place), state, member.score)

    def _keep_states(self, stack, places):
        """Writes the last states of trials that Hyperband may go on with."""
        for place, member in enumerate(places):
            path = self.tuner._states.to_write(member.trial, member.execution)
            if path:
                stack.write_back(place)
                training_state.save(path, member.model, {})
