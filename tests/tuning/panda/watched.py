"""Small models and data to be watched."""

import keras
import numpy as np


def data(examples=96, features=6, classes=3, seed=0):
    """Classes that a small network learns in a few epochs."""
    draw = np.random.default_rng(seed)
    y = draw.integers(classes, size=examples)
    centres = np.random.default_rng(1).normal(size=(classes, features))
    return (centres[y] + 0.5 * draw.normal(size=(examples, features))).astype(np.float32), y


def model(optimizer=None, dropout=None, normalise=False, seed=0):
    """A compiled network of one hidden layer."""
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((6,)), keras.layers.Dense(8, use_bias=not normalise)]
    layers += [keras.layers.BatchNormalization()] if normalise else []
    layers += [keras.layers.ReLU()]
    layers += [] if dropout is None else [keras.layers.Dropout(dropout)]
    network = keras.Sequential([*layers, keras.layers.Dense(3)])
    network.compile(
        optimizer or keras.optimizers.SGD(0.05, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,  # what XLA would compile for each model is quicker without
    )
    return network


def weights_of(network):
    """All weights in one array."""
    return np.concatenate([np.ravel(weight) for weight in network.get_weights()])
