"""Batch normalisation, by `tf.nn.moments`, `tf.nn.batch_normalization` and moving averages."""

import keras
import tensorflow as tf

from .moments import batch_moments, pool_moments
from .moving_average import debiased_rate, move_average


@keras.saving.register_keras_serializable(package="keras_recipes")
class BatchNorm(keras.layers.Layer):
    """Normalises each channel over the batch in training, by moving averages at inference.

    `gamma * (inputs - mean) / sqrt(variance + epsilon) + beta`. In training, `mean` and `variance`
    are the mini-batch's, and after it
    `moving_mean = momentum * moving_mean + (1 - momentum) * mean`, likewise `moving_variance`.
    At inference they are the moving averages, so that no row's output depends on another row. The
    variance's divisor is the number of values N, not N - 1, in the batch and in the averages.

    A drop-in for `keras.layers.BatchNormalization`: same arguments, same weights in the same order.
    Leave the bias out of the layer before: its gradient is zero.

    A channel with fewer than two values (a batch of one example without spatial axes, all or all
    but one masked, an empty batch) has no variance to speak of. In training it is normalised as at
    inference and its averages stay as they are. This holds in eager, graph and XLA mode, whether
    or not the shape is known beforehand; training with batches of one alone hence never
    normalises.

    `trainable = False` freezes the layer: it runs as at inference, in training too.

    Args:
        axis: The channels' axis. Default -1.
        momentum: What the moving averages keep at each step, from 0 to 1. Default 0.99.
        epsilon: Added to the variance, above or equal to 0. Default 1e-3.
        center: Whether there is a learned shift `beta`. Default True.
        scale: Whether there is a learned factor `gamma`. Default True.
        beta_initializer: Initialiser of `beta`. Default "zeros".
        gamma_initializer: Initialiser of `gamma`. Default "ones".
        moving_mean_initializer: Initialiser of `moving_mean`. Default "zeros".
        moving_variance_initializer: Initialiser of `moving_variance`. Default "ones".
        beta_regularizer: Regulariser of `beta`. Default None.
        gamma_regularizer: Regulariser of `gamma`. Default None.
        beta_constraint: Constraint of `beta`. Default None.
        gamma_constraint: Constraint of `gamma`. Default None.
        synchronized: Whether the replicas of a `tf.distribute` strategy pool their statistics as
            if they shared one batch. Default False.
        debias: Whether the moving averages forget their initial values at the first step, after
            which they are the weighted means of the statistics seen: short trainings are then
            evaluated with the right ones. Adds a weight `moving_weight`, the last. Default False.
        **kwargs: `name`, `dtype` and `trainable`, as for any layer. Whatever the dtype policy,
            statistics are computed and averaged in float32 at least.

    Call arguments:
        inputs: Tensor of shape `(batch, ..., channels)`, rank 2 or above.
        training: Whether to use the mini-batch's statistics. Default False.
        mask: Optional tensor with one axis less than `inputs`, true (or not 0) where a value
            counts towards the statistics, of a shape that broadcasts to theirs.

    Returns:
        Tensor of the shape of `inputs`, in the layer's compute dtype.

    Raises:
        ValueError: If `momentum`, `epsilon`, `axis`, the inputs' rank or channels, or the mask's
            rank is out of range.

    Reference:
        Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing
        Internal Covariate Shift", 2015, algorithms 1 and 2.
    """

    def __init__(
        self,
        axis=-1,
        momentum=0.99,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        moving_mean_initializer="zeros",
        moving_variance_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        synchronized=False,
        debias=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum must be from 0 to 1. Received: momentum={momentum}.")
        if not 0 <= epsilon < float("inf"):
            raise ValueError(f"epsilon must be at least 0. Received: epsilon={epsilon}.")
        self.axis = int(axis)
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self.center = center
        self.scale = scale
        self.beta_initializer = keras.initializers.get(beta_initializer)
        self.gamma_initializer = keras.initializers.get(gamma_initializer)
        self.moving_mean_initializer = keras.initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = keras.initializers.get(moving_variance_initializer)
        self.beta_regularizer = keras.regularizers.get(beta_regularizer)
        self.gamma_regularizer = keras.regularizers.get(gamma_regularizer)
        self.beta_constraint = keras.constraints.get(beta_constraint)
        self.gamma_constraint = keras.constraints.get(gamma_constraint)
        self.synchronized = synchronized
        self.debias = debias
        self.supports_masking = True
        self.gamma = self.beta = self.moving_weight = None

    def build(self, input_shape):
        """Creates gamma, beta, moving_mean, moving_variance and moving_weight, in that order."""
        rank = len(input_shape)
        if rank < 2:
            raise ValueError(f"inputs must have rank 2 or above. Received: shape={input_shape}.")
        if not -rank <= self.axis < rank:
            raise ValueError(
                f"axis must be an axis of the inputs, whose shape is {input_shape}. "
                f"Received: axis={self.axis}."
            )
        channels = input_shape[self.axis]
        if channels is None:
            raise ValueError(
                f"inputs must have a known number of channels on axis {self.axis}. "
                f"Received: shape={input_shape}."
            )
        self.input_spec = keras.layers.InputSpec(ndim=rank, axes={self.axis: channels})
        if self.scale:
            self.gamma = self._add_parameter("gamma", channels)
        if self.center:
            self.beta = self._add_parameter("beta", channels)
        self.moving_mean = self._add_average("moving_mean", channels, self.moving_mean_initializer)
        self.moving_variance = self._add_average(
            "moving_variance", channels, self.moving_variance_initializer
        )
        if self.debias:
            self.moving_weight = self._add_average("moving_weight", channels, "zeros")

    def _add_parameter(self, name, channels):
        return self.add_weight(
            name=name,
            shape=(channels,),
            initializer=getattr(self, f"{name}_initializer"),
            regularizer=getattr(self, f"{name}_regularizer"),
            constraint=getattr(self, f"{name}_constraint"),
            autocast=False,
        )

    def _add_average(self, name, channels, initializer):
        return self.add_weight(
            name=name,
            shape=(channels,),
            initializer=initializer,
            # float16 would stall: (1 - momentum) * (value - average) is below its last digit.
            dtype=keras.backend.result_type(self.variable_dtype, "float32"),
            trainable=False,
            autocast=False,
            aggregation="mean",
        )

    def call(self, inputs, training=None, mask=None):
        """Normalises `inputs`; in training, moves the averages towards the batch's statistics."""
        if mask is not None and len(mask.shape) != len(inputs.shape) - 1:
            raise ValueError(
                f"mask must have one axis less than the inputs, whose shape is {inputs.shape}. "
                f"Received: mask.shape={mask.shape}."
            )
        values = tf.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        mean = tf.cast(self.moving_mean, values.dtype)
        variance = tf.cast(self.moving_variance, values.dtype)
        if training and self.trainable:
            count, batch_mean, batch_variance = self._batch_moments(values, mask)
            # A choice by tf.where, not tf.cond, which neither XLA nor tf.vectorized_map likes.
            enough = count > 1
            batch_mean = tf.where(enough, batch_mean, mean)
            batch_variance = tf.where(enough, batch_variance, variance)
            rate = tf.where(enough, tf.constant(1 - self.momentum, values.dtype), 0)
            if self.debias:
                weight = move_average(tf.cast(self.moving_weight, values.dtype), 1, rate)
                self.moving_weight.assign(weight)
                rate = debiased_rate(rate, weight)
            self.moving_mean.assign(move_average(mean, batch_mean, rate))
            self.moving_variance.assign(move_average(variance, batch_variance, rate))
            mean, variance = batch_mean, batch_variance
        outputs = tf.nn.batch_normalization(
            values,
            mean=self._along_axis(mean, values),
            variance=self._along_axis(variance, values),
            offset=self._along_axis(self.beta, values),
            scale=self._along_axis(self.gamma, values),
            variance_epsilon=self.epsilon,
        )
        return tf.cast(outputs, self.compute_dtype)

    def _batch_moments(self, values, mask):
        moments = batch_moments(values, self.axis, mask)
        replicas = tf.distribute.get_replica_context()
        if not self.synchronized or replicas is None or replicas.num_replicas_in_sync == 1:
            return moments
        add = tf.distribute.ReduceOp.SUM
        return pool_moments(*moments, total=lambda local: replicas.all_reduce(add, local))

    def _along_axis(self, vector, values):
        """Shapes one number for each channel so that it broadcasts to `values`."""
        if vector is None:
            return None
        vector = tf.cast(vector, values.dtype)
        rank = values.shape.rank
        if self.axis % rank == rank - 1:
            return vector
        return tf.reshape(vector, [-1 if i == self.axis % rank else 1 for i in range(rank)])

    def compute_output_shape(self, input_shape):
        """The output has the shape of the input."""
        return input_shape

    def get_config(self):
        """The constructor's arguments, serialised."""
        config = {name: getattr(self, name) for name in ("axis", "momentum", "epsilon")}
        config |= {name: getattr(self, name) for name in ("center", "scale")}
        config |= {name: getattr(self, name) for name in ("synchronized", "debias")}
        for weight in ("beta", "gamma", "moving_mean", "moving_variance"):
            initializer = getattr(self, f"{weight}_initializer")
            config[f"{weight}_initializer"] = keras.initializers.serialize(initializer)
        for weight in ("beta", "gamma"):
            regularizer = getattr(self, f"{weight}_regularizer")
            config[f"{weight}_regularizer"] = keras.regularizers.serialize(regularizer)
            constraint = getattr(self, f"{weight}_constraint")
            config[f"{weight}_constraint"] = keras.constraints.serialize(constraint)
        return super().get_config() | config
