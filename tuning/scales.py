"""Scales: one-to-one maps between a range of real numbers and [0, 1].

A value drawn uniformly on [0, 1] and mapped back lies more densely where the scale is stretched;
the right scale is stretched where the result is more sensitive.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scale:
    """A range of real numbers, stretched by an increasing function.

    `unit = (stretch(value) - stretch(low)) / (stretch(high) - stretch(low))`

    Args:
        low: float, the end of the range that maps to 0.
        high: float, the end of the range that maps to 1; greater than `low`.

    Raises:
        ValueError: if an end is not finite or not in the scale's domain, or the range is empty.
    """

    low: float
    high: float

    def __post_init__(self):
        for end in ("low", "high"):
            value = getattr(self, end)
            if isinstance(value, bool) or not isinstance(value, int | float | np.number):
                raise ValueError(f"{end} must be a number. Received: {end}={value!r}.")
            if not np.isfinite(value):
                raise ValueError(f"{end} must be finite. Received: {end}={value!r}.")
            object.__setattr__(self, end, float(value))
        self._check_domain()
        if not self._stretch(self.low) < self._stretch(self.high):
            raise ValueError(
                f"high must be greater than low={self.low!r}. Received: high={self.high!r}."
            )

    def _check_domain(self):
        if not np.isfinite(self.high - self.low):
            raise ValueError(
                f"high must be less than 1.8e308 above low={self.low!r}. "
                f"Received: high={self.high!r}."
            )

    def to_unit(self, value):
        """Map values of the range to [0, 1].

        Args:
            value: float or array of floats, within [low, high].

        Returns:
            float, or float64 array of the same shape, within [0, 1].

        Raises:
            ValueError: if a value lies outside the range.
        """
        value = np.asarray(value, dtype="float64")
        if not np.all((value >= self.low) & (value <= self.high)):
            raise ValueError(
                f"value must be in [{self.low}, {self.high}]. Received: value={value}."
            )
        start, end = self._stretch(self.low), self._stretch(self.high)
        return np.clip((self._stretch(value) - start) / (end - start), 0.0, 1.0)[()]

    def from_unit(self, unit):
        """Map numbers of [0, 1] to values of the range; 0 and 1 give its ends exactly.

        Args:
            unit: float or array of floats, within [0, 1].

        Returns:
            float, or float64 array of the same shape, within [low, high].

        Raises:
            ValueError: if a number lies outside [0, 1].
        """
        unit = np.asarray(unit, dtype="float64")
        if not np.all((unit >= 0.0) & (unit <= 1.0)):
            raise ValueError(f"unit must be in [0, 1]. Received: unit={unit}.")
        start, end = self._stretch(self.low), self._stretch(self.high)
        value = np.clip(self._shrink(start + unit * (end - start)), self.low, self.high)
        return np.where(unit == 0.0, self.low, np.where(unit == 1.0, self.high, value))[()]

    def contains(self, value):
        """Whether a value is a number of the range."""
        is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        return bool(is_number and self.low <= value <= self.high)

    def nearest(self, value):
        """The number of the range nearest to a value."""
        return float(np.clip(value, self.low, self.high))

    def declare(self, hp, name, default):
        """Declare this range on a `keras_tuner.HyperParameters`; returns the current value."""
        return hp.Float(name, self.low, self.high, default=default)

    def read(self, hp, name):
        """The value that a `keras_tuner.HyperParameters` holds for this range."""
        return hp.get(name)


class Linear(Scale):
    """All parts of the range are equally dense: `stretch(value) = value`."""

    def _stretch(self, value):
        return value

    def _shrink(self, stretched):
        return stretched


class Logarithmic(Scale):
    """Each factor of ten is equally dense: `stretch(value) = log(value)`.

    For learning rates on [1e-4, 1]: a quarter of the draws in each decade, where a linear scale
    puts nine tenths of them in [0.1, 1].
    """

    def _check_domain(self):
        if self.low <= 0.0:
            raise ValueError(
                "low must be greater than 0 on a logarithmic scale, as log(0) is infinite. "
                f"Received: low={self.low!r}."
            )

    def _stretch(self, value):
        return np.log(value)

    def _shrink(self, stretched):
        return np.exp(stretched)

    def declare(self, hp, name, default):
        """Declare this range on a `keras_tuner.HyperParameters`; returns the current value."""
        return hp.Float(name, self.low, self.high, sampling="log", default=default)


class LogarithmicComplement(Scale):
    """Each factor of ten of 1 - value is equally dense: `stretch(value) = -log(1 - value)`.

    For momenta on [0.9, 0.999]: an average over 1 / (1 - momentum) values is most sensitive near 1;
    half of the draws lie above 0.99.
    """

    def _check_domain(self):
        for end in ("low", "high"):
            if not 0.0 < getattr(self, end) < 1.0:
                raise ValueError(
                    f"{end} must be between 0 and 1, both excluded, on a logarithmic complement "
                    f"scale, which is the logarithm of 1 - value. "
                    f"Received: {end}={getattr(self, end)!r}."
                )

    def _stretch(self, value):
        return -np.log1p(-value)

    def _shrink(self, stretched):
        return -np.expm1(-stretched)

    def declare(self, hp, name, default):
        """Declare this range on a `keras_tuner.HyperParameters`; returns the current value."""
        return log_complement(hp, name, self.low, self.high, default)

    def read(self, hp, name):
        """The value that a `keras_tuner.HyperParameters` holds for this range."""
        return self.nearest(1.0 - hp.get(f"{COMPLEMENT}{name}"))


COMPLEMENT = "one_minus_"
"""Prefix of the names under which keras-tuner samples 1 - value."""


def log_complement(hp, name, low, high, default=None):
    """A hyperparameter on the logarithmic complement scale, in one line of any `build(hp)`.

    `value = 1 - hp.Float("one_minus_<name>", 1 - high, 1 - low, sampling="log")`

    keras-tuner's own `sampling="reverse_log"` is no such scale: it is almost linear on
    [0.9, 0.999] and puts one draw in ten above 0.99 instead of one in two.

    Args:
        hp: `keras_tuner.HyperParameters` that `build` was called with.
        name: str, the hyperparameter's own name, such as `"momentum"`.
        low: float in (0, 1), the smallest value.
        high: float in (0, 1), the largest value.
        default: float in [low, high]; `low` unless given.

    Returns:
        float, the current value; None where a conditional scope makes it inactive.

    Raises:
        ValueError: if the range is empty or leaves (0, 1).
    """
    scale = LogarithmicComplement(low, high)
    default = 1.0 - (low if default is None else default)
    smallest, largest = 1.0 - scale.high, 1.0 - scale.low
    complement = hp.Float(f"{COMPLEMENT}{name}", smallest, largest, sampling="log", default=default)
    return None if complement is None else scale.nearest(1.0 - complement)
