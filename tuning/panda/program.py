"""One compiled training step of a Keras model, and its evaluation."""

import keras
import numpy as np
import tensorflow as tf

from tuning.optimizer_state import variables_of
from tuning.panda.live_numbers import LiveNumbers
from tuning.stacked.data import Data

EVALUATED_AT_ONCE = 1024


class Program:
    """Trains and evaluates one compiled model, a batch at a time.

    A step is that of Keras's own `train_step`, and tells the norm of each weight's gradient. It is
    traced once for each batch size.

    Args:
        model: Compiled Keras model with the optimiser's learning rate a number.
        data: `(x, y)` or `(x, y, sample_weight)`.
        validation_data: The same, or None.
        seed: Seed of what random layers draw, where they have none.
        jit_compile: Whether XLA compiles the step; None: unless there are convolutions, which XLA
            makes slower on a CPU. What XLA cannot compile is a graph of TensorFlow.

    Attributes:
        knobs: Names of the numbers that can be changed while it trains, batch size aside.
        weights: Name of each weight.
        traces: How many times the step was traced.

    Raises:
        ValueError: The model is not compiled, or trains in a way that is not Keras's own.
    """

    def __init__(self, model, data, validation_data=None, seed=0, jit_compile=None):
        _refuse(model)
        self.model, self.data = model, Data(*data)
        self.validation = Data(*validation_data) if validation_data is not None else None
        _build(model, self.data)
        self._numbers = LiveNumbers(model, seed)
        self.knobs = ("learning_rate", *self._numbers.variables)
        self.jit_compile = _is_worth_compiling(model) if jit_compile is None else jit_compile
        self.weights, self.traces = [v.path for v in model.trainable_weights], 0
        self._compile()

    def read(self):
        """The numbers as they are, `{knob: float}`."""
        rate = float(self.model.optimizer.learning_rate)
        numbers = {name: float(v) for name, v in self._numbers.variables.items()}
        return {
            name: _rounded(value) for name, value in ({"learning_rate": rate} | numbers).items()
        }

    def assign(self, name, value):
        """Changes a number; the next step has it."""
        if name == "learning_rate":
            self.model.optimizer.learning_rate = value
        else:
            self._numbers.assign(name, value)

    def step(self, rows):
        """Trains on some examples.

        Args:
            rows: `(batch,)` int32, which ones.

        Returns:
            `(loss, norms)`: of this batch before the update, and `(weights,)` of its gradient, 0
            where there is none.
        """
        try:
            told = self._steps(rows)
        except tf.errors.OpError:
            if not self.jit_compile:
                raise
            self.jit_compile = False
            self._compile()
            told = self._steps(rows)
        told = told.numpy()
        return float(told[0]), told[1:]

    def logs(self):
        """What `fit` would log of the steps since `reset`, `{name: float}`."""
        return {name: float(v) for name, v in self.model.get_metrics_result().items()}

    def reset(self):
        """Lets the metrics begin anew."""
        self.model.reset_metrics()

    def evaluate(self, data, most=None):
        """What `evaluate` tells.

        Args:
            data: `Data`.
            most: Examples to look at, the first ones; all if None.
        """
        self.reset()
        for first in range(0, min(most or data.examples, data.examples), EVALUATED_AT_ONCE):
            last = min(first + EVALUATED_AT_ONCE, most or data.examples, data.examples)
            self._evaluation(_batch(data, np.arange(first, last, dtype=np.int32)))
        logs = self.logs()
        self.reset()
        return logs

    @property
    def variables(self):
        """Everything that a step changes, in an order that is the same in every process."""
        model = self.model
        return [*model.variables, *variables_of(model.optimizer), *self.extra_variables]

    @property
    def extra_variables(self):
        """Those of `variables` that neither model nor optimiser counts as theirs."""
        return [*self.model.metrics_variables, *self._numbers.seed_states]

    def _compile(self):
        options = {"autograph": False, "jit_compile": self.jit_compile}
        self._steps = tf.function(self._step, **options)
        self._evaluation = tf.function(self.model.test_step, **options)

    def _step(self, rows):
        self.traces += 1
        model, (x, y, *sample_weight) = self.model, _batch(self.data, rows)
        with self._numbers.traced():
            with tf.GradientTape() as tape:
                outputs = model(x, training=True) if model._call_has_training_arg else model(x)
                arguments = {"x": x, "y": y, "y_pred": outputs}
                weights = {"sample_weight": sample_weight[0] if sample_weight else None}
                loss = model.compute_loss(**arguments, **weights, training=True)
            model._loss_tracker.update_state(loss, sample_weight=tf.shape(rows)[0])
            gradients = tape.gradient(loss, model.trainable_weights)
            model.optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
            model.compute_metrics(**arguments, **weights)
        return tf.stack([tf.cast(loss, tf.float32), *map(_norm, gradients)])


def scale_velocity(optimizer, factor):
    """Makes the last updates' share in the next ones so many times what it is.

    Keras's SGD and RMSprop keep sums of updates, old learning rates included: without this, a
    smaller rate would take hold only as the old updates fade, 100 steps with momentum 0.99.

    Args:
        optimizer: Built Keras optimiser.
        factor: New learning rate / old one.
    """
    if hasattr(optimizer, "momentum"):
        for name in ("momentums", "_momentums"):
            for velocity in getattr(optimizer, name, ()):
                velocity.assign(velocity * factor)


def refuse_schedule(optimizer):
    """Raises `ValueError` if the learning rate is no number that a person can turn."""
    if not isinstance(optimizer._learning_rate, keras.Variable):
        kind = type(optimizer._learning_rate).__name__
        raise ValueError(
            "learning_rate must be a number, which a person can turn while it trains."
            f" Received: learning_rate={kind}."
        )


def _norm(gradient):
    norm = 0.0 if gradient is None else tf.norm(tf.convert_to_tensor(gradient))
    return tf.cast(norm, tf.float32)


def _batch(data, rows):
    return tf.nest.map_structure(lambda array: tf.gather(array, rows), data.arrays)


def _rounded(value):
    """A float32 as the number that a person typed."""
    return float(f"{value:.7g}")


def _build(model, data):
    """Makes all variables: of the layers, the metrics and the optimiser."""
    x, y = data.first(1)[:2]
    if not model.built:
        model(x)
    model.optimizer.build(model.trainable_variables)
    outputs = model(x)
    model.compute_loss(x=x, y=y, y_pred=outputs)
    model.compute_metrics(x, y, outputs)
    model.reset_metrics()


def _is_worth_compiling(model):
    return not any("Conv" in type(layer).__name__ for layer in model._flatten_layers())


def _refuse(model):
    if not getattr(model, "compiled", False):
        raise ValueError("model must be compiled. Received: compiled=False.")
    if type(model).train_step is not keras.Model.train_step:
        raise ValueError(
            "model must have Keras's own train_step."
            f" Received: train_step={type(model).train_step.__qualname__}."
        )
    optimizer = model.optimizer
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        raise ValueError(
            "optimizer must not scale the loss, whose first overflows are no fault of the training."
            " Received: optimizer=LossScaleOptimizer."
        )
    refuse_schedule(optimizer)
