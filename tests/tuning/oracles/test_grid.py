"""The grid has the ends, each combination once, and more points where it matters."""

import keras_tuner
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tests.tuning.oracles.searching import PRIORITIES, Folder, hand_out, make, run, values_of
from tests.tuning.spaces import CLASSIFIER, classifier, small
from tuning import log_complement
from tuning.oracles import GridOracle, grid_levels


def two_rates():
    hp = keras_tuner.HyperParameters()
    hp.Float("one", 1e-4, 1.0, sampling="log")
    hp.Float("other", 0.0, 1.0)
    return hp


class GridTest(tf.test.TestCase, parameterized.TestCase):
    def levels(self, hp, max_trials, priorities=None):
        return GridOracle(
            "val_accuracy", max_trials=max_trials, priorities=priorities, hyperparameters=hp
        ).levels()

    def test_points_are_equally_spaced_on_their_scales_ends_included(self):
        levels = self.levels(two_rates(), 25)
        self.assertAllClose(levels["one"], [1e-4, 1e-3, 1e-2, 1e-1, 1.0], rtol=1e-12)
        self.assertAllClose(levels["other"], [0.0, 0.25, 0.5, 0.75, 1.0])
        self.assertEqual((levels["one"][0], levels["one"][-1]), (1e-4, 1.0))

    def test_a_complement_is_shown_as_its_own_value(self):
        hp = keras_tuner.HyperParameters()
        log_complement(hp, "momentum", 0.9, 0.999)
        self.assertAllClose(self.levels(hp, 3)["momentum"], [0.9, 0.99, 0.999], rtol=1e-9)

    @parameterized.parameters(1, 2, 5, 20, 64, 100, 1000)
    def test_no_hyperparameter_can_have_one_point_more_within_the_budget(self, max_trials):
        levels = self.levels(classifier(), max_trials, PRIORITIES)
        size = np.prod([len(points) for points in levels.values()])
        self.assertLessEqual(size, max_trials)
        for name, points in levels.items():
            most = {"hidden_units": 51, "batch_size": 4, "hidden_layers": 3}.get(name, np.inf)
            if len(points) < most:
                self.assertGreater(size / len(points) * (len(points) + 1), max_trials)

    def test_important_hyperparameters_get_more_points(self):
        levels = self.levels(classifier(), 1000, PRIORITIES)
        counts = {name: len(points) for name, points in levels.items()}
        self.assertGreater(counts["learning_rate"], counts["sgd_momentum"])
        self.assertGreater(counts["sgd_momentum"], counts["learning_rate_decay"])

    def test_equal_hyperparameters_get_equal_numbers(self):
        self.assertEqual([len(each) for each in self.levels(two_rates(), 9).values()], [3, 3])

    def test_one_point_is_the_default_even_outside_the_range(self):
        levels = self.levels(classifier(), 4, PRIORITIES)
        self.assertEqual(levels["learning_rate_decay"], (0.0,))
        self.assertEqual(levels["hidden_units"], (64,))
        self.assertLen(levels["learning_rate"], 4)

    def test_categories_without_an_order_are_tried_all_or_not_at_all(self):
        for max_trials in range(1, 40):
            self.assertIn(len(self.levels(small(), max_trials)["activation"]), (1, 3))

    def test_steps_that_keras_tuner_loses_are_there(self):
        hp = keras_tuner.HyperParameters()
        hp.Float("rate", 0.0, 1.0, step=0.1)
        self.assertLen(list(hp.space[0].values), 10)
        self.assertAllClose(self.levels(hp, 11)["rate"], np.linspace(0.0, 1.0, 11))

    def test_integers_on_a_logarithmic_scale_do_not_repeat(self):
        hp = keras_tuner.HyperParameters()
        hp.Int("units", 1, 8, sampling="log")
        self.assertEqual(self.levels(hp, 100)["units"], tuple(range(1, 9)))

    def test_each_combination_is_tried_once_however_many_at_a_time(self):
        folder = Folder(self)
        for at_a_time in (1, 7, 100):
            oracle = run(make("grid", classifier(), folder.new(), max_trials=100), at_a_time)
            combinations = [tuple(values.values()) for values in values_of(oracle)]
            size = np.prod([len(points) for points in oracle.levels().values()])
            self.assertLen(set(combinations), size)
            self.assertLen(combinations, size)

    def test_a_search_stopped_early_has_seen_all_values_of_the_most_important(self):
        oracle = make("grid", classifier(), Folder(self).new(), max_trials=64)
        trials, _ = hand_out(oracle, 40)
        rates = {trial.hyperparameters.values["learning_rate"] for trial in trials}
        self.assertEqual(rates, set(oracle.levels()["learning_rate"]))

    def test_the_number_of_combinations_of_a_conditional_space_is_counted(self):
        hp = keras_tuner.HyperParameters()
        hp.Choice("kind", ["a", "b", "c"])
        with hp.conditional_scope("kind", ["b"]):
            hp.Int("depth", 1, 4)
        self.assertEqual([len(points) for points in grid_levels(hp.space, 6)], [3, 4])
        oracle = run(make("grid", hp, Folder(self).new(), max_trials=6), 4)
        self.assertLen(oracle.trials, 6)

    @parameterized.parameters(0, -1, None, 1.5)
    def test_a_budget_that_is_none_is_refused(self, max_trials):
        with self.assertRaisesRegex(ValueError, "max_trials must be a positive integer. Received"):
            GridOracle("val_accuracy", max_trials=max_trials)

    def test_levels_lie_in_the_space(self):
        for name, points in self.levels(classifier(), 500, PRIORITIES).items():
            for point in points:
                own = CLASSIFIER[name]
                self.assertTrue(own.range.contains(point) or point == own.default)
