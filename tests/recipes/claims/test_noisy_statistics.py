import tensorflow as tf

from recipes.claims.noisy_statistics import GroupNorm, Settings, judge, mean_of_batch, measure
from tests.recipes.claims.verdicts import reds, verdicts

SMALL = Settings(hidden_units=20, draws=400, looks=2, every=40, seeds=3)


def mean_of_four(z):
    """As if more examples brought no more knowledge."""
    return mean_of_batch(z[:4])


def whole(_, **arguments):
    return GroupNorm(1, **arguments)


class NoisyStatisticsTest(tf.test.TestCase):
    def test_the_noise_is_that_of_the_formula(self):
        self.assertEqual(verdicts(judge(measure(SMALL)))[0], "yes")

    def test_a_mean_of_four_and_groups_that_are_none_are_red(self):
        checks = judge(measure(SMALL, mean_of_four, whole))
        self.assertEqual(checks[0].holds, "under conditions (1 of 4): m = 4")
        self.assertEqual(reds(checks), [1, 2])

    def test_groups_are_normalised_each_by_itself(self):
        z = tf.concat([tf.random.normal((4, 3)), 5 + tf.random.normal((4, 3))], 0)
        out = GroupNorm(2)(z, training=True)
        self.assertAllClose(tf.reduce_mean(out[:4], 0), [0.0] * 3, atol=1e-5)


if __name__ == "__main__":
    tf.test.main()
