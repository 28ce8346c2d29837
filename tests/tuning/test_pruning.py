import math

import tensorflow as tf
from absl.testing import parameterized

from tuning.pruning import MedianRule, SuccessiveHalving


def noted(rule, scores, epoch=1, direction="max"):
    """A rule that has seen each trial's score at an epoch."""
    rule.direction = direction
    for trial, score in enumerate(scores):
        rule.note(str(trial), epoch, score)
    return rule


def ended(rule, scores, epoch=1):
    return [t for t in range(len(scores)) if rule.objection(str(t), epoch) is not None]


class PruningTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(("max", [1, 2, 3, 4, 5]), ("min", [5, 4, 3, 2, 1]))
    def test_the_median_rule_ends_the_worse_half(self, direction, scores):
        rule = noted(MedianRule(warm_up=0, least_trials=4), scores, direction=direction)
        self.assertEqual(ended(rule, scores), [0, 1])
        self.assertIn("median of 4 trials at epoch 1", rule.objection("0", 1))

    def test_the_median_rule_waits_for_epochs_and_for_trials(self):
        scores = [0.1, 0.2, 0.3]
        self.assertEmpty(ended(noted(MedianRule(0, least_trials=3), scores), scores))
        self.assertEmpty(ended(noted(MedianRule(warm_up=1, least_trials=2), scores), scores))
        rule = noted(MedianRule(warm_up=1, least_trials=2), scores, epoch=2)
        self.assertEqual(ended(rule, scores, epoch=2), [0])

    def test_the_best_epoch_so_far_counts(self):
        rule = noted(MedianRule(0, 2), [0.9, 0.5, 0.6])
        noted(rule, [0.1, 0.5, 0.6], epoch=2)
        self.assertIsNone(rule.objection("0", 2))

    def test_what_is_not_finite_is_worst(self):
        scores = [math.nan, 0.2, math.inf, 0.4]
        rule = noted(SuccessiveHalving(2), scores, direction="min")
        self.assertEqual(ended(rule, scores), [0, 2])

    def test_successive_halving_keeps_a_share_at_each_rung_and_is_quiet_between(self):
        scores = [0.1 * trial for trial in range(9)]
        rule = noted(SuccessiveHalving(3), scores)
        self.assertEqual(ended(rule, scores), [0, 1, 2, 3, 4, 5])
        noted(rule, scores, epoch=2)
        self.assertEmpty(ended(rule, scores, epoch=2))
        for trial in (6, 7, 8):
            rule.note(str(trial), 3, scores[trial])
        self.assertEqual([t for t in (6, 7, 8) if rule.objection(str(t), 3)], [6, 7])
        self.assertIn("best 1 of 3 trials at epoch 3", rule.objection("6", 3))

    def test_equal_trials_are_not_ended(self):
        for rule in (MedianRule(0, 2), SuccessiveHalving(2)):
            scores = [0.5, 0.5, 0.5, 0.5]
            self.assertEmpty(ended(noted(rule, scores), scores))

    def test_a_factor_below_two_is_refused(self):
        with self.assertRaisesRegex(ValueError, "factor must be 2 or more. Received: factor=1"):
            SuccessiveHalving(1)


if __name__ == "__main__":
    tf.test.main()
