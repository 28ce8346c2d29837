import numpy as np
import tensorflow as tf

from tuning import first_order_importance


def shares(values, scores):
    return {each.name: each.share for each in first_order_importance(values, scores)}


class ImportanceTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.random = np.random.default_rng(0)

    def test_the_share_of_a_sum_of_independent_terms_is_that_of_its_term(self):
        a, b, c = self.random.random((3, 20_000))
        found = shares({"a": a, "b": b, "c": c}, 2 * a + b)
        self.assertAllClose([found["a"], found["b"], found["c"]], [0.8, 0.2, 0.0], atol=0.03)

    def test_what_does_not_matter_has_no_share_on_average(self):
        found = [
            np.mean(
                [
                    max(0, shares({"a": self.random.random(n)}, self.random.random(n))["a"])
                    for _ in range(200)
                ]
            )
            for n in (8, 32, 128)
        ]
        for share, most in zip(found, (0.2, 0.1, 0.05), strict=True):
            self.assertLess(share, most)

    def test_a_valley_is_found_as_well_as_a_slope(self):
        a, b = self.random.random((2, 2000))
        self.assertGreater(shares({"a": a, "b": b}, -np.abs(a - 0.5) + 0.01 * b)["a"], 0.9)

    def test_categories_and_booleans_are_groups(self):
        kind = self.random.choice(["x", "y", "z"], 300)
        flag = self.random.random(300) < 0.5
        found = shares({"flag": flag, "kind": kind}, (kind == "y") + 0.01 * flag)
        self.assertGreater(found["kind"], 0.6)
        self.assertLess(found["flag"], 0.35)
        self.assertEqual(list(found), ["kind", "flag"])

    def test_one_absurd_score_decides_nothing(self):
        a, b = self.random.random((2, 200))
        plain = shares({"a": a, "b": b}, a)
        scores = np.where(np.arange(200) == 7, -1e30, a)
        self.assertAllClose(plain["a"], shares({"a": a, "b": b}, scores)["a"], atol=0.05)

    def test_failed_trials_count_as_the_worst(self):
        a = self.random.random(200)
        self.assertGreater(shares({"a": a}, np.where(a > 0.7, np.nan, 1.0))["a"], 0.8)

    def test_hardly_any_trials_say_nothing(self):
        self.assertEqual(first_order_importance({"a": [1, 2, 3]}, [1, 2, 3]), [])
        self.assertEqual(shares({"a": [1, 2, 3, 4]}, [5, 5, 5, 5]), {"a": 0.0})
        self.assertEqual(shares({"a": [1, 1, 1, 1]}, [5, 6, 7, 8]), {"a": 0.0})


if __name__ == "__main__":
    tf.test.main()
