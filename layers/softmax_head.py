"""The softmax output layer, hardmax, and the loss that belongs to them."""

from numbers import Integral

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="keras_recipes")
class SoftmaxHead(keras.layers.Layer):
    """Turns activations into the probabilities of C classes: the last layer of a classifier.

    `logits = inputs @ kernel + bias` and `probabilities = exp(logits) / sum(exp(logits))`, in
    float32 whatever the dtype policy. The probabilities are at least 0 and sum to 1 for any finite
    logits. Class 0 can stand for "none of the others".

    The probabilities carry their logits with them, so that `SoftmaxCrossEntropy` and Keras's own
    cross-entropies compute the loss and its gradient, `probabilities - labels`, from the logits. A
    layer placed after the head would cut that link, and a confidently wrong example would have a
    gradient of zero: `SoftmaxCrossEntropy` refuses it; Keras's own losses do not notice.

    Args:
        classes: The number of classes C, at least 2.
        class_names: Optional names of the classes, C distinct strings in the order of the labels;
            they are saved with the model. Default None.
        kernel_initializer: Initialiser of `kernel`. Default "glorot_uniform".
        bias_initializer: Initialiser of `bias`. Default "zeros".
        kernel_regularizer: Regulariser of `kernel`. Default None.
        bias_regularizer: Regulariser of `bias`. Default None.
        **kwargs: `name` and `trainable`, as for any layer.

    Call arguments:
        inputs: Tensor of shape `(batch, ..., features)`.

    Returns:
        float32 tensor of shape `(batch, ..., classes)`.

    Raises:
        ValueError: If `classes` or `class_names` is out of range, or `dtype` is not float32.
    """

    def __init__(
        self,
        classes,
        class_names=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        **kwargs,
    ):
        dtype = kwargs.pop("dtype", None) or "float32"
        if keras.dtype_policies.get(dtype).name != "float32":
            raise ValueError(f"dtype must be float32. Received: dtype={dtype}.")
        super().__init__(dtype="float32", **kwargs)
        if not isinstance(classes, Integral) or isinstance(classes, bool) or classes < 2:
            raise ValueError(f"classes must be an integer above 1. Received: classes={classes}.")
        if class_names is not None and not _are_names(class_names, classes):
            raise ValueError(
                f"class_names must be {classes} distinct strings. "
                f"Received: class_names={class_names}."
            )
        self.classes = int(classes)
        self.class_names = None if class_names is None else tuple(class_names)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.supports_masking = True

    def build(self, input_shape):
        """Creates kernel and bias, in that order."""
        features = input_shape[-1]
        if features is None:
            raise ValueError(f"inputs must have a known last axis. Received: shape={input_shape}.")
        self.input_spec = keras.layers.InputSpec(min_ndim=2, axes={-1: features})
        self.kernel = self.add_weight(
            name="kernel",
            shape=(features, self.classes),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        self.bias = self.add_weight(
            name="bias",
            shape=(self.classes,),
            initializer=self.bias_initializer,
            regularizer=self.bias_regularizer,
        )

    def logits(self, inputs):
        """What the softmax is taken of: `inputs @ kernel + bias`.

        Args:
            inputs: Tensor of shape `(batch, ..., features)`.

        Returns:
            float32 tensor of shape `(batch, ..., classes)`.
        """
        inputs = tf.cast(inputs, "float32")
        return keras.ops.matmul(inputs, self.kernel) + tf.convert_to_tensor(self.bias)

    def call(self, inputs):
        """The probabilities of the classes."""
        logits = self.logits(inputs)
        # This softmax leaves the logits on its output for Keras's own losses. Ours has a mark of
        # its own, since a sigmoid leaves its logits in the same place.
        probabilities = keras.activations.softmax(logits)
        probabilities.softmax_logits = logits
        return probabilities

    def compute_output_shape(self, input_shape):
        """The last axis becomes the classes."""
        return (*input_shape[:-1], self.classes)

    def get_config(self):
        """The constructor's arguments, serialised."""
        return super().get_config() | {
            "classes": self.classes,
            "class_names": self.class_names and list(self.class_names),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
        }


def _are_names(names, classes):
    return (
        isinstance(names, list | tuple)
        and all(isinstance(name, str) for name in names)
        and len(names) == len(set(names)) == classes
    )


@keras.saving.register_keras_serializable(package="keras_recipes")
class SoftmaxCrossEntropy(keras.losses.Loss):
    """The cross-entropy of a `SoftmaxHead`'s probabilities with integer labels, from the logits.

    `-log(probabilities[label])` for each example, computed as
    `log(sum(exp(logits))) - logits[label]`: it and its gradient `probabilities - one_hot(label)`
    are right however wrong the model is.

    Args:
        reduction: How the losses of the examples are joined, as for any Keras loss. Default
            "sum_over_batch_size", their mean.
        name: Name of the loss. Default "softmax_cross_entropy".

    Call arguments:
        y_true: Integer labels of shape `(batch, ...)` or `(batch, ..., 1)`, from 0 to C - 1.
        y_pred: Probabilities of shape `(batch, ..., classes)`, straight out of a `SoftmaxHead`.
        sample_weight: Optional weights of the examples.

    Returns:
        A scalar, or the losses of the examples if `reduction` is None.

    Raises:
        ValueError: When the training step is traced, if `y_pred` does not come straight out of a
            `SoftmaxHead`, or if `y_true` is not one label for each of its rows.
    """

    def __init__(self, reduction="sum_over_batch_size", name="softmax_cross_entropy"):
        # Any other dtype would cast the probabilities, which loses their logits.
        super().__init__(name=name, reduction=reduction, dtype="float32")

    def call(self, y_true, y_pred):
        """The losses of the examples, of shape `(batch, ...)`."""
        logits = getattr(y_pred, "softmax_logits", y_pred)
        if logits is y_pred and not _is_symbolic():
            raise ValueError(
                "y_pred must come straight out of a SoftmaxHead: a layer or a cast after it makes "
                f"the gradient of a confidently wrong example zero. Received: y_pred={y_pred}."
            )
        rank = len(y_pred.shape)
        labels = tf.cast(y_true, "int64")
        if len(labels.shape) == rank and labels.shape[-1] == 1:
            labels = tf.squeeze(labels, axis=-1)
        if len(labels.shape) != rank - 1:
            raise ValueError(
                "y_true must be integer labels, one for each row of y_pred, whose shape is "
                f"{tuple(y_pred.shape)}. Received: y_true.shape={tuple(y_true.shape)}."
            )
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def _is_symbolic():
    """Whether Keras only asks for shapes, with a stand-in for y_pred (it does under a strategy)."""
    with keras.SymbolicScope() as scope:
        return scope.original_scope is not None


def hardmax(logits):
    """Puts 1 at the largest entry of each row and 0 elsewhere: what softmax is the smooth form of.

    `one_hot(argmax(logits))`; of equal largest entries the first one wins.

    Args:
        logits: Tensor of shape `(..., classes)`, finite.

    Returns:
        Tensor of the shape and dtype of `logits`, with exactly one 1 in each row.
    """
    logits = tf.convert_to_tensor(logits)
    # tf.argmax does not promise which of equal entries it names.
    largest = tf.cast(logits == tf.reduce_max(logits, axis=-1, keepdims=True), "int32")
    first = (tf.cumsum(largest, axis=-1) == 1) & (largest == 1)
    return tf.cast(first, logits.dtype)
