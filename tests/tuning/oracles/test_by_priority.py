"""Tier by tier: the rest at defaults, earlier tiers at their best, small budgets on the first."""

import tensorflow as tf
from absl.testing import parameterized

from tests.tuning.oracles.searching import Folder, end, hand_out, make, run, values_of
from tests.tuning.spaces import CLASSIFIER, classifier, foreign
from tuning import own_values
from tuning.oracles import ByPriorityOracle, tier_budgets


class ByPriorityTest(tf.test.TestCase, parameterized.TestCase):
    def make(self, hp=None, **arguments):
        return make("by_priority", hp or classifier(), Folder(self).new(), **arguments)

    @parameterized.parameters(
        ([1, 3, 2], 5, [5]),
        ([1, 3, 2], 31, [31]),
        ([1, 3, 2], 32, [8, 24]),
        ([1, 3, 2], 47, [11, 36]),
        ([1, 3, 2], 48, [8, 24, 16]),
        ([1, 3, 2], 64, [10, 32, 22]),
        ([4], 3, [3]),
    )
    def test_a_tier_is_entered_with_eight_trials_for_each_of_its_hyperparameters(
        self, sizes, max_trials, budgets
    ):
        self.assertEqual(tier_budgets(sizes, max_trials), budgets)

    def test_tiers_follow_the_priorities_of_the_space(self):
        self.assertEqual(
            self.make().tiers(),
            [
                ["learning_rate"],
                ["one_minus_sgd_momentum", "hidden_units", "batch_size"],
                ["hidden_layers", "learning_rate_decay"],
            ],
        )

    def test_later_tiers_stay_at_defaults_and_earlier_ones_at_their_best(self):
        oracle = run(self.make(max_trials=48), 5, lambda v: -abs(v["learning_rate"] - 0.1))
        trials = [own_values(oracle.trials[i].hyperparameters) for i in oracle.start_order]
        for values in trials[:8]:
            rest = {name: value for name, value in values.items() if name != "learning_rate"}
            for name, value in rest.items():
                self.assertAllClose(value, CLASSIFIER.defaults[name], rtol=1e-12)
        best = min((values["learning_rate"] for values in trials[:8]), key=lambda r: abs(r - 0.1))
        for values in trials[8:]:
            self.assertEqual(values["learning_rate"], best)
        for values in trials[8:32]:
            self.assertEqual(values["learning_rate_decay"], 0.0)
        self.assertLen({values["learning_rate_decay"] for values in trials[32:]}, 16)
        self.assertLen({values["sgd_momentum"] for values in trials[32:]}, 1)

    def test_a_small_budget_is_spent_on_the_first_tier(self):
        values = values_of(run(self.make(max_trials=20), 4))
        self.assertLen({each["learning_rate"] for each in values}, 20)
        self.assertLen({each["hidden_units"] for each in values}, 1)

    def test_a_tier_waits_for_the_one_before(self):
        oracle = self.make(max_trials=48)
        trials, status = hand_out(oracle, 100)
        self.assertEqual((len(trials), status), (8, "IDLE"))
        for trial in trials:
            end(oracle, trial, 0.0)
        self.assertLen(hand_out(oracle, 100)[0], 24)

    def test_a_score_of_zero_can_be_the_best(self):
        oracle = run(self.make(max_trials=32), 8, lambda v: -abs(v["learning_rate"] - 0.5) // 1e9)
        first = oracle.trials[oracle.start_order[0]].hyperparameters.values["learning_rate"]
        self.assertLen({each["learning_rate"] for each in values_of(oracle)[8:]}, 1)
        self.assertGreater(first, 0.0)

    def test_without_priorities_all_is_one_tier(self):
        oracle = ByPriorityOracle("val_accuracy", hyperparameters=foreign())
        self.assertLen(oracle.tiers(), 1)
        self.assertEqual(oracle.budgets(), [32])

    def test_a_budget_that_is_none_is_refused(self):
        with self.assertRaisesRegex(ValueError, "max_trials must be a positive integer. Received"):
            ByPriorityOracle("val_accuracy", max_trials=None)
