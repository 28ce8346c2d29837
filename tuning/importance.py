"""How much of the scores' spread each hyperparameter explains by itself."""

import dataclasses
import math

import numpy as np
from scipy.stats import rankdata

FEWEST = 8
"""Trials below which nothing can be said of the uncertainty."""
HALVES = 100
DEVIATIONS = 1.645  # either side, of a normal distribution's 90 %


@dataclasses.dataclass(frozen=True)
class Importance:
    """First-order importance of one hyperparameter."""

    name: str
    share: float
    """Share of the variance of the scores' ranks that it explains alone, 0 to 1."""
    trials: int
    """Number of trials it was estimated from."""
    low: float = 0.0
    """Lower end of the 90 % interval of `share`."""
    high: float = 1.0
    """Upper end; the interval is 0 to 1 for fewer than 8 trials."""


def first_order_importance(values, scores):
    """Estimates how much each hyperparameter matters by itself, interactions left out.

    `share = 1 - (within / (n - k)) / (total / (n - 1))`, not below 0, where `total` is the sum of
    squares of the ranks of the n scores about their mean, and `within` the same inside the k groups
    of trials with like values: each category or each number if there are few, else `sqrt(n)` groups
    of neighbouring numbers. The two divisors make the expectation zero for a hyperparameter that
    does not matter, whatever the number of groups. Ranks, so that one diverged trial does not
    decide.

    The interval is `share +- 1.645 * deviation`, within 0 and 1, where `deviation` is the standard
    deviation of the same estimate over random halves of the trials. A half drawn without
    replacement varies about the whole as the whole varies about the truth; the bootstrap would
    count trials twice, which looks like a hyperparameter that explains them.

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
    found = [_importance(name, np.asarray(column), ranks) for name, column in values.items()]
    return sorted(found, key=lambda each: -each.share)


def _importance(name, column, ranks):
    n = len(ranks)
    share = _share(_groups(column), ranks)
    low, high = 0.0, 1.0
    if n >= FEWEST:
        halves = np.random.default_rng(0).permuted(np.tile(np.arange(n), (HALVES, 1)), axis=1)
        shares = [_share(_groups(column[half]), ranks[half]) for half in halves[:, : n // 2]]
        low, high = share + DEVIATIONS * np.std(shares) * np.array([-1, 1])
    share, low, high = (float(np.clip(number, 0.0, 1.0)) for number in (share, low, high))
    return Importance(name, share, n, low, high)


def _groups(column):
    """A group number for each trial."""
    n = len(column)
    distinct, numbers = np.unique(column, return_inverse=True)
    most = max(2, round(math.sqrt(n)))
    if len(distinct) <= most or distinct.dtype.kind not in "iuf":
        return numbers
    sizes = np.bincount(numbers)
    smaller = np.cumsum(sizes) - sizes
    return np.minimum(smaller[numbers] * most // n, most - 1)


def _share(groups, ranks):
    """The estimate itself, below 0 too."""
    sizes = np.bincount(groups)
    n, k = len(ranks), np.count_nonzero(sizes)
    total = np.sum((ranks - ranks.mean()) ** 2)
    if not 1 < k < n or total == 0:
        return 0.0
    means = np.bincount(groups, ranks) / np.maximum(sizes, 1)
    within = np.sum((ranks - means[groups]) ** 2)
    return 1 - (within / (n - k)) / (total / (n - 1))
