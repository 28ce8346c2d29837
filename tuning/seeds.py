"""Seeds everything, as `keras.utils.set_random_seed` does, and leaves what is compiled alone.

`tf.random.set_seed` makes TensorFlow forget all that it made of functions and operations: each
function that is in use meanwhile is optimised anew at its next call, which takes longer than an
epoch of a stack. It does so for the kernels of random operations, which hold a state that began
with the seed. They are made anew for a seed that they have not been made for.
"""

import random

import keras
import numpy as np
from keras.src.backend.common import global_state
from keras.src.random import seed_generator
from keras.src.utils import rng_utils
from tensorflow.python.eager import context

_given = set()


def set_random_seed(seed):
    """Seeds Python, NumPy, TensorFlow and Keras.

    Args:
        seed: Integer, 0 or more. One that this function was given before costs what
            `keras.utils.set_random_seed` does.
    """
    if seed in _given:
        _given.clear()
        keras.utils.set_random_seed(seed)
    else:
        global_state.set_global_attribute(rng_utils.GLOBAL_RANDOM_SEED, seed)
        global_state.set_global_attribute(seed_generator.GLOBAL_SEED_GENERATOR, None)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - what a `build(hp)` may draw from
        eager = context.context()
        eager._seed, eager._rng = seed, random.Random(seed)
    _given.add(seed)
