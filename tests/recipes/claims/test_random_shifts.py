import keras
import tensorflow as tf

from recipes.claims.covariate_shift import trained
from recipes.claims.random_shifts import Settings, ShiftedBatchNorm, judge, measure
from recipes.ingredients.claims import RaceSettings
from tests.recipes.claims.verdicts import reds, verdicts

SMALL = Settings(training=RaceSettings(looks=20, every=20, seeds=2), hidden_units=30, rates=3)


class UnshiftedBatchNorm(ShiftedBatchNorm):
    def __init__(self, **kwargs):
        super().__init__(shift=0.0, scale=0.0, **kwargs)


class RandomShiftsTest(tf.test.TestCase):
    def test_training_is_fast_with_shifts_and_their_faults_are_red(self):
        found = measure(SMALL)
        self.assertEqual(verdicts(judge(found))[1], "yes")

        def with_fault(layer):
            return reds(judge(found | {"with shifts after": trained(SMALL, layer)}))

        self.assertEqual(with_fault(UnshiftedBatchNorm), [0])
        self.assertIn(1, with_fault(keras.layers.Identity))


if __name__ == "__main__":
    tf.test.main()
