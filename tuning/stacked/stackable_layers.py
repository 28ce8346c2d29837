"""Layers that stand for Keras's own in a stack's template, where those cannot be vectorised.

They have the same weights in the same order and compute the same. Nothing of Keras is replaced:
only the template, which is the stack's own model, has them.
"""

import itertools

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.common.backend_utils import compute_conv_transpose_padding_args_for_jax

from tuning.stacked.description import is_of_keras


class RateDropout(keras.layers.Layer):
    """Dropout whose rate is a number that each trial has of its own; the draws are shared.

    What is drawn for a unit does not depend on how many units the widest trial of the stack has:
    a trial comes to the same beside any others.

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
        *others, units = tf.unstack(tf.shape(inputs))
        draws = keras.random.uniform([units, *others], dtype="float32", seed=self.seed_generator)
        draws = keras.ops.moveaxis(draws, 0, -1)
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


class OwnLeakyReLU(keras.layers.LeakyReLU):
    """Leaky ReLU whose slope is a constant of the graph; Keras's is no number in it."""

    def call(self, inputs):
        """The inputs, the negative ones times the slope."""
        return keras.ops.where(inputs > 0, inputs, self.negative_slope * inputs)


_SIZES = {"l1": keras.ops.absolute, "l2": keras.ops.square}


class OwnPenalty(keras.regularizers.Regularizer):
    """L1 and L2 penalties whose strengths are numbers that each trial has of its own.

    Args:
        strengths: `{"l1" or "l2": keras.Variable}`.
    """

    def __init__(self, strengths):
        self.strengths = strengths

    def __call__(self, weight):
        """The sum of the penalties."""
        return sum(
            keras.ops.cast(strength, weight.dtype) * keras.ops.sum(_SIZES[name](weight))
            for name, strength in self.strengths.items()
        )


def strengths_of(layer):
    """Strengths of a layer's penalties that may differ between the trials of a stack.

    Args:
        layer: Keras layer.

    Returns:
        `{(attribute, "l1" or "l2"): number}`.
    """
    kinds = keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2
    return {
        (name, each): float(np.float32(value))  # as Keras rounds it, even for float64 weights
        for name, part in (vars(layer) if is_of_keras(type(layer)) else {}).items()
        if name.endswith("_regularizer") and type(part) in kinds
        for each, value in vars(part).items()
    }


def _give_strengths(made, layer):
    """Lets a layer that has not been called have the penalties of another one, with variables."""
    penalties, numbers = {}, []
    made._tracker.unlock()  # one without weights is built from the first, and gets no more
    for name, each in strengths_of(layer):
        variable = made.add_weight(
            name=f"{name}_{each}", shape=(), initializer="zeros", trainable=False, autocast=False
        )
        penalties.setdefault(name, {})[each] = variable
        numbers.append(id(variable))
    for name, strengths in penalties.items():
        setattr(made, name, OwnPenalty(strengths))
    made.strengths = tuple(numbers)
    return made


class _MatmulConvolution:
    """Convolution as strided slices and one matrix product, which stacks as `Dense` does."""

    def convolution_op(self, inputs, kernel):
        """The convolution, without bias and activation."""
        windows = _windows(
            inputs, self.kernel_size, self.strides, self.dilation_rate, self.padding, 0
        )
        return _product(windows, kernel)


class MatmulConv1D(_MatmulConvolution, keras.layers.Conv1D):
    """Convolution along one axis."""

    def call(self, inputs):
        """As all of Keras's convolutions but its own, which does not ask for `convolution_op`."""
        return super(keras.layers.Conv1D, self).call(inputs)


class MatmulConv2D(_MatmulConvolution, keras.layers.Conv2D):
    """Convolution along two axes."""


class MatmulConv3D(_MatmulConvolution, keras.layers.Conv3D):
    """Convolution along three axes."""


class _ProductDepthwise:
    """Convolution of each channel by itself, as a sum of products with strided slices."""

    def call(self, inputs):
        """The convolution, with bias and activation."""
        return _activated(self, self._depthwise(inputs, self.kernel))

    def _depthwise(self, inputs, kernel):
        windows = _windows(
            inputs, self.kernel_size, self.strides, self.dilation_rate, self.padding, 0
        )
        kernels = tf.reshape(kernel, [-1, *kernel.shape[-2:]])
        products = [
            window[..., tf.newaxis] * kernels[place] for place, window in enumerate(windows)
        ]
        outputs = tf.add_n(products)
        return tf.reshape(outputs, [-1, *outputs.shape[1:-2], kernel.shape[-2] * kernel.shape[-1]])


class ProductDepthwiseConv1D(_ProductDepthwise, keras.layers.DepthwiseConv1D):
    """Convolution of each channel along one axis."""


class ProductDepthwiseConv2D(_ProductDepthwise, keras.layers.DepthwiseConv2D):
    """Convolution of each channel along two axes."""


class _MatmulSeparable(_ProductDepthwise):
    """Convolution of each channel by itself, then one matrix product."""

    def call(self, inputs):
        """The convolution, with bias and activation."""
        outputs = self._depthwise(inputs, self.depthwise_kernel)
        pointwise = tf.convert_to_tensor(self.pointwise_kernel)
        outputs = tf.matmul(outputs, tf.reshape(pointwise, [-1, pointwise.shape[-1]]))
        return _activated(self, outputs)


class MatmulSeparableConv1D(_MatmulSeparable, keras.layers.SeparableConv1D):
    """Separable convolution along one axis."""


