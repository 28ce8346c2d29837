"""Recomputes the statistics of batch normalisation over a data set (PreciseBN)."""

import contextlib

import keras
import numpy as np
import tensorflow as tf

from .batch_norm import BatchNorm
from .moments import batch_moments, pool_batches


def recalibrate(model, data, batch_size=256):
    """Replaces every batch-norm layer's moving averages by its mean and variance over `data`.

    `moving_mean = mean(inputs)` and `moving_variance = mean((inputs - moving_mean)**2)`, over all
    values of all batches: `mean(variance) + variance(mean)`, each batch weighted by its number of
    values, a smaller last one included.

    Batch-norm layers normalise by the mini-batch meanwhile, as in training; every other layer runs
    as at inference, so that dropout and augmentation, absent when the statistics are used, do not
    bend them. With more than one batch the statistics of a layer behind another batch norm are thus
    those of mini-batch normalised inputs: take a batch size as large as in training, or larger.

    Works on `BatchNorm` and `keras.layers.BatchNormalization`, in nested models too. Frozen layers
    (`trainable = False`) and everything else in the model stay as they are; after an error,
    all of it does.

    Args:
        model: A built Keras model or layer.
        data: The inputs: an array, a tensor or a dict of them; or an iterable of batches (a
            `tf.data.Dataset`, a `keras.utils.PyDataset`, a list, a generator), each `x`, `(x, y)`
            or `(x, y, sample_weight)`, of which only `x` is used.
        batch_size: Examples in a batch, at least 1, if `data` is not batches already. Default 256.

    Raises:
        ValueError: If the model has no batch-norm layer that is not frozen, if one of them was not
            reached, or if `data` is empty or endless.

    Reference:
        Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021 (arXiv 2105.07576), section 3.
    """
    layers = [layer for layer in model._flatten_layers() if _is_batch_norm(layer)]
    if not layers:
        raise ValueError(
            "model must have a batch-norm layer that is not frozen. "
            f"Received: model={model.name} with none."
        )
    state = [(variable, variable.numpy()) for variable in model.non_trainable_variables]
    try:
        pooled = _pooled_moments(model, layers, _batches(data, batch_size))
    finally:
        for variable, value in state:
            variable.assign(value)
    for layer, (_, mean, variance) in zip(layers, pooled, strict=True):
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(variance)
        if getattr(layer, "moving_weight", None) is not None:
            layer.moving_weight.assign(tf.ones_like(layer.moving_weight))


def _is_batch_norm(layer):
    return isinstance(layer, BatchNorm | keras.layers.BatchNormalization) and layer.trainable


def _batches(data, batch_size):
    """An iterable of inputs, without targets."""
    if isinstance(data, np.ndarray | tf.Tensor | dict):
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1. Received: batch_size={batch_size}.")
        return tf.data.Dataset.from_tensor_slices(data).batch(batch_size)
    if isinstance(data, tf.data.Dataset) and data.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError(f"data must end: take(steps) of it. Received: data={data}.")
    return (keras.utils.unpack_x_y_sample_weight(batch)[0] for batch in data)


def _pooled_moments(model, layers, batches):
    """The pooled count, mean and variance of each layer's inputs over all batches."""
    with contextlib.ExitStack() as stack:
        records = [stack.enter_context(_recording(layer)) for layer in layers]

        @tf.function(reduce_retracing=True)
        def moments_of(inputs):
            for record in records:
                record.clear()
            model(inputs, training=False)
            return [tuple(record) for record in records]

        seen = [[] for _ in layers]
        for inputs in batches:
            for calls, moments in zip(seen, moments_of(_as_tensors(inputs)), strict=True):
                calls.extend(moments)
    for layer, calls in zip(layers, seen, strict=True):
        if not sum(float(np.sum(count)) for count, _, _ in calls):
            raise ValueError(
                "data must hold at least one value for every batch-norm layer. "
                f"Received: none for layer={layer.name}."
            )
    return [
        pool_batches(*(np.stack(stack) for stack in zip(*calls, strict=True))) for calls in seen
    ]


def _as_tensors(inputs):
    return keras.tree.map_structure(tf.convert_to_tensor, inputs)


@contextlib.contextmanager
def _recording(layer):
    """Has `layer` run as in training and note the moments of its inputs, one entry a call."""
    record, original = [], layer.call

    def call(inputs, training=None, mask=None):  # noqa: ARG001
        values = tf.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        count, mean, variance = batch_moments(values, layer.axis, mask)
        record.append((tf.broadcast_to(count, tf.shape(mean)), mean, variance))
        return original(inputs, training=True, mask=mask)

    layer.call = call
    try:
        yield record
    finally:
        del layer.call
