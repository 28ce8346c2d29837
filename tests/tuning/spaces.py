"""Spaces that the tests of this folder search."""

import keras_tuner

from tuning import (
    Choices,
    Hyperparameter,
    Integers,
    Logarithmic,
    LogarithmicComplement,
    SearchSpace,
    log_complement,
)

CLASSIFIER = SearchSpace(
    (
        Hyperparameter("learning_rate", Logarithmic(1e-4, 1.0), 0.01, priority=1),
        Hyperparameter("sgd_momentum", LogarithmicComplement(0.9, 0.999), 0.9, priority=2),
        Hyperparameter("hidden_units", Integers(50, 100), 64, priority=2),
        Hyperparameter("batch_size", Choices((32, 64, 128, 256)), 64, priority=2),
        Hyperparameter("hidden_layers", Integers(2, 4), 2, priority=3),
        Hyperparameter(
            "learning_rate_decay", Logarithmic(1e-4, 1.0), 0.0, 3, default_outside_range=True
        ),
    )
)


def classifier():
    """The classifier's space on new keras-tuner hyperparameters."""
    hp = keras_tuner.HyperParameters()
    CLASSIFIER.declare(hp)
    return hp


def foreign():
    """What somebody else's `build(hp)` declares: conditions, steps, every kind."""
    hp = keras_tuner.HyperParameters()
    hp.Choice("kind", ["dense", "wide"])
    with hp.conditional_scope("kind", ["dense"]):
        hp.Int("layers", 1, 3)
        hp.Boolean("dropout")
        with hp.conditional_scope("dropout", [True]):
            hp.Float("rate", 0.1, 0.5, step=0.1)
    with hp.conditional_scope("kind", ["wide"]):
        hp.Int("units", 16, 1024, sampling="log")
        log_complement(hp, "momentum", 0.9, 0.999)
    hp.Float("learning_rate", 1e-4, 1.0, sampling="log")
    hp.Fixed("classes", 10)
    return hp


def small():
    """A discrete space of 36 combinations."""
    hp = keras_tuner.HyperParameters()
    hp.Int("layers", 2, 4)
    hp.Choice("batch_size", [32, 64, 128, 256])
    hp.Choice("activation", ["relu", "tanh", "elu"])
    return hp
