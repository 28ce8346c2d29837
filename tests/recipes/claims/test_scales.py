import tensorflow as tf

from recipes.claims.scales import Settings, judge, measure
from tests.recipes.claims.verdicts import reds, verdicts
from tuning import Linear, LogarithmicComplement

SHARES_OF_RATES, SHARE_OF_MOMENTA, MEMORIES = 1, 3, [4, 5, 6]


class ReverseLog(LogarithmicComplement):
    """keras-tuner's own, which is no logarithm of 1 - value."""

    def declare(self, hp, name, default):
        return hp.Float(name, self.low, self.high, sampling="reverse_log", default=default)

    def read(self, hp, name):
        return hp.get(name)


def forgets_what_it_should_keep(average, value, rate):
    return value + rate * (average - value)


class ScalesTest(tf.test.TestCase):
    def test_it_holds(self):
        self.assertEqual(verdicts(judge(measure(Settings()))), ["yes"] * 7)

    def test_a_linear_scale_of_learning_rates_is_red(self):
        found = measure(Settings(), logarithmic=Linear)
        self.assertEqual(reds(judge(found)), [SHARES_OF_RATES])

    def test_keras_tuners_reverse_log_is_red(self):
        found = measure(Settings(), complement=ReverseLog)
        self.assertEqual(reds(judge(found)), [SHARE_OF_MOMENTA])

    def test_an_average_with_its_two_weights_exchanged_is_red(self):
        found = measure(Settings(), move=forgets_what_it_should_keep)
        self.assertEqual(reds(judge(found)), MEMORIES)


if __name__ == "__main__":
    tf.test.main()
