"""Layers that stand for Keras's own in a stack's template, where those cannot be vectorised.

They have the same weights in the same order and compute the same. Nothing of Keras is replaced:
only the template, which is the stack's own model, has them.
"""

import itertools

import keras
import tensorflow as tf


class RateDropout(keras.layers.Layer):
    """Dropout whose rate is a number that each trial has of its own; the draws are shared.

    Args:
        **kwargs: As for any layer.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.seed_generator = keras.random.SeedGenerator(0)

    def build(self, input_shape):  # noqa: ARG002
        """Creates the rate."""
        self.rate = self.add_weight(name="rate", shape=(), trainable=False, autocast=False)

    def call(self, inputs, training=False):
        """Keeps each entry with probability 1 - rate, and makes up for the others."""
        if not training:
            return inputs
        draws = keras.random.uniform(tf.shape(inputs), dtype="float32", seed=self.seed_generator)
        rate = tf.convert_to_tensor(self.rate)
        scale = tf.where(rate < 1, 1 / tf.where(rate < 1, 1 - rate, 1), 0)
        return tf.where(draws >= rate, inputs * tf.cast(scale, inputs.dtype), 0)


class OwnNormalization(keras.layers.Normalization):
    """Normalisation by the statistics that each trial's layer was adapted to.

    Keras's layer makes constants of them, which its copy would not have.
    """

    def call(self, inputs):
        """Subtracts the mean and divides by the deviation."""
        self.finalize_state()  # which makes tensors of the variables
        return super().call(inputs)


class _MatmulConvolution:
    """Convolution as strided slices and one matrix product, which stacks as `Dense` does."""

    def convolution_op(self, inputs, kernel):
        """The convolution, without bias and activation."""
        windows = _windows(
            inputs, self.kernel_size, self.strides, self.dilation_rate, self.padding, 0
        )
        patches = tf.concat(list(windows), axis=-1)
        return tf.matmul(patches, tf.reshape(kernel, [-1, kernel.shape[-1]]))


class MatmulConv1D(_MatmulConvolution, keras.layers.Conv1D):
    """Convolution along one axis."""

    def call(self, inputs):
        """As all of Keras's convolutions but its own, which does not ask for `convolution_op`."""
        return super(keras.layers.Conv1D, self).call(inputs)


class MatmulConv2D(_MatmulConvolution, keras.layers.Conv2D):
    """Convolution along two axes."""


class _SliceMaxPooling:
    """Max pooling as the largest of slices."""

    def call(self, inputs):
        """The largest value of each window."""
        no_dilation = [1] * len(self.pool_size)
        windows = _windows(
            inputs, self.pool_size, self.strides, no_dilation, self.padding, inputs.dtype.min
        )
        largest = next(windows)
        for window in windows:
            largest = tf.maximum(largest, window)
        return largest


class SliceMaxPooling1D(_SliceMaxPooling, keras.layers.MaxPooling1D):
    """Max pooling along one axis."""


class SliceMaxPooling2D(_SliceMaxPooling, keras.layers.MaxPooling2D):
    """Max pooling along two axes."""


_BY_WINDOWS = {
    keras.layers.Conv1D: MatmulConv1D,
    keras.layers.Conv2D: MatmulConv2D,
    keras.layers.MaxPooling1D: SliceMaxPooling1D,
    keras.layers.MaxPooling2D: SliceMaxPooling2D,
}


def _windows(inputs, sizes, strides, dilations, padding, filler):
    """For each place in the window, what lies there for every position of the window."""
    extents = [(size - 1) * dilation + 1 for size, dilation in zip(sizes, dilations, strict=True)]
    if padding == "causal":
        inputs = tf.pad(inputs, [[0, 0], [extents[0] - 1, 0], [0, 0]])
    elif padding == "same":
        rows = zip(inputs.shape[1:-1], extents, strides, strict=True)
        totals = [max((-(-n // step) - 1) * step + extent - n, 0) for n, extent, step in rows]
        margins = [[total // 2, total - total // 2] for total in totals]
        inputs = tf.pad(inputs, [[0, 0], *margins, [0, 0]], constant_values=filler)
    counts = [
        (n - extent) // step + 1
        for n, extent, step in zip(inputs.shape[1:-1], extents, strides, strict=True)
    ]
    for place in itertools.product(*(range(size) for size in sizes)):
        starts = [i * dilation for i, dilation in zip(place, dilations, strict=True)]
        spans = [
            slice(start, start + (count - 1) * step + 1, step)
            for start, count, step in zip(starts, counts, strides, strict=True)
        ]
        yield inputs[(slice(None), *spans)]


def stackable(layer, **changes):
    """A new layer for a template that computes what `layer` does.

    Args:
        layer: Keras layer.
        **changes: Arguments that get other values, such as `units`.

    Returns:
        Keras layer, not yet built.
    """
    config = layer.get_config() | changes
    if is_rate_dropout(layer):
        return RateDropout(name=config["name"], dtype=layer.dtype_policy)
    if type(layer) is keras.layers.Lambda:  # Keras does not read a function from a configuration
        return keras.layers.Lambda(
            layer.function,
            layer._output_shape,
            layer.mask,
            layer.arguments,
            name=config["name"],
            dtype=layer.dtype_policy,
        )
    if type(layer) is keras.layers.Normalization:
        return OwnNormalization.from_config(config)
    if type(layer) in _BY_WINDOWS and _has_plain_windows(layer):
        return _BY_WINDOWS[type(layer)].from_config(config)
    return type(layer).from_config(config)


def is_rate_dropout(layer):
    """Whether a layer's dropout rate may differ between the trials of a stack."""
    return type(layer) is keras.layers.Dropout and layer.noise_shape is None


def _has_plain_windows(layer):
    is_grouped = getattr(layer, "groups", 1) > 1
    is_channels_last = layer.data_format == "channels_last"
    return is_channels_last and not is_grouped and None not in layer.input.shape[1:-1]
