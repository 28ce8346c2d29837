"""Any keras-tuner space as a unit cube: one coordinate in [0, 1] a hyperparameter, on its scale.

All oracles here choose points of the cube, so that they work on a declared `SearchSpace` and on
somebody else's `build(hp)` alike. keras-tuner appends what a builder shows later; coordinates keep
their places.
"""

import math

import keras_tuner
import numpy as np

kinds = keras_tuner.engine.hyperparameters


def searched(space):
    """The hyperparameters of a keras-tuner space (`hp.space`) that have a coordinate."""
    return [hp for hp in space if not isinstance(hp, kinds.Fixed)]


def is_active(hp, values):
    """Whether a hyperparameter's conditions hold under the values chosen so far."""
    return all(condition.is_active(values) for condition in hp.conditions)


def is_ordered(hp):
    """Whether nearby coordinates of a hyperparameter mean similar values."""
    return not isinstance(hp, kinds.Boolean) and getattr(hp, "ordered", True)


def levels(hp):
    """All values of a discrete hyperparameter in order; None for a continuous one."""
    if isinstance(hp, kinds.Choice):
        return sorted(hp.values) if hp.ordered else hp.values
    if isinstance(hp, kinds.Boolean):
        return (False, True)
    if isinstance(hp, kinds.Fixed):
        return (hp.value,)
    if isinstance(hp, kinds.Int) and hp.step in (None, 1):
        return range(hp.min_value, hp.max_value + 1)
    if hp.step is None:
        return None
    if hp.sampling == "linear":  # keras-tuner loses the last one to a rounding error
        count = math.floor((hp.max_value - hp.min_value) / hp.step + 1e-9) + 1
        numbers = [hp.min_value + index * hp.step for index in range(count)]
    else:
        numbers = list(hp.values)
    if isinstance(hp, kinds.Int):
        return [round(number) for number in numbers]
    return [min(number, hp.max_value) for number in numbers]


def value_at(hp, unit):
    """The value of one hyperparameter at a coordinate; 0 and 1 give its ends exactly."""
    values = levels(hp)
    if values is not None and not _is_logarithmic_integer(hp):
        return values[min(int(unit * len(values)), len(values) - 1)]
    if unit <= 0.0:
        return hp.min_value
    if unit >= 1.0:
        return hp.max_value
    return min(max(hp.prob_to_value(float(unit)), hp.min_value), hp.max_value)


def unit_of(hp, value):
    """The coordinate of a value; of a discrete one, the middle of its share of [0, 1]."""
    values = levels(hp)
    if values is None or _is_logarithmic_integer(hp):
        return float(hp.value_to_prob(min(max(value, hp.min_value), hp.max_value)))
    if value in values:
        return (values.index(value) + 0.5) / len(values)
    nearest = np.argmin([abs(level - value) for level in values]) if is_ordered(hp) else 0
    return (nearest + 0.5) / len(values)


def _is_logarithmic_integer(hp):
    return isinstance(hp, kinds.Int) and hp.step is None


def values_at(space, point):
    """The values of all active hyperparameters at a point.

    Args:
        space: list of keras-tuner hyperparameters, parents before children.
        point: sequence of numbers in [0, 1], one for each of `searched(space)`.

    Returns:
        dict of keras-tuner name to value.
    """
    units, values = iter(point), {}
    for hp in space:
        unit = 0.5 if isinstance(hp, kinds.Fixed) else next(units)
        if is_active(hp, values):
            values[hp.name] = value_at(hp, unit)
    return values


def point_of(space, values):
    """The point of some values: one coordinate for each of `searched(space)`.

    What is inactive or missing in the values sits in the middle.
    """
    return np.array(
        [
            unit_of(hp, values[hp.name]) if hp.name in values and is_active(hp, values) else 0.5
            for hp in searched(space)
        ]
    )


def combinations(space, levels_of_each):
    """Generate every combination of given values once, active hyperparameters only.

    Args:
        space: list of keras-tuner hyperparameters, parents before children.
        levels_of_each: list as long, of sequences of values.

    Yields:
        dict of keras-tuner name to value.
    """

    def extend(index, values):
        if index == len(space):
            yield values
        elif not is_active(space[index], values):
            yield from extend(index + 1, values)
        else:
            for level in levels_of_each[index]:
                yield from extend(index + 1, {**values, space[index].name: level})

    return extend(0, {})
