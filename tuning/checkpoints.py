"""What of a trial is worth its place on the disk: good weights, and states to go on from."""

import bisect
import math
from pathlib import Path


class BestFew:
    """The best few of things that are scored one after another; equal ones: the earlier number.

    Args:
        most: How many are kept, 0 or more.
        direction: `"max"` or `"min"`: which scores are good.
    """

    def __init__(self, most, direction):
        self.most, self._sign = most, -1 if direction == "max" else 1
        self._kept = []

    def offer(self, name, score):
        """Takes something in if it is good enough.

        Args:
            name: Its name; a number, or text that is one.
            score: Finite number.

        Returns:
            Names that are not among the best few (any more), `name` itself perhaps.
        """
        bisect.insort(self._kept, (self._sign * score, int(name), name))
        dropped = [name for _, _, name in self._kept[self.most :]]
        del self._kept[self.most :]
        return dropped

    @property
    def names(self):
        """The names of the best few, best first."""
        return [name for _, _, name in self._kept]


class States:
    """The states at the end of trainings that Hyperband may go on with, one for each execution.

    Args:
        oracle: `keras_tuner.Oracle`; if it has a method `may_go_on(trial_id)`, states are removed
            as soon as nobody will need them, else at the end of the search.
        folder_of: Function from a trial's id to its folder.
    """

    def __init__(self, oracle, folder_of):
        self.oracle, self._folder_of = oracle, folder_of
        self._kept = {trial_id for trial_id in oracle.trials if self._files(trial_id)}

    def to_begin_from(self, trial, execution):
        """`Path` of the state that a training goes on from; None if it begins anew."""
        parent = trial.hyperparameters.values.get("tuner/trial_id")
        return self._file(parent, execution) if parent else None

    def to_write(self, trial, execution):
        """`Path` for a training's last state; None if no other will go on from it."""
        if not self._may_go_on(trial.trial_id):
            return None
        self._kept.add(trial.trial_id)
        return self._file(trial.trial_id, execution)

    def remove_spent(self):
        """Removes the states of trials that have been thrown out, or have gone on."""
        waiting = [*self.oracle.ongoing_trials.values()]
        waiting += [self.oracle.trials[trial_id] for trial_id in self.oracle._retry_queue]
        needed = {trial.hyperparameters.values.get("tuner/trial_id") for trial in waiting}
        for trial_id in self._kept - needed:
            if not self._may_go_on(trial_id):
                self._remove(trial_id)

    def remove_all(self):
        """Removes all states: the search is over."""
        for trial_id in {*self._kept}:
            self._remove(trial_id)

    def _may_go_on(self, trial_id):
        if hasattr(self.oracle, "may_go_on"):
            return self.oracle.may_go_on(trial_id)
        # keras-tuner's oracle may name another bracket than the trial is in.
        values = self.oracle.trials[trial_id].hyperparameters.values
        return values.get("tuner/epochs", math.inf) < getattr(self.oracle, "max_epochs", math.inf)

    def _remove(self, trial_id):
        self._kept.discard(trial_id)
        for path in self._files(trial_id):
            path.unlink()

    def _files(self, trial_id):
        return list(Path(self._folder_of(trial_id)).glob("state-*.npz"))

    def _file(self, trial_id, execution):
        return Path(self._folder_of(trial_id)) / f"state-{execution}.npz"
