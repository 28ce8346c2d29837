"""Mean and variance of a batch for each channel, and how those of several batches are pooled."""

import numpy as np
import tensorflow as tf


def batch_moments(inputs, axis, mask=None):
    """Counts the values of each channel and takes their mean and variance (divisor: the count).

    Args:
        inputs: Tensor of shape `(batch, ..., channels, ...)`, float32 or wider.
        axis: The axis of the channels.
        mask: Optional tensor that broadcasts to all axes but the last, true (or not 0) where a
            value counts.

    Returns:
        `count`, a scalar without a mask and of shape `(channels,)` with one; `mean` and `variance`
        of shape `(channels,)`. With a mask, a channel without values has mean and variance 0.
    """
    rank = inputs.shape.rank
    axes = [other for other in range(rank) if other != axis % rank]
    if mask is None:
        count = tf.size(inputs) // tf.shape(inputs)[axis]
        return tf.cast(count, inputs.dtype), *tf.nn.moments(inputs, axes)

    present = tf.broadcast_to(tf.cast(mask, "bool")[..., tf.newaxis], tf.shape(inputs))
    count = tf.reduce_sum(tf.cast(present, inputs.dtype), axes, keepdims=True)

    # Two passes, since tf.nn.weighted_moments takes E[x**2] - E[x]**2 and loses a large mean.
    def average(values):
        total = tf.reduce_sum(tf.where(present, values, 0), axes, keepdims=True)
        return tf.math.divide_no_nan(total, count)

    mean = average(inputs)
    variance = average(tf.math.squared_difference(inputs, tf.stop_gradient(mean)))
    return tuple(tf.squeeze(moment, axes) for moment in (count, mean, variance))


def pool_moments(count, mean, variance, total):
    """Pools the moments of several batches into those of all their values, however unequal.

    The law of total variance: `total(count * (variance + (mean - pooled_mean)**2)) / total(count)`.

    Args:
        count: Values in each batch, broadcast to `mean`.
        mean: Their means.
        variance: Their variances (divisor: the count).
        total: Function that sums over the batches: an all-reduce over replicas, or the sum over
            the first axis of a stack.

    Returns:
        The pooled `count`, `mean` and `variance`; 0 where there are no values.
    """
    pooled_count = total(count)
    divisor = tf.maximum(pooled_count, 1)
    pooled_mean = total(count * mean) / divisor
    pooled_variance = total(count * (variance + (mean - pooled_mean) ** 2)) / divisor
    return pooled_count, pooled_mean, pooled_variance


def pool_batches(count, mean, variance):
    """Pools moments that are stacked along their first axis, in float64.

    Args:
        count: Array of shape `(batches, channels)`.
        mean: Array of the same shape.
        variance: Array of the same shape.

    Returns:
        The pooled `count`, `mean` and `variance`, float64 tensors of shape `(channels,)`.
    """
    stacks = (np.asarray(stack, "float64") for stack in (count, mean, variance))
    return pool_moments(*stacks, total=lambda stack: tf.reduce_sum(stack, axis=0))
