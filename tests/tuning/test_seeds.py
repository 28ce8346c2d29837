"""Everything seeded, and no function of TensorFlow's made anew."""

import random

import keras
import numpy as np
import tensorflow as tf
from keras.src.utils import rng_utils

from tuning.seeds import set_random_seed


def draws():
    """One number of each generator that a model may be initialised by."""
    return [
        random.random(),
        np.random.random(),  # noqa: NPY002
        tf.random.uniform([]).numpy(),
        tf.random.normal([]).numpy(),
        keras.random.uniform([]).numpy(),
        keras.initializers.GlorotUniform()((2, 2)).numpy().tolist(),
        keras.layers.Dropout(0.5).seed_generator.state.numpy().tolist(),
    ]


class SetRandomSeedTest(tf.test.TestCase):
    def test_draws_are_those_of_keras(self):
        for seed in (13, 14):
            keras.utils.set_random_seed(seed)
            theirs = draws()
            set_random_seed(seed + 1)
            draws()
            keras.utils.set_random_seed(0)  # forgets what has been drawn with `seed`
            set_random_seed(seed)
            self.assertEqual(draws(), theirs)
            self.assertEqual(rng_utils.get_random_seed(), seed)

    def test_a_seed_given_again_gives_the_same_draws(self):
        set_random_seed(15)
        first = draws()
        for _ in range(2):
            set_random_seed(15)
            self.assertEqual(draws(), first)

    def test_a_function_that_was_called_before_stays_as_it_is(self):
        tf.random.set_seed(1)
        drawn = tf.function(lambda: tf.random.uniform([], seed=2))
        first = drawn().numpy()
        set_random_seed(16)
        self.assertNotEqual(drawn().numpy(), first)  # its kernel's state has gone on
        keras.utils.set_random_seed(17)
        self.assertEqual(drawn().numpy(), first)  # which shows that it would be seen
