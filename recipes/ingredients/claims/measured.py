"""A measured number with its interval, and the ways in which several seeds make one."""

import dataclasses
import math

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True)
class Measured:
    """What several seeds came to."""

    value: float
    low: float
    """Lower end of the interval; the value itself where there is no chance in it."""
    high: float
    """Upper end of the interval."""
    how: str
    """What value and interval are, in words."""
    condition: str = ""
    """Under which of several conditions it was measured; empty if there is one only."""

    def __str__(self):
        interval = "" if self.low == self.high else f" ({self.low:.3g} to {self.high:.3g})"
        condition = f"{self.condition}: " if self.condition else ""
        return f"{condition}{self.value:.3g}{interval}"


def worst_of(values, condition=""):
    """The largest of some numbers, for what must hold each time: no interval.

    Args:
        values: Array of any shape.
        condition: Under which of several conditions. Default "".
    """
    value = float(np.max(values))
    return Measured(value, value, value, f"largest of {np.size(values):,}", condition)


def mean_of(values, condition=""):
    """The mean over seeds, with Student's 95 % interval.

    Args:
        values: One number for each seed; of a single one the interval is the whole axis.
        condition: Under which of several conditions. Default "".
    """
    value, half = _mean_and_half_width(values)
    how = f"mean of {len(values)} seeds, 95 % t interval"
    return Measured(value, value - half, value + half, how, condition)


def ratio_of(numerators, denominators, condition=""):
    """The geometric mean of ratios, pair by pair, with the 95 % t interval of their logarithms.

    Args:
        numerators: One positive number for each seed.
        denominators: Those that they are paired with.
        condition: Under which of several conditions. Default "".
    """
    logs = np.log(np.asarray(numerators, float)) - np.log(np.asarray(denominators, float))
    value, half = _mean_and_half_width(logs)
    how = f"geometric mean of {len(logs)} pairs, 95 % t interval of the logarithms"
    return Measured(*np.exp([value, value - half, value + half]).tolist(), how, condition)


def share_of(successes, trials, condition=""):
    """A share, with Clopper and Pearson's exact 95 % interval.

    Args:
        successes: How many.
        trials: Of how many.
        condition: Under which of several conditions. Default "".
    """
    interval = stats.binomtest(int(successes), int(trials)).proportion_ci(CONFIDENCE)
    how = f"share of {trials:,}, exact 95 % interval"
    return Measured(successes / trials, float(interval.low), float(interval.high), how, condition)


def _mean_and_half_width(values):
    values = np.asarray(values, float)
    if len(values) == 1:
        return float(values[0]), math.inf
    deviation = np.std(values, ddof=1) / np.sqrt(len(values))
    return float(np.mean(values)), float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * (
        float(deviation)
    )
