"""Numbers that Keras bakes into a trace, made variables: changing one needs no new trace."""

import contextlib

import keras
import tensorflow as tf


class _Live:
    """Stands, during a trace, where Keras has a Python number.

    Keras asks whether such a number is zero to decide what to trace; a live one never counts as
    zero, since it may become another.
    """

    def __init__(self, variable):
        self._variable = variable

    def __tf_tensor__(self, dtype=None, name=None):
        return tf.cast(self._variable, dtype or self._variable.dtype)

    def __gt__(self, other):
        return True

    def __rsub__(self, other):
        return other - tf.convert_to_tensor(self._variable)


class LiveNumbers:
    """Momentum, weight decay and dropout of a compiled model, to be changed between steps.

    `momentum` is the optimiser's share of the last update, Adam's `beta_1`; `dropout` the rate of
    every `Dropout` layer.

    Args:
        model: Compiled Keras model.
        seed: Seed of those dropout layers that have no generator, their rate being 0.

    Attributes:
        variables: `{name: tf.Variable}`: the numbers that this model has.
        seed_states: Variables of the generators that were missing.
    """

    def __init__(self, model, seed):
        optimizer = self._optimizer = model.optimizer
        self._momentum = "momentum" if hasattr(optimizer, "momentum") else "beta_1"
        self._dropouts = [x for x in model._flatten_layers() if type(x) is keras.layers.Dropout]
        momentum = getattr(optimizer, self._momentum, 0.0)
        numbers = {"momentum": momentum} if momentum else {}
        if hasattr(optimizer, "weight_decay"):
            numbers["weight_decay"] = optimizer.weight_decay or 0.0
        if self._dropouts:
            numbers["dropout"] = self._dropouts[0].rate
        self.variables = {n: tf.Variable(v, dtype=tf.float32) for n, v in numbers.items()}
        self._generators = [
            getattr(layer, "seed_generator", None) or keras.random.SeedGenerator(seed + place)
            for place, layer in enumerate(self._dropouts)
        ]
        pairs = zip(self._dropouts, self._generators, strict=True)
        self.seed_states = [g.state for x, g in pairs if not hasattr(x, "seed_generator")]

    def assign(self, name, value):
        """Changes a number, for the next step and in the model's own configuration."""
        self.variables[name].assign(value)
        if name == "momentum":
            setattr(self._optimizer, self._momentum, value)
        elif name == "weight_decay":
            self._optimizer.weight_decay = value
        else:
            for layer in self._dropouts:
                layer.rate = value

    @contextlib.contextmanager
    def traced(self):
        """Within it, what is traced reads the variables."""
        optimizer, live = self._optimizer, {n: _Live(v) for n, v in self.variables.items()}
        names = {"momentum": self._momentum, "weight_decay": "weight_decay"}
        before = {n: getattr(optimizer, own) for n, own in names.items() if n in live}
        try:
            for name in before:
                setattr(optimizer, names[name], live[name])
            for layer, generator in zip(self._dropouts, self._generators, strict=True):
                layer.call = _dropout(layer, self.variables["dropout"], generator)
            yield
        finally:
            for name, value in before.items():
                setattr(optimizer, names[name], value)
            for layer in self._dropouts:
                vars(layer).pop("call", None)


def _dropout(layer, rate, generator):
    """`Dropout.call` with a variable for its rate."""

    def call(inputs, training=False):
        if not training:
            return inputs
        shape = layer.noise_shape and [
            tf.shape(inputs)[axis] if size is None else size
            for axis, size in enumerate(layer.noise_shape)
        ]
        return tf.nn.experimental.stateless_dropout(
            inputs,
            tf.cast(rate, inputs.dtype),
            tf.cast(generator.next(), tf.int32),
            noise_shape=shape,
        )

    return call
