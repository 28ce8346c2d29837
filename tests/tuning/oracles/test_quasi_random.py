"""Quasi-random points are functions of seed and index, and fill the space evenly."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tests.tuning.oracles.searching import Folder, make, run, values_of
from tests.tuning.spaces import CLASSIFIER, classifier
from tuning.oracles.quasi_random import halton_point


class QuasiRandomTest(tf.test.TestCase, parameterized.TestCase):
    def test_a_point_is_a_function_of_seed_and_index(self):
        points = [halton_point(5, index, 4) for index in range(20)]
        for index in reversed(range(20)):
            self.assertAllEqual(halton_point(5, index, 4), points[index])
        self.assertNotAllClose(halton_point(6, 3, 4), points[3])

    def test_a_new_dimension_does_not_move_the_others(self):
        for index in (0, 7, 100):
            self.assertAllEqual(halton_point(1, index, 7)[:3], halton_point(1, index, 3))

    @parameterized.parameters(0, 1, 2)
    def test_points_fill_every_dimension_more_evenly_than_random_ones(self, seed):
        points = np.array([halton_point(seed, index, 6) for index in range(64)])
        random = np.random.default_rng(seed).random((64, 6))

        def gap(values):
            return np.diff(np.sort(values, axis=0), axis=0).max(axis=0).mean()

        self.assertLess(gap(points), 0.6 * gap(random))

    def test_integers_and_categories_have_equal_shares(self):
        oracle = make("quasi_random", classifier(), Folder(self).new(), max_trials=96)
        values = values_of(run(oracle, 10))
        for name, choices in (("hidden_layers", (2, 3, 4)), ("batch_size", (32, 64, 128, 256))):
            counts = [sum(each[name] == choice for each in values) for choice in choices]
            self.assertAllClose(counts, [96 / len(choices)] * len(choices), atol=5)
        self.assertEqual(CLASSIFIER["hidden_layers"].range.high, 4)
