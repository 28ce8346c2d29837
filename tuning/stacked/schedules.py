"""Learning rates of a trial, step by step, as its optimiser's own schedule gives them.

A stack reads a table of rates, so that every schedule works, Keras's or anybody's, and trials with
different schedules share a stack.
"""

import numbers

import keras
import numpy as np
import tensorflow as tf

from tuning.stacked.description import is_of_keras
from tuning.stacked.errors import NotStackable
from tuning.stacked.lazy_variables import initial_value

_KNOWN = set()
"""Kinds of schedules that have given for many steps what they give for each."""


class LearningRates:
    """The learning rate of one optimiser at each step.

    Args:
        optimizer: Keras optimiser.

    Raises:
        NotStackable: If the learning rate is a function that does not know the step.
    """

    def __init__(self, optimizer):
        self._schedule = optimizer._learning_rate
        self._table = np.zeros(0)
        if isinstance(self._schedule, keras.optimizers.schedules.LearningRateSchedule):
            return
        if callable(self._schedule) and not isinstance(self._schedule, keras.Variable):
            raise NotStackable("the learning rate is a function that does not know the step")

    def at(self, first, steps):
        """The learning rates of some steps.

        Args:
            first: Steps made before.
            steps: How many, 0 or more.

        Returns:
            Array of shape `(steps,)`.
        """
        if isinstance(self._schedule, keras.Variable):
            return np.full(steps, initial_value(self._schedule))
        if len(self._table) < first + steps:
            # Eager calls cost more than their arithmetic: many steps at once, seldom.
            self._table = _evaluate(self._schedule, max(first + steps, 2 * len(self._table), 1024))
        return self._table[first : first + steps]


def _evaluate(schedule, steps):
    """The rates of steps 0 to `steps - 1`."""
    iterations, kind = np.arange(steps), _kind_of(schedule)
    try:
        rates = np.asarray(schedule(iterations))
        if rates.shape == (steps,) and (kind in _KNOWN or _agrees(schedule, rates)):
            _KNOWN.update({kind} - {None})
            return rates
    except Exception:  # it decides by the step, and wants one at a time
        pass
    one_by_one = tf.function(
        lambda steps: tf.map_fn(
            lambda step: tf.cast(schedule(step), "float64"), steps, fn_output_signature="float64"
        ),
        autograph=False,
    )
    return one_by_one(tf.constant(iterations)).numpy()


def _agrees(schedule, rates):
    """Whether the schedule gives for some steps alone what it gave for all of them at once."""
    some = 0, 1, len(rates) - 1
    return all(np.allclose(rates[i], schedule(np.int64(i)), rtol=1e-6) for i in some)


def _kind_of(schedule):
    """What Keras's schedules have in common that differ in numbers only; None of anybody else's."""
    if not is_of_keras(type(schedule)):
        return None
    config = keras.tree.map_structure(
        lambda value: type(value) if _is_number(value) else value, schedule.get_config()
    )
    return type(schedule), repr(config)


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
