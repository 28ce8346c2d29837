"""Small models to experiment on, and what they are made of at a moment."""

import random

import keras
import numpy as np

from layers import BatchNorm, SoftmaxCrossEntropy, SoftmaxHead


class Own(keras.Model):
    """A subclassed model."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, inputs):
        return self.dense(inputs)


def classifier(optimizer, hidden=(), features=6, classes=3, **compiling):
    """A compiled classifier; `hidden` are layers, put before the head."""
    model = keras.Sequential([keras.Input((features,)), *hidden, SoftmaxHead(classes)])
    compiling = {"metrics": ["accuracy"], "jit_compile": False} | compiling
    model.compile(optimizer, SoftmaxCrossEntropy(), **compiling)
    return model


def normed(units, dropout=0.0):
    """A hidden layer with batch norm, and dropout if its rate is above 0."""
    layers = [keras.layers.Dense(units), BatchNorm(debias=True), keras.layers.ReLU()]
    return [*layers, keras.layers.Dropout(dropout)] if dropout else layers


def variables(model):
    """Every number in a model, its metrics and its optimiser, by a name of its own."""
    named = [*model.variables, *model.metrics_variables, *model.optimizer.variables]
    return {f"{i} {variable.path}": np.array(variable) for i, variable in enumerate(named)}


def everything(model):
    """All that an experiment must leave as it was."""
    return variables(model), model.optimizer.built, random.getstate(), np.random.get_state()[1:]  # noqa: NPY002


def assert_untouched(test, model, before):
    """Fails unless `everything` is bit by bit what it was."""
    after = everything(model)
    test.assertEqual(list(after[0]), list(before[0]))
    for name, value in before[0].items():
        test.assertAllEqual(after[0][name].tobytes(), value.tobytes(), msg=name)
    test.assertEqual(after[1], before[1])
    test.assertEqual(after[2], before[2])
    for now, then in zip(after[3], before[3], strict=True):
        test.assertAllEqual(now, then)
