"""Real trainings on digits, many at a time as stacks, and their curves."""

import dataclasses

import keras
import numpy as np
import sklearn.datasets

from layers import SoftmaxCrossEntropy, SoftmaxHead
from tuning.stacked import Data, Grouping, Stack
from tuning.stacked.lazy_variables import lazy_variables

SGD, ADAM = keras.optimizers.SGD, keras.optimizers.Adam


@dataclasses.dataclass(frozen=True)
class Kind:
    """What a stack of runs has in common."""

    layers: int = 2
    norm: type | None = None
    norm_momentum: float = 0.9
    optimizer: type = SGD
    dropout: float = 0.0
    batch_size: int = 64
    examples: int | None = None
    """How many of the training part; None: all."""
    noise: float = 0.0
    """Share of their labels that are drawn anew."""


@dataclasses.dataclass(frozen=True)
class Run:
    """One training."""

    kind: Kind
    numbers: dict
    curves: dict
    """`{name: [value of each epoch]}`, as `advise` takes them."""


def digits(examples=None, noise=0.0):
    """`(x, y), (x, y)`: training part and validation part, 1,078 and 359 images."""
    images = sklearn.datasets.load_digits()
    order = np.random.default_rng(0).permutation(len(images.target))
    x, y = (images.data[order] / 16).astype("float32"), images.target[order]
    number = 1078 if examples is None else examples
    draw = np.random.default_rng(1)
    labels = np.where(draw.random(number) < noise, draw.integers(0, 10, number), y[:number])
    return (x[:number], labels), (x[1078:1437], y[1078:1437])


def train(kind, numbers, epochs, units=32, seed=0):
    """Trains one run for each entry of `numbers`, which its optimiser is given.

    Returns:
        List of `Run`.
    """
    training, validation = (Data(*part) for part in digits(kind.examples, kind.noise))
    keras.utils.set_random_seed(seed)
    with lazy_variables():
        models = [build(kind, each, units) for each in numbers]
    grouping = Grouping(training)
    (group,), _ = grouping.group(models, [kind.batch_size] * len(models))
    program = grouping.program(group)
    how = {"validation_batch_size": 359, "jit_compile": False}  # XLA pays for longer trainings
    stack = Stack(program, models, group.skeletons, kind.batch_size, training, validation, **how)
    logs = []
    for epoch in range(epochs):
        each = stack.train_epoch(training.order(True, seed, epoch), epoch)
        each["loss_inference"] = stack.evaluate(training)["loss"]
        logs.append(each)
    return [
        Run(kind, own, {name: [float(each[name][i]) for each in logs] for name in logs[0]})
        for i, own in enumerate(numbers)
    ]


def build(kind, numbers, units=32):
    layers = [keras.Input((64,))]
    for _ in range(kind.layers):
        layers.append(keras.layers.Dense(units, use_bias=kind.norm is None))
        if kind.norm:
            layers.append(kind.norm(momentum=kind.norm_momentum))
        layers.append(keras.layers.ReLU())
        if kind.dropout:
            layers.append(keras.layers.Dropout(kind.dropout))
    model = keras.Sequential([*layers, SoftmaxHead(10)])
    how = {"metrics": ["accuracy"], "jit_compile": False}
    model.compile(kind.optimizer(**numbers), SoftmaxCrossEntropy(), **how)
    return model
