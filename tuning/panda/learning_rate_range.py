"""The learning-rate range test: which learning rates a model, as it is, learns at."""

import keras
import numpy as np
import tensorflow as tf

from tuning.optimizer_state import variables_of
from tuning.panda.optimizer_numbers import copy_state, with_numbers
from tuning.panda.passes import passes
from tuning.panda.range_test import RangeTest
from tuning.panda.untouched import untouched
from tuning.stacked.data import Data


def find_learning_rate(
    model,
    x,
    y,
    *,
    sample_weight=None,
    batch_size=64,
    seeds=(0, 1, 2),
    lowest=1e-6,
    highest=10.0,
    steps=100,
):
    """Trains a model a few steps while its learning rate rises, and suggests one.

    Step i trains at `lowest * (highest / lowest) ** (i / (steps - 1))`, once for each seed, with
    the model's own optimiser, its averages included. Afterwards the model is as it was.

    Args:
        model: Compiled Keras model; one that is not built yet is built, as `fit` would.
        x: Features, an array or a nest of arrays, `(examples, ...)`.
        y: Labels.
        sample_weight: Optional weights of the examples in the loss.
        batch_size: Examples of a mini-batch, 1 or more. Default 64.
        seeds: Integers, each an order of the examples. Default 0, 1 and 2.
        lowest: First learning rate, above 0. Default 1e-6.
        highest: Last learning rate, above `lowest`. Default 10.
        steps: Steps of each seed, 10 or more. Default 100.

    Returns:
        `RangeTest`.

    Raises:
        ValueError: If the model is not compiled, trains in a way of its own or has no finite loss;
            if `x` and `y` have unequal numbers of examples; if another argument is out of range.

    Reference:
        Smith, "Cyclical Learning Rates for Training Neural Networks", 2017, section 3.3.
    """
    _check(model, batch_size, seeds, lowest, highest, steps)
    data = Data(x, y, sample_weight)
    batch_size = min(batch_size, data.examples)
    if not model.built:
        model(data.first(1)[0])
    rates = np.geomspace(lowest, highest, steps)
    with untouched(model) as put_back:
        program = _Program(model, data)
        losses = []
        for seed in seeds:
            put_back()
            rows = passes(data, seed, steps * batch_size).reshape(steps, batch_size)
            losses.append(program.losses(rows, rates))
    found = RangeTest(rates, np.array(losses))
    if not np.isfinite(found.typical[0]):
        raise ValueError(
            f"model must have a finite loss to begin with. Received: loss={losses[0][0]}."
        )
    return found


class _Program:
    """The steps of one seed, compiled once."""

    def __init__(self, model, data):
        self._model, self._data = model, data
        self._optimizer = with_numbers(model.optimizer, {"learning_rate": 1.0})
        self._optimizer.build(model.trainable_variables)
        if model.optimizer.built:
            copy_state(model.optimizer, self._optimizer)
        self._first = [np.array(variable) for variable in variables_of(self._optimizer)]
        self._run = tf.function(self._steps, autograph=False, jit_compile=model.jit_compile)

    def losses(self, rows, rates):
        """Trains once; the loss of each step."""
        for variable, value in zip(variables_of(self._optimizer), self._first, strict=True):
            variable.assign(value)
        rates = tf.constant(rates, self._optimizer.learning_rate.dtype)
        return self._run(tf.constant(rows), rates).numpy()

    def _steps(self, rows, rates):
        def body(step, losses):
            return step + 1, losses.write(step, self._step(rows[step], rates[step]))

        steps = rows.shape[0]
        losses = tf.TensorArray(tf.float32, steps)
        # One step after another: they assign to the same variables.
        _, losses = tf.while_loop(
            lambda step, _: step < steps, body, (tf.constant(0), losses), parallel_iterations=1
        )
        return losses.stack()

    def _step(self, rows, rate):
        model, optimizer = self._model, self._optimizer
        x, y, *weights = tf.nest.map_structure(lambda a: tf.gather(a, rows), self._data.arrays)
        optimizer.learning_rate.assign(rate)
        with tf.GradientTape() as tape:
            outputs = model(x, training=True) if model._call_has_training_arg else model(x)
            weights = weights[0] if weights else None
            loss = model.compute_loss(x=x, y=y, y_pred=outputs, sample_weight=weights)
            scaled = optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, model.trainable_weights)
        optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
        return tf.cast(loss, tf.float32)


def _check(model, batch_size, seeds, lowest, highest, steps):
    if not getattr(model, "compiled", False) or model.optimizer is None:
        raise ValueError("model must be compiled with an optimiser. Received: compiled=False.")
    if type(model).train_step is not keras.Model.train_step:
        own = type(model).train_step.__qualname__
        raise ValueError(f"model must have Keras's own train_step. Received: train_step={own}.")
    whole = {"batch_size": (batch_size, 1), "steps": (steps, 10)}
    for name, (value, least) in whole.items():
        if not isinstance(value, int) or value < least:
            condition = f"a whole number, {least} or more"
            raise ValueError(f"{name} must be {condition}. Received: {name}={value}.")
    if not len(seeds):
        raise ValueError(f"seeds must be one or more integers. Received: seeds={seeds}.")
    if not 0 < lowest < highest < np.inf:
        raise ValueError(
            "lowest and highest must be numbers with 0 < lowest < highest. "
            f"Received: lowest={lowest}, highest={highest}."
        )
