"""Values of one hyperparameter as a search draws them."""

import keras_tuner
import numpy as np


def drawn(scale, count, seed):
    """Declares a scale on keras-tuner's hyperparameters, samples it, and reads the values back.

    Args:
        scale: Scale of `tuning`.
        count: How many values.
        seed: Of the draws.

    Returns:
        `(count,)` values.
    """
    hp = keras_tuner.HyperParameters()
    scale.declare(hp, "value", scale.low)
    (only,) = hp.space
    values = []
    for unit in np.random.default_rng(seed).random(count):
        hp.values[only.name] = only.prob_to_value(unit)
        values.append(scale.read(hp, "value"))
    return np.array(values)
