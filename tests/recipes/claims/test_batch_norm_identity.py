import tensorflow as tf

from layers import BatchNorm
from recipes.claims.batch_norm_identity import Settings, judge, measure
from tests.recipes.claims.verdicts import reds, verdicts

SMALL = Settings(units=10, seeds=3)


class UnbiasedBatchNorm(BatchNorm):
    """Divides by m - 1 rather than m."""

    def _batch_moments(self, values, mask):
        count, mean, variance = super()._batch_moments(values, mask)
        return count, mean, variance * count / (count - 1)


class MovedBatchNorm(BatchNorm):
    """Adds beta before gamma is multiplied."""

    def call(self, inputs, training=None, mask=None):
        z_norm = (super().call(inputs, training, mask) - self.beta) / self.gamma
        return self.gamma * (z_norm + self.beta)


class BatchNormIdentityTest(tf.test.TestCase):
    def test_it_holds(self):
        self.assertEqual(verdicts(judge(measure(SMALL))), ["yes"] * 3)

    def test_another_divisor_of_the_variance_is_red(self):
        self.assertEqual(reds(judge(measure(SMALL, UnbiasedBatchNorm))), [0, 2])

    def test_another_order_of_gamma_and_beta_is_red(self):
        self.assertEqual(reds(judge(measure(SMALL, MovedBatchNorm))), [0, 1])


if __name__ == "__main__":
    tf.test.main()
