"""The learning-rate range test: which learning rates a model, as it is, learns at."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from tuning.panda.optimizer_numbers import copy_state, with_numbers
from tuning.panda.passes import passes
from tuning.panda.untouched import untouched
from tuning.stacked.data import Data

_WINDOW = 5
"""Steps, an odd number, over which losses are averaged: mini-batches differ in difficulty."""
_BELOW_LOWEST = 10.0
"""The suggestion is so many times smaller than the rate at which the loss is lowest."""


@dataclasses.dataclass(frozen=True)
class RangeTest:
    """What a range test found."""

    suggested: float
    """The learning rate to train at."""
    reason: str
    """Why, in one sentence."""
    learning_rates: np.ndarray
    """`(steps,)`, rising."""
    losses: np.ndarray
    """`(seeds, steps)`: of each step's mini-batch, before its update; NaN where it diverged."""

    def figure(self):
        """The picture of the test, a page of its own."""
        figure = Figure(figsize=(9, 5.5), layout="constrained", facecolor="white")
        self.draw(figure.subplots())
        return figure

    def draw(self, axes):
        """Draws the loss by learning rate, a thin line for each seed, and the suggestion.

        Args:
            axes: Matplotlib axes.
        """
        for losses in self.losses:
            axes.plot(self.learning_rates, losses, color="0.75", linewidth=0.8)
        typical = typical_losses(self.losses)
        axes.plot(self.learning_rates, typical, color="C0", linewidth=2, label="typical of seeds")
        label = f"suggested: {self.suggested:.3g}"
        axes.axvline(self.suggested, color="C3", linewidth=2, label=label)
        finite = typical[np.isfinite(typical)]
        low, first = finite.min(), finite[0]
        axes.set_ylim(low - 0.1 * (first - low), first + max(1.0 * (first - low), 0.1 * abs(first)))
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set(xlabel="learning rate", ylabel="loss of a mini-batch", title="Range test")
        axes.grid(alpha=0.3)
        axes.legend()


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
    losses = np.array(losses)
    return RangeTest(*_suggestion(rates, losses), rates, losses)


def typical_losses(losses):
    """The loss by step that most seeds agree on.

    Args:
        losses: `(seeds, steps)`.

    Returns:
        `(steps,)`: the median over seeds of means over neighbouring steps, NaN after a divergence.
    """
    half = _WINDOW // 2
    padded = np.pad(losses, ((0, 0), (half, half)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW, axis=1)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.median(windows.mean(axis=-1), axis=0)


def _suggestion(rates, losses):
    """`(learning rate, reason)`."""
    typical = typical_losses(losses)
    if not np.isfinite(typical[0]):
        raise ValueError(
            f"model must have a finite loss to begin with. Received: loss={losses[0, 0]}."
        )
    lowest = int(np.nanargmin(np.where(np.isfinite(typical), typical, np.nan)))
    suggested = float(rates[lowest] / _BELOW_LOWEST)
    reason = (
        f"In {losses.shape[1]} steps at rising rates, {len(losses)} times, the loss fell from "
        f"{typical[0]:.3g} to {typical[lowest]:.3g} at {rates[lowest]:.2g} and rose beyond: "
        f"{suggested:.2g} is a {_BELOW_LOWEST:.0f}th of that."
    )
    return suggested, reason


class _Program:
    """The steps of one seed, compiled once."""

    def __init__(self, model, data):
        self._model, self._data = model, data
        self._optimizer = with_numbers(model.optimizer, {"learning_rate": 1.0})
        self._optimizer.build(model.trainable_variables)
        if model.optimizer.built:
            copy_state(model.optimizer, self._optimizer)
        self._first = [np.array(variable) for variable in self._optimizer.variables]
        self._run = tf.function(self._steps, autograph=False, jit_compile=model.jit_compile)

    def losses(self, rows, rates):
        """Trains once; the loss of each step."""
        for variable, value in zip(self._optimizer.variables, self._first, strict=True):
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
