"""How much of the scores' spread each hyperparameter explains by itself."""

import dataclasses
import math

import numpy as np
from scipy.stats import rankdata


@dataclasses.dataclass(frozen=True)
class Importance:
    """First-order importance of one hyperparameter."""

    name: str
    share: float
    """Share of the variance of the scores' ranks that it explains alone, 0 to 1."""
    trials: int
    """Number of trials it was estimated from."""


def first_order_importance(values, scores):
    """Estimates how much each hyperparameter matters by itself, interactions left out.

    `share = 1 - (within / (n - k)) / (total / (n - 1))`, not below 0, where `total` is the sum of
    squares of the ranks of the n scores about their mean, and `within` the same inside the k groups
    of trials with like values: each category or each number if there are few, else `sqrt(n)` groups
    of neighbouring numbers. The two divisors make the expectation zero for a hyperparameter that
    does not matter, whatever the number of groups. Ranks, so that one diverged trial does not
    decide.

    Args:
        values: `{name: sequence of n values}`.
        scores: n numbers; a failed trial's may be NaN: it counts as the worst. Larger is better.

    Returns:
        List of `Importance`, the most important first; empty for fewer than 4 trials.

    Reference:
        Kelley (1935), "An Unbiased Correlation Ratio Measure": epsilon squared.
    """
    scores = np.asarray(scores, np.float64)
    n = len(scores)
    if n < 4:
        return []
    ranks = rankdata(np.where(np.isfinite(scores), scores, -np.inf))
    shares = {name: _share(_groups(column, n), ranks) for name, column in values.items()}
    ordered = sorted(shares, key=lambda name: -shares[name])
    return [Importance(name, shares[name], n) for name in ordered]


def _groups(column, n):
    """A group number for each trial."""
    distinct, numbers = np.unique(np.asarray(column), return_inverse=True)
    most = max(2, round(math.sqrt(n)))
    if len(distinct) <= most or distinct.dtype.kind not in "iuf":
        return numbers
    return np.minimum(((rankdata(numbers, method="min") - 1) * most // n).astype(int), most - 1)


def _share(groups, ranks):
    n, k = len(ranks), len(np.unique(groups))
    total = np.sum((ranks - ranks.mean()) ** 2)
    if not 1 < k < n or total == 0:
        return 0.0
    means = np.bincount(groups, ranks) / np.maximum(np.bincount(groups), 1)
    within = np.sum((ranks - means[groups]) ** 2)
    return float(max(0.0, 1 - (within / (n - k)) / (total / (n - 1))))
