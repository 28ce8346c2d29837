"""Ranges that are not a stretch of real numbers: integers, categories, a fixed value.

They answer the same questions as a scale. A number drawn uniformly on [0, 1] gives equal shares.
"""

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np

from tuning.scales import Linear, Logarithmic


@dataclass(frozen=True)
class Integers:
    """The integers from `low` to `high`, both included.

    `value = floor(scale(low, high + 1).from_unit(unit))`

    Args:
        low: int, the smallest.
        high: int, the largest; greater than `low`.
        scale: `Linear` (default: equal shares) or `Logarithmic` (equal shares for each factor).

    Raises:
        ValueError: if an end is no integer, the range is empty, or `low` is below 1 on a
            logarithmic scale.
    """

    low: int
    high: int
    scale: type = Linear

    def __post_init__(self):
        for end in ("low", "high"):
            value = getattr(self, end)
            if isinstance(value, bool) or not isinstance(value, Integral):
                raise ValueError(f"{end} must be an integer. Received: {end}={value!r}.")
            object.__setattr__(self, end, int(value))
        if self.scale not in (Linear, Logarithmic):
            raise ValueError(
                f"scale must be Linear or Logarithmic for integers. Received: scale={self.scale!r}."
            )
        if self.low >= self.high:
            raise ValueError(
                f"high must be greater than low={self.low}. Received: high={self.high}."
            )
        self.scale(self.low, self.high + 1)

    def to_unit(self, value):
        """Map integers of the range to the middles of their shares of [0, 1]."""
        return self.scale(self.low, self.high + 1).to_unit(np.asarray(value) + 0.5)

    def from_unit(self, unit):
        """Map numbers of [0, 1] to the integers in whose shares they lie."""
        value = np.floor(self.scale(self.low, self.high + 1).from_unit(unit))
        return np.minimum(value, self.high).astype("int64")[()]

    def contains(self, value):
        """Whether a value is an integer of the range."""
        is_integer = isinstance(value, Integral) and not isinstance(value, bool)
        return is_integer and self.low <= value <= self.high

    def nearest(self, value):
        """The integer of the range nearest to a value."""
        return int(np.clip(round(value), self.low, self.high))

    def declare(self, hp, name, default):
        """Declare this range on a `keras_tuner.HyperParameters`; returns the current value."""
        sampling = "log" if self.scale is Logarithmic else "linear"
        return hp.Int(name, self.low, self.high, sampling=sampling, default=default)

    def read(self, hp, name):
        """The value that a `keras_tuner.HyperParameters` holds for this range."""
        return hp.get(name)


@dataclass(frozen=True)
class Choices:
    """One of some values, all numbers or all strings or both booleans; each an equal share.

    `value = values[floor(unit * len(values))]`

    Args:
        values: sequence of distinct values of one type; numbers in increasing order.

    Raises:
        ValueError: if there are none, or they repeat, mix types, or are not ordered or not finite.
    """

    values: tuple

    def __post_init__(self):
        values = tuple(self.values)
        object.__setattr__(self, "values", values)
        if not values:
            raise ValueError(f"values must hold at least one value. Received: values={values}.")
        kinds = {type(value) for value in values}
        if len(kinds) > 1 or not kinds <= {int, float, str, bool}:
            raise ValueError(
                "values must be all int, all float, all str or all bool. "
                f"Received: values={values}."
            )
        if len(set(values)) < len(values):
            raise ValueError(f"values must be distinct. Received: values={values}.")
        if kinds <= {int, float} and not all(np.isfinite(values)):
            raise ValueError(f"values must be finite. Received: values={values}.")
        if kinds <= {int, float} and list(values) != sorted(values):
            raise ValueError(f"values must increase. Received: values={values}.")

    def to_unit(self, value):
        """Map one value to the middle of its share of [0, 1]."""
        return (self.values.index(value) + 0.5) / len(self.values)

    def from_unit(self, unit):
        """Map a number of [0, 1] to the value in whose share it lies."""
        return self.values[min(int(unit * len(self.values)), len(self.values) - 1)]

    def contains(self, value):
        """Whether a value is one of the choices, and of their type."""
        return any(type(value) is type(choice) and value == choice for choice in self.values)

    def nearest(self, value):
        """The choice nearest to a number; the first for anything else."""
        if isinstance(self.values[0], str | bool) or not isinstance(value, Real):
            return self.values[0]
        return min(self.values, key=lambda choice: abs(choice - value))

    def declare(self, hp, name, default):
        """Declare this range on a `keras_tuner.HyperParameters`; returns the current value."""
        if set(self.values) == {True, False} and isinstance(self.values[0], bool):
            return hp.Boolean(name, default=default)  # a Choice would turn them into 0 and 1
        return hp.Choice(name, list(self.values), default=default)

    def read(self, hp, name):
        """The value that a `keras_tuner.HyperParameters` holds for this range."""
        return hp.get(name)


@dataclass(frozen=True)
class Fixed:
    """A single value, not searched.

    Args:
        value: int, float, str or bool, finite.

    Raises:
        ValueError: if the value is of another type or not finite.
    """

    value: int | float | str | bool

    def __post_init__(self):
        value = self.value
        if not isinstance(value, int | float | str):
            raise ValueError(f"value must be int, float, str or bool. Received: value={value!r}.")
        if not isinstance(value, str) and not np.isfinite(value):
            raise ValueError(f"value must be finite. Received: value={value!r}.")

    def to_unit(self, value):
        """The middle of [0, 1]."""
        del value
        return 0.5

    def from_unit(self, unit):
        """The fixed value, whatever the number."""
        del unit
        return self.value

    def contains(self, value):
        """Whether a value is the fixed one."""
        return value == self.value

    def nearest(self, value):
        """The fixed value."""
        del value
        return self.value

    def declare(self, hp, name, default):
        """Declare this value on a `keras_tuner.HyperParameters`; returns it."""
        del default
        return hp.Fixed(name, self.value)

    def read(self, hp, name):
        """The fixed value."""
        del hp, name
        return self.value
