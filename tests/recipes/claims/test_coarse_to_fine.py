import pytest
import tensorflow as tf

from recipes.claims.coarse_to_fine import Settings, judge, measure
from tests.recipes.claims.verdicts import reds, verdicts
from tuning.oracles import CoarseToFineOracle, RandomOracle

pytestmark = pytest.mark.long
SMALL = Settings(shape=(9, 3, 1, 1), epochs=1, budgets=(12,), seeds=30)


class ZoomOnTheWorst(CoarseToFineOracle):
    def _best_first(self):
        return super()._best_first()[::-1]

    def _cost(self, trial):
        return -super()._cost(trial)


class CoarseToFineTest(tf.test.TestCase):
    def test_it_draws_together_and_is_no_worse(self):
        checks = judge(measure(SMALL))
        self.assertEqual(verdicts(checks)[2], "yes")
        self.assertNotIn(0, reds(checks))

    def test_a_zoom_on_the_worst_is_red(self):
        self.assertEqual(reds(judge(measure(SMALL, ZoomOnTheWorst)))[:2], [0, 1])

    def test_random_sampling_draws_nothing_together(self):
        self.assertIn(2, reds(judge(measure(SMALL, RandomOracle))))


if __name__ == "__main__":
    tf.test.main()
