"""What every oracle here has in common: seeds that are seeds, and scores that end no search."""

import functools
import warnings
from itertools import islice
from numbers import Integral

import keras_tuner
import numpy as np
from keras_tuner.src.engine.metrics_tracking import infer_metric_direction

from tuning.oracles import unit_cube
from tuning.oracles.persistent import Persistent
from tuning.reasons import reason_of

DRAWS = 100
"""Draws in a row that may repeat earlier trials before the untried rest is listed."""


class Reliable(Persistent):
    """Mends keras-tuner's `Oracle`; stands before it, or a subclass of it, among the bases.

    - A seed is a whole number and 0 is one of them. Draws come from `[seed, trial, draw]`, so that
      neighbouring seeds share none, and a trial's values do not depend on how many trials are
      handed out at a time. (keras-tuner takes 0 for no seed; its seed 3 is seed 1 moved by a
      trial.)
    - A trial whose objective was never finite failed, and its `message` says why. The score of any
      other is its best finite value. Such failures are results: however many come in a row, the
      search goes on. (keras-tuner stops after three NaN and takes infinity for a record.)
      `max_consecutive_failed_trials` still ends a search whose trials crash.
    - A discrete space is covered completely: when draws keep repeating, the untried rest is listed.
      (keras-tuner gives up after 20 repetitions.)

    Args:
        objective: str or `keras_tuner.Objective`, as keras-tuner takes it.
        seed: int from 0 to 2**32 - 1; None (default) draws one.
        **arguments: what else the oracle takes, by name.

    Raises:
        ValueError: if the seed is no such integer.
    """

    def __init__(self, objective=None, *, seed=None, **arguments):
        is_seed = isinstance(seed, Integral) and not isinstance(seed, bool) and 0 <= seed < 2**32
        if seed is not None and not is_seed:
            raise ValueError(
                f"seed must be an integer from 0 to 2**32 - 1. Received: seed={seed!r}."
            )
        super().__init__(objective=objective, seed=seed, **arguments)
        if seed is not None:
            self.seed = int(seed)
        self._seed_state = (
            0  # keras-tuner keeps it in the state; here it counts points of a sequence
        )

    @keras_tuner.synchronized
    def update_trial(self, trial_id, metrics, step=0):
        """Record the metrics of a trial; NaN among them is no reason for numpy's warning."""
        known, objective = self.trials[trial_id].metrics, self.objective
        for name in metrics:
            if not known.exists(name):
                is_objective = name == objective.name
                known.register(name, objective.direction if is_objective else direction_of(name))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "All-NaN", RuntimeWarning)
            return super().update_trial(trial_id, metrics, step)

    def score_trial(self, trial):
        """Score a trial by its best finite value of the objective, at the epoch that had it."""
        finite = self._finite_values(trial)
        best = max if self.objective.direction == "max" else min
        trial.score, trial.best_step = best(finite, key=lambda each: each[0])

    def _finite_values(self, trial):
        history = trial.metrics.get_history(self.objective.name)
        values = [(float(each.mean()), each.step) for each in history]
        return [each for each in values if np.isfinite(each[0])]

    def _has_diverged(self, trial):
        """Whether a trial reported its objective, and never a finite value."""
        return trial.metrics.exists(self.objective.name) and not self._finite_values(trial)

    @keras_tuner.synchronized
    def end_trial(self, trial):
        """End a trial; one that was never finite has failed, for good and with its reason."""
        known = self.trials[trial.trial_id]
        if trial.status == "COMPLETED" and self._has_diverged(known):
            last = known.metrics.get_last_value(self.objective.name)
            trial.status = "FAILED"
            trial.message = (
                f"{self.objective.name} must be finite. Received: {self.objective.name}={last}."
            )
        super().end_trial(trial)

    def _check_consecutive_failures(self):
        limit = self.max_consecutive_failed_trials
        if not limit:
            return
        latest = [self.trials[trial_id] for trial_id in self.end_order[-limit:]]
        crashed = [t for t in latest if t.status == "FAILED" and not self._has_diverged(t)]
        if len(crashed) == limit:
            message = crashed[-1].message or ""
            raise RuntimeError(
                f"{limit} trials in a row crashed: {reason_of(message)}\n"
                "max_consecutive_failed_trials must be more than the trials that crash in a row. "
                f"Received: max_consecutive_failed_trials={limit}.\n{message}"
            )

    def _best_first(self):
        """The completed trials, best score first, equal ones in the order they started."""
        trials = [self.trials[trial_id] for trial_id in self.start_order]
        completed = [trial for trial in trials if trial.status == "COMPLETED"]
        return sorted(completed, key=self._cost)

    def _cost(self, trial):
        """A completed trial's score turned so that less is better."""
        return -trial.score if self.objective.direction == "max" else trial.score

    def _random_values(self):
        """Values of a new random point, or None where every combination has been tried."""
        space = self.hyperparameters.space
        for draw in range(DRAWS):
            generator = np.random.default_rng([self.seed, len(self.start_order), draw])
            values = unit_cube.values_at(space, generator.random(len(unit_cube.searched(space))))
            if not self._duplicate(values):
                return values
        return self._untried_values()

    def _untried_values(self):
        """A random one of the combinations not yet tried, or None where there is none."""
        space = self.hyperparameters.space
        generator = np.random.default_rng([self.seed, len(self.start_order), DRAWS])
        all_levels = [
            unit_cube.levels(hp) or (unit_cube.value_at(hp, generator.random()),) for hp in space
        ]
        combinations = unit_cube.combinations(space, all_levels)
        untried = list(islice((c for c in combinations if not self._duplicate(c)), 100_000))
        return untried[generator.integers(len(untried))] if untried else None

    def _new_trial(self, values):
        """Answer of `populate_space`: run these values, or stop where there are none."""
        return {"status": "STOPPED" if values is None else "RUNNING", "values": values}


@functools.cache
def direction_of(metric):
    """`"min"` or `"max"`, as keras-tuner infers it: it makes the Keras metric to see, each time.

    Args:
        metric: Name of a metric.
    """
    try:
        return infer_metric_direction(metric) or "min"
    except Exception:  # Keras cannot make it of its name alone
        return "min"
