"""Rules that end a trial early because others did better with as many epochs; for any oracle.

A rule compares the best objective so far of trials at the same epoch. A trial that is ended keeps
its score so far; its record says by which rule it was ended.
"""

import collections
import math

import numpy as np


class Pruning:
    """What trials had come to at each epoch. Rules derive from it.

    Args:
        direction: `"max"` or `"min"`: which objectives are good; a tuner sets its oracle's.
    """

    def __init__(self, direction="max"):
        self.direction = direction
        self._best = collections.defaultdict(dict)

    def note(self, trial, epoch, score):
        """Takes in an epoch of a trial.

        Args:
            trial: Name of the trial.
            epoch: Number of the epoch, from 1.
            score: Objective of the epoch; what is not finite counts as the worst.
        """
        cost = -score if self.direction == "max" else score
        cost = cost if math.isfinite(cost) else math.inf
        before = self._best[epoch - 1].get(trial, math.inf)
        self._best[epoch][trial] = min(cost, before)

    def objection(self, trial, epoch):
        """Why a trial should end after this epoch; None if it should go on.

        Args:
            trial: Name of the trial.
            epoch: Number of its last epoch, from 1.

        Returns:
            One sentence, or None.
        """
        raise NotImplementedError


class MedianRule(Pruning):
    """Ends a trial that is worse than the median of the trials that were noted at its epoch.

    Args:
        warm_up: Epochs in which no trial is ended, 0 or more. Default 3.
        least_trials: Trials to compare with without which none is ended, 1 or more. Default 5.

    Reference:
        D. Golovin et al., Google Vizier: A Service for Black-Box Optimization, 2017, section 3.
    """

    def __init__(self, warm_up=3, least_trials=5):
        super().__init__()
        self.warm_up, self.least_trials = warm_up, least_trials

    def objection(self, trial, epoch):
        """Why a trial should end after this epoch; None if it should go on."""
        costs = self._best[epoch]
        others = [cost for name, cost in costs.items() if name != trial]
        if epoch <= self.warm_up or len(others) < self.least_trials:
            return None
        if costs[trial] <= np.median(others):
            return None
        return f"pruned: worse than the median of {len(others)} trials at epoch {epoch}"


class SuccessiveHalving(Pruning):
    """Ends, at epochs 1, factor, factor ** 2, ..., all but the best 1 / factor of the trials.

    With trials one after another a trial is compared with those that came before
    (asynchronously); in a stack, with all that train beside it.

    Args:
        factor: Integer, 2 or more. Default 3.
        first_epoch: The first epoch at which trials are ended, 1 or more. Default 1.

    Reference:
        K. Jamieson, A. Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter
        Optimization, 2016; L. Li et al., A System for Massively Parallel Hyperparameter Tuning,
        2020.
    """

    def __init__(self, factor=3, first_epoch=1):
        if factor < 2:
            raise ValueError(f"factor must be 2 or more. Received: factor={factor}.")
        super().__init__()
        self.factor, self.first_epoch = factor, first_epoch

    def objection(self, trial, epoch):
        """Why a trial should end after this epoch; None if it should go on."""
        if not self._is_rung(epoch):
            return None
        costs = self._best[epoch]
        better = sum(cost < costs[trial] for cost in costs.values())
        kept = max(1, len(costs) // self.factor)
        if better < kept or len(costs) < self.factor:
            return None
        return f"pruned: not among the best {kept} of {len(costs)} trials at epoch {epoch}"

    def _is_rung(self, epoch):
        rung = self.first_epoch
        while rung < epoch:
            rung *= self.factor
        return rung == epoch
