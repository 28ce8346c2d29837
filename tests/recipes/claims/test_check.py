import math

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from scipy import stats

from recipes.ingredients.claims import (
    Check,
    Expected,
    Measured,
    mean_of,
    ratio_of,
    share_of,
    worst_of,
)


def check(*measured, **limits):
    measured = measured[0] if len(measured) == 1 else measured
    return Check("2.8", "A number.", measured, Expected("mathematics", **limits))


class CheckTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        (1.0, 2.0, "yes"),
        (0.9, 2.0, "cannot be told"),
        (0.5, 3.5, "cannot be told"),
        (0.1, 0.9, "no"),
        (3.1, 4.0, "no"),
        (math.nan, math.nan, "no"),
        (-math.inf, math.inf, "cannot be told"),
    )
    def test_it_holds_where_the_whole_interval_lies_inside(self, low, high, holds):
        self.assertEqual(check(Measured(low, low, high, ""), low=1, high=3).holds, holds)

    def test_the_conditions_under_which_it_holds_are_named(self):
        adam, sgd, raw = (worst_of([v], c) for v, c in ((1, "adam"), (2, "sgd"), (9, "raw")))
        self.assertEqual(check(adam, sgd, high=3).holds, "yes")
        self.assertEqual(
            check(adam, sgd, raw, high=3).holds, "under conditions (2 of 3): adam; sgd"
        )
        unknown = mean_of([2], "one seed")
        self.assertEqual(check(raw, unknown, high=3).holds, "cannot be told")

    def test_its_row_has_numbers_or_numbers_by_condition(self):
        alone = check(mean_of([1, 2, 3]), low=0).row()
        self.assertEqual(alone["measured"], 2.0)
        self.assertLen(alone["interval"], 2)
        both = check(worst_of([1], "a"), worst_of([2], "b"), low=0).row()
        self.assertEqual(both["measured"], {"a": 1.0, "b": 2.0})
        self.assertEqual(both["text"], "a: 1\nb: 2")

    def test_expectations_say_their_limits_and_why(self):
        self.assertEqual(str(Expected("theorem", high=0.5)), "at most 0.5: theorem")
        self.assertEqual(str(Expected("theorem", low=2)), "at least 2: theorem")
        self.assertEqual(str(Expected("theorem", low=2, high=3)), "2 to 3: theorem")


class MeasuredTest(tf.test.TestCase):
    def test_the_interval_of_a_mean_covers_the_truth_in_19_of_20_cases(self):
        draws = np.random.default_rng(0).normal(5, 2, (2000, 6))
        found = [mean_of(draw) for draw in draws]
        covered = np.mean([each.low <= 5 <= each.high for each in found])
        self.assertBetween(covered, 0.94, 0.96)

    def test_the_interval_of_a_mean_is_that_of_scipy(self):
        values = [3.0, 4.5, 5.0, 9.0]
        found = mean_of(values)
        expected = stats.ttest_1samp(values, 0).confidence_interval()
        self.assertAllClose([found.low, found.high], list(expected))

    def test_ratios_are_paired(self):
        slow, fast = np.array([10.0, 200.0, 3000.0]), np.array([5.0, 100.0, 1500.0])
        found = ratio_of(slow, fast)
        self.assertAllClose([found.value, found.low, found.high], [2, 2, 2])

    def test_one_seed_tells_nothing(self):
        self.assertEqual(mean_of([3]).high, math.inf)

    def test_shares_have_exact_intervals(self):
        found = share_of(0, 10)
        self.assertAllClose([found.value, found.low, found.high], [0, 0, 1 - 0.025**0.1])


if __name__ == "__main__":
    tf.test.main()
