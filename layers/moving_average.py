"""The exponentially weighted moving average: one step of it, and its closed form."""

import numpy as np
import tensorflow as tf


def move_average(average, value, rate):
    """Moves `average` towards `value` by the fraction `rate` of the distance between them.

    `average + rate * (value - average)`, which is
    `momentum * average + (1 - momentum) * value` with `rate = 1 - momentum`. A rate of 0 leaves
    the average exactly as it is; the average then spans about `1 / rate` values.

    Args:
        average: The average so far. A number, array or tensor of any shape.
        value: The new value, of the same shape.
        rate: How far to go, from 0 (stay) to 1 (forget the past), broadcast to `average`.

    Returns:
        The new average, of the shape and dtype of `average`.
    """
    return average + rate * (value - average)


def debiased_rate(rate, weight):
    """The rate that makes a young moving average the weighted mean of what it has seen, no more.

    `rate / weight`, where `weight = 1 - (1 - rate)**n` is the total weight of the `n` values seen,
    the current one included: the moving average of a series of ones that starts at zero. The first
    step then has rate 1 and replaces the initial value, whatever it was: an average that started
    at one is corrected just as one that started at zero, and needs no correction when it is read.

    Args:
        rate: The rate in the long run, from 0 to 1.
        weight: The total weight of the values seen, from 0 to 1, of the shape of `rate`.

    Returns:
        The rate of the current step, from 0 to 1; 0 where nothing has been seen.

    Reference:
        Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, section 3.
    """
    return tf.math.divide_no_nan(rate, weight)


def moving_average_weights(count, momentum, debias=False):
    """The weight of each of `count` values, oldest first, in their moving average.

    `(1 - momentum) * momentum**(count - 1 - i)` for value `i`; with `debias`, divided by their sum
    `1 - momentum**count`, so that they sum to one. Without, the rest, `momentum**count`, is the
    weight of the average's initial value.

    Args:
        count: How many values, at least 1.
        momentum: What is kept of the average at each step, from 0 to below 1.
        debias: Whether the initial value is left out. Default False.

    Returns:
        A float64 array of shape `(count,)`.
    """
    weights = (1 - momentum) * momentum ** np.arange(count - 1, -1, -1, dtype="float64")
    return weights / (1 - momentum**count) if debias else weights


def closed_form_average(values, momentum, initial=0.0, debias=False):
    """The moving average of a whole series at once: what `move_average` reaches step by step.

    `momentum**n * initial + sum((1 - momentum) * momentum**(n - 1 - i) * values[i])`.

    Args:
        values: The series, an array of shape `(n, ...)`, oldest first.
        momentum: What is kept of the average at each step, from 0 to below 1.
        initial: The average before the first value. Default 0.
        debias: Whether the initial value is left out and the weights sum to one. Default False.

    Returns:
        A float64 array of shape `(...)`.
    """
    values = np.asarray(values, "float64")
    count = len(values)
    average = np.tensordot(moving_average_weights(count, momentum, debias), values, axes=1)
    return average if debias else average + momentum**count * initial
