import pytest
import tensorflow as tf

from recipes.claims.grid_random_zoom import STRATEGIES, Settings, judge, measure
from tests.recipes.claims.verdicts import reds, verdicts
from tuning.oracles import GridOracle, RandomOracle

pytestmark = pytest.mark.long
SMALL = Settings(rates=18, epsilons=1, epochs=1, hidden_units=16, levels=(3,), seeds=40)


class OneRate(GridOracle):
    """A grid that forgets to move along the first axis."""

    def _new_trial(self, values):
        rate = self.hyperparameters.space[0].min_value
        return super()._new_trial(values and {**values, "learning_rate": rate})


class GridRandomZoomTest(tf.test.TestCase):
    def test_it_holds(self):
        checks = judge(measure(SMALL))
        self.assertEqual([verdicts(checks)[n] for n in (0, 2, 3)], ["yes"] * 3)
        self.assertNotIn(1, reds(checks))  # more searches would tell

    def test_a_grid_of_one_learning_rate_is_red(self):
        self.assertEqual(reds(judge(measure(SMALL, STRATEGIES | {"grid": OneRate}))), [0, 1])

    def test_random_sampling_in_place_of_a_grid_is_red(self):
        self.assertEqual(reds(judge(measure(SMALL, STRATEGIES | {"grid": RandomOracle}))), [0])

    def test_random_trials_with_one_learning_rate_are_red(self):
        self.assertEqual(reds(judge(measure(SMALL, STRATEGIES | {"random": OneRate}))), [2, 3])


if __name__ == "__main__":
    tf.test.main()
