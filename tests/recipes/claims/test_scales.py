import tensorflow as tf

from recipes.claims.scales import Settings, judge, measure
from tests.recipes.claims.verdicts import reds, verdicts
from tuning import Linear, Logarithmic, LogarithmicComplement

SMALL = Settings(few=2, seeds=2, epochs=1, hidden_units=8)
SHARES_OF_RATES, SHARE_OF_MOMENTA, MEMORIES, BEST_OF_FEW = 1, 3, [4, 5, 6], 7


class ReverseLog(LogarithmicComplement):
    """keras-tuner's own, which is no logarithm of 1 - value."""

    def declare(self, hp, name, default):
        return hp.Float(name, self.low, self.high, sampling="reverse_log", default=default)

    def read(self, hp, name):
        return hp.get(name)


class DenseNearOne(Logarithmic):
    def read(self, hp, name):
        return self.low + self.high - super().read(hp, name)


class DenseNearTheLow(LogarithmicComplement):
    def read(self, hp, name):
        return self.low + self.high - super().read(hp, name)


def forgets_what_it_should_keep(average, value, rate):
    return value + rate * (average - value)


class ScalesTest(tf.test.TestCase):
    def test_it_holds(self):
        self.assertEqual(verdicts(judge(measure(SMALL)))[:7], ["yes"] * 7)

    def test_a_linear_scale_reverse_log_and_exchanged_weights_are_red(self):
        found = measure(SMALL, Linear, ReverseLog, forgets_what_it_should_keep)
        faults = [SHARES_OF_RATES, SHARE_OF_MOMENTA, *MEMORIES]
        self.assertContainsSubset(faults, reds(judge(found)))

    def test_scales_that_are_dense_at_the_wrong_end_are_red(self):
        settings = Settings(seeds=12, epochs=2, hidden_units=16)
        found = measure(settings, DenseNearOne, DenseNearTheLow)
        self.assertIn(BEST_OF_FEW, reds(judge(found)))


if __name__ == "__main__":
    tf.test.main()
