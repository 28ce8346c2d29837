import pytest
import tensorflow as tf

from recipes.claims.random_shifts import Settings, ShiftedBatchNorm, judge, measure
from recipes.ingredients.claims import RaceSettings
from tests.recipes.claims.verdicts import reds, verdicts

pytestmark = pytest.mark.long
SMALL = Settings(training=RaceSettings(looks=20, every=20, seeds=3), hidden_units=30, rates=3)


class RandomShiftsTest(tf.test.TestCase):
    def test_training_is_fast_with_shifts_and_their_faults_are_red(self):
        found = measure(SMALL)
        self.assertEqual(verdicts(judge(found))[1], "yes")

        def in_its_place(other):
            return reds(judge(found | {"with shifts after": found[other]}))

        self.assertEqual(in_its_place("with"), [0])
        self.assertIn(1, in_its_place("without"))

    def test_a_batch_is_shifted_in_training_only_and_anew_each_time(self):
        z = tf.random.normal((64, 5))
        layer, still = ShiftedBatchNorm(), ShiftedBatchNorm(shift=0.0, scale=0.0)
        first, second = (tf.reduce_mean(layer(z, training=True), 0) for _ in range(2))
        self.assertNotAllClose(first, second, atol=0.01)
        self.assertAllInRange(tf.concat([first, second], 0), -0.5, 0.5)
        self.assertAllClose(tf.reduce_mean(still(z, training=True), 0), [0.0] * 5, atol=1e-5)
        self.assertAllClose(layer(z), still(z))


if __name__ == "__main__":
    tf.test.main()
