import keras
import pytest
import tensorflow as tf

from layers import BatchNorm
from recipes.claims.linear_middle import Settings, fixed, judge, measure
from recipes.ingredients.errors import BadInput
from tests.recipes.claims.verdicts import reds, verdicts

pytestmark = pytest.mark.long
SMALL = Settings(hidden_units=20, steps=200, seeds=3)


class LinearMiddleTest(tf.test.TestCase):
    def test_fixed_inputs_stay_within_chebyshevs_bound(self):
        self.assertEqual(verdicts(judge(measure(SMALL)))[1], "yes")

    def test_without_gamma_and_beta_nothing_grows_and_a_large_gamma_breaks_the_bound(self):
        def spread():
            return BatchNorm(gamma_initializer=keras.initializers.Constant(3.0), center=False)

        self.assertEqual(reds(judge(measure(SMALL, fixed, spread))), [0, 1])

    def test_a_learning_rate_of_zero_is_refused(self):
        with self.assertRaisesRegex(BadInput, "learning_rate must be above 0"):
            Settings(learning_rate=0.0)


if __name__ == "__main__":
    tf.test.main()
