import keras
import tensorflow as tf

from recipes.claims.random_shifts import Settings, ShiftedBatchNorm, judge, measure
from recipes.ingredients.claims import RaceSettings
from tests.recipes.claims.verdicts import reds, verdicts

SMALL = Settings(training=RaceSettings(looks=20, every=20, seeds=2), hidden_units=30, rates=3)


class UnshiftedBatchNorm(ShiftedBatchNorm):
    def __init__(self, **kwargs):
        super().__init__(shift=0.0, scale=0.0, **kwargs)


class RandomShiftsTest(tf.test.TestCase):
    def test_training_is_fast_with_shifts(self):
        self.assertEqual(verdicts(judge(measure(SMALL)))[1], "yes")

    def test_without_shifts_the_premise_is_red(self):
        self.assertEqual(reds(judge(measure(SMALL, shifted=UnshiftedBatchNorm))), [0])

    def test_without_batch_norm_the_finding_is_red(self):
        self.assertIn(1, reds(judge(measure(SMALL, shifted=keras.layers.Identity))))


if __name__ == "__main__":
    tf.test.main()