class MatmulSeparableConv2D(_MatmulSeparable, keras.layers.SeparableConv2D):
    """Separable convolution along two axes."""


class _MatmulTransposed:
    """Transposed convolution: a convolution of the inputs with zeros between them."""

    def call(self, inputs):
        """The transposed convolution, with bias and activation."""
        kernel = tf.convert_to_tensor(self.kernel)
        axes = len(self.kernel_size)
        margins = compute_conv_transpose_padding_args_for_jax(
            inputs.shape,
            kernel.shape,
            self.strides,
            self.padding,
            self.output_padding,
            self.dilation_rate,
        )
        inputs = tf.pad(_with_zeros_between(inputs, self.strides), [[0, 0], *margins, [0, 0]])
        ones = [1] * axes
        windows = _windows(inputs, self.kernel_size, ones, self.dilation_rate, "valid", 0)
        kernel = tf.linalg.matrix_transpose(tf.reverse(kernel, range(axes)))
        return _activated(self, _product(windows, kernel))


class MatmulConv1DTranspose(_MatmulTransposed, keras.layers.Conv1DTranspose):
    """Transposed convolution along one axis."""


class MatmulConv2DTranspose(_MatmulTransposed, keras.layers.Conv2DTranspose):
    """Transposed convolution along two axes."""


class MatmulConv3DTranspose(_MatmulTransposed, keras.layers.Conv3DTranspose):
    """Transposed convolution along three axes."""


def _product(windows, kernel):
    """All places of the windows at once, in one matrix product with the kernel."""
    patches = tf.concat(list(windows), axis=-1)
    return tf.matmul(patches, tf.reshape(kernel, [-1, kernel.shape[-1]]))


def _activated(layer, outputs):
    outputs = outputs + layer.bias if layer.use_bias else outputs
    return outputs if layer.activation is None else layer.activation(outputs)


def _with_zeros_between(inputs, strides):
    """Inputs at every so manieth place along each axis, zeros at the others."""
    for axis, stride in enumerate(strides, 1):
        shape = inputs.shape
        margins = [[0, 0]] * (axis + 1) + [[0, stride - 1]] + [[0, 0]] * (len(shape) - axis - 1)
        spread = tf.pad(tf.expand_dims(inputs, axis + 1), margins)
        spread = tf.reshape(spread, [-1, *shape[1:axis], shape[axis] * stride, *shape[axis + 1 :]])
        last = (shape[axis] - 1) * stride + 1
        inputs = spread[(slice(None),) * axis + (slice(0, last),)]
    return inputs


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


class SliceMaxPooling3D(_SliceMaxPooling, keras.layers.MaxPooling3D):
    """Max pooling along three axes."""


_BY_WINDOWS = {
    ours.__bases__[1]: ours
    for ours in (
        *(MatmulConv1D, MatmulConv2D, MatmulConv3D),
        *(ProductDepthwiseConv1D, ProductDepthwiseConv2D),
        *(MatmulSeparableConv1D, MatmulSeparableConv2D),
        *(MatmulConv1DTranspose, MatmulConv2DTranspose, MatmulConv3DTranspose),
        *(SliceMaxPooling1D, SliceMaxPooling2D, SliceMaxPooling3D),
    )
}
"""Of each of Keras's layers, the one that stands for it."""


_ALTERED = {
    keras.layers.Normalization: OwnNormalization,
    keras.layers.LeakyReLU: OwnLeakyReLU,
}
"""The same, of layers without weights to be trained."""


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
    if type(layer) in _ALTERED:
        return _ALTERED[type(layer)].from_config(config)
    by_windows = type(layer) in _BY_WINDOWS and _has_plain_windows(layer)
    made = made_anew(layer, config, _BY_WINDOWS[type(layer)] if by_windows else None)
    return _give_strengths(made, layer)


def made_anew(layer, config, kind=None):
    """A layer like another one, not yet built, with the same activation, regularisers, constraints.

    Keras would read these from the configuration, where functions and classes of one's own are
    names that it does not know. Initialisers do not matter: other weights are put in.

    Args:
        layer: Keras layer.
        config: Its configuration, perhaps changed.
        kind: Class of the new layer; by default the same.
    """
    if is_of_keras(type(layer)):
        held = vars(cell_of(layer))
        own = {name: held[name] for name in config if name in held}
        config = config | {name: "zeros" for name in own if name.endswith("_initializer")}
        shared = {name: part for name, part in own.items() if _is_shared(name, part)}
    else:
        shared = {}
    made = (kind or type(layer)).from_config(config | dict.fromkeys(shared))
    for name, part in shared.items():
        setattr(cell_of(made), name, part)
    return made


def cell_of(layer):
    """What has a layer's weights and functions: the cell of a recurrent one, or the layer."""
    return layer.cell if isinstance(layer, keras.layers.RNN) else layer


def _is_shared(name, part):
    """Whether a layer's part has no weights, and is set before the layer is built."""
    is_one = name.endswith(("_regularizer", "_constraint", "activation"))
    return is_one and not isinstance(part, keras.layers.Layer)


def is_rate_dropout(layer):
    """Whether a layer's dropout rate may differ between the trials of a stack."""
    return type(layer) is keras.layers.Dropout and layer.noise_shape is None


def _has_plain_windows(layer):
    is_grouped = getattr(layer, "groups", 1) > 1
    is_channels_last = layer.data_format == "channels_last"
    return is_channels_last and not is_grouped and None not in layer.input.shape[1:-1]
