import numpy as np
import optuna
import tensorflow as tf
from absl.testing import parameterized

from tuning import first_order_importance


def shares(values, scores):
    return {each.name: each.share for each in first_order_importance(values, scores)}


def bit(numbers):
    return np.floor(2 * numbers)


class ImportanceTest(tf.test.TestCase, parameterized.TestCase):
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

    def test_the_shares_of_uniform_scores_are_those_that_can_be_calculated(self):
        a, b, c = self.random.random((3, 50_000))
        found = shares({"a": a, "b": b, "c": c}, (bit(a) + b) / 2)
        self.assertAllClose([found["a"], found["b"], found["c"]], [0.75, 0.25, 0.0], atol=0.01)

    def test_an_interaction_is_nobodys_share(self):
        a, b, c = self.random.random((3, 50_000))
        found = shares({"a": a, "b": b, "c": c}, ((bit(a) != bit(c)) + b) / 2)
        self.assertAllClose([found["a"], found["b"], found["c"]], [0.0, 0.25, 0.0], atol=0.01)

    @parameterized.parameters(12, 48, 192)
    def test_the_interval_covers_what_many_more_trials_find(self, n):
        truth = dict.fromkeys("abc", 0.0)
        a, b, c = self.random.random((3, 100_000))
        truth |= shares({"a": a, "b": b, "c": c}, 2 * a + b)
        covered = []
        for _ in range(30):
            a, b, c = self.random.random((3, n))
            found = first_order_importance({"a": a, "b": b, "c": c}, 2 * a + b)
            covered += [each.low <= truth[each.name] <= each.high for each in found]
            self.assertTrue(all(0 <= e.low <= e.share <= e.high <= 1 for e in found))
        self.assertGreater(np.mean(covered), 0.85)

    def test_more_trials_make_the_interval_shorter(self):
        a, b = self.random.random((2, 1000))
        widths = []
        for n in (4, 16, 128, 1000):
            (found, _) = first_order_importance({"a": a[:n], "b": b[:n]}, (a + b)[:n])
            self.assertEqual(found.trials, n)
            widths.append(found.high - found.low)
        self.assertEqual(widths[0], 1.0)
        self.assertEqual(widths, sorted(widths, reverse=True))
        self.assertLess(widths[-1], 0.15)

    @parameterized.named_parameters(
        ("a_sum", lambda a, b, c: 3 * a + b + 0.1 * c),
        ("a_valley", lambda a, b, c: -((a - 0.5) ** 2) - 0.1 * (b - 0.3) ** 2 + 0.001 * c),
        ("a_step", lambda a, b, c: bit(a) + b + 0.1 * c),
    )
    def test_the_first_two_are_those_that_optunas_fanova_finds_in_the_same_trials(self, score):
        columns = dict(zip("cba", self.random.random((3, 200)), strict=True))
        scores = score(columns["a"], columns["b"], columns["c"])
        ours = list(shares(columns, scores))
        self.assertEqual(ours[:2], self.by_optuna(columns, scores)[:2])
        self.assertEqual(ours[:2], ["a", "b"])

    def by_optuna(self, columns, scores):
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        distributions = dict.fromkeys(columns, optuna.distributions.FloatDistribution(0.0, 1.0))
        study = optuna.create_study(direction="maximize")
        for row, score in enumerate(scores):
            study.add_trial(
                optuna.trial.create_trial(
                    params={name: float(column[row]) for name, column in columns.items()},
                    distributions=distributions,
                    value=float(score),
                )
            )
        evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=16, seed=0)
        return list(optuna.importance.get_param_importances(study, evaluator=evaluator))

    def test_hardly_any_trials_say_nothing(self):
        self.assertEqual(first_order_importance({"a": [1, 2, 3]}, [1, 2, 3]), [])
        self.assertEqual(shares({"a": [1, 2, 3, 4]}, [5, 5, 5, 5]), {"a": 0.0})
        self.assertEqual(shares({"a": [1, 1, 1, 1]}, [5, 6, 7, 8]), {"a": 0.0})


if __name__ == "__main__":
    tf.test.main()
