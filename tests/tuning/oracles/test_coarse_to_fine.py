"""Coarse-to-fine zooms, stays in the space, waits for its rounds, and is not fooled by luck."""

import keras_tuner
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tests.tuning.oracles.searching import Folder, end, hand_out, make, run
from tests.tuning.spaces import classifier
from tuning.oracles import CoarseToFineOracle, unit_cube

WEIGHTS = np.array([16.0, 4.0, 2.0, 2.0, 1.0])


def box():
    hp = keras_tuner.HyperParameters()
    for name in "abcde":
        hp.Float(name, 0.0, 1.0)
    return hp


class CoarseToFineTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Folder(self)

    def search(self, name, best, seed, lucky=None, max_trials=64):
        """The true regret of the best trial, and all points, in the order they started."""
        oracle = make(name, box(), self.folder.new(), max_trials=max_trials, seed=seed)
        regrets = []

        def score(values):
            point = np.array([values[name] for name in "abcde"])
            regrets.append(float(WEIGHTS @ (point - best) ** 2))
            return 100.0 if len(regrets) == lucky else -regrets[-1]

        run(oracle, 16, score)
        others = [each for place, each in enumerate(regrets, 1) if place != lucky]
        points = [
            unit_cube.point_of(oracle.hyperparameters.space, t.hyperparameters.values)
            for t in (oracle.trials[trial_id] for trial_id in oracle.start_order)
        ]
        return min(others), np.array(points)

    def mean_regret(self, name, lucky=None):
        best = [np.random.default_rng([seed, 7, 7, 7]).random(5) for seed in range(20)]
        return np.mean([self.search(name, best[seed], seed, lucky)[0] for seed in range(20)])

    def test_it_comes_much_nearer_to_the_best_than_random(self):
        self.assertLess(self.mean_regret("coarse_to_fine"), 0.4 * self.mean_regret("random"))

    @parameterized.parameters(3, 16)
    def test_one_lucky_trial_does_not_make_it_worse_than_random(self, lucky):
        regret = self.mean_regret("coarse_to_fine", lucky)
        self.assertLessEqual(regret, self.mean_regret("random", lucky))

    def test_rounds_zoom_on_the_important_coordinate_first(self):
        _, points = self.search("coarse_to_fine", np.full(5, 0.4), seed=0)
        spread = points[48:].std(axis=0)
        self.assertLess(spread[0], 0.5 * points[:16, 0].std())
        self.assertLess(spread[0], spread[-1])

    def test_a_box_moves_past_its_first_edges_to_the_edge_of_the_space_and_not_past_it(self):
        for corner in (0.0, 1.0):
            _, points = self.search("coarse_to_fine", np.full(5, corner), seed=1)
            self.assertTrue(np.all((points >= 0.0) & (points <= 1.0)))
            distance = np.abs(points[:, 0] - corner)
            self.assertLess(distance[48:].min(), distance[:16].min() + 1e-9)
            self.assertLess(distance[48:].mean(), 0.3)

    def test_a_whole_round_is_handed_out_at_a_time_and_the_next_waits_for_it(self):
        oracle = make("coarse_to_fine", classifier(), self.folder.new(), max_trials=64)
        for _ in range(4):
            trials, status = hand_out(oracle, 100)
            self.assertLen(trials, 16)
            for place, trial in enumerate(trials):
                self.assertEqual(oracle.create_trial("one more").status, status)
                end(oracle, trial, place)
        self.assertEqual(oracle.create_trial("one more").status, "STOPPED")

    def test_a_diverged_region_repels(self):
        oracle = make("coarse_to_fine", box(), self.folder.new(), max_trials=64)
        run(oracle, 16, lambda v: float("nan") if v["a"] > 0.5 else v["b"])
        late = [oracle.trials[trial_id].status for trial_id in oracle.start_order[32:]]
        self.assertLess(late.count("FAILED"), 8)

    @parameterized.parameters(
        ({"rounds": 1}, "rounds must be 2 or more. Received: rounds=1"),
        ({"max_trials": 0}, "max_trials must be 1 or more. Received: max_trials=0"),
    )
    def test_what_cannot_be_is_refused(self, arguments, message):
        with self.assertRaisesRegex(ValueError, message):
            CoarseToFineOracle("val_accuracy", **arguments)
