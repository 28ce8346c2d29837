import tensorflow as tf

from recipes.claims.logistic_regression import Settings, difference, judge, measure
from tests.recipes.claims.verdicts import reds, verdicts

SMALL = Settings(steps=30, seeds=1)


def of_the_other_class(weights):
    return -difference(weights)


class LogisticRegressionTest(tf.test.TestCase):
    def test_it_holds(self):
        self.assertEqual(verdicts(judge(measure(SMALL))), ["yes"] * 2)

    def test_the_same_learning_rate_is_red(self):
        self.assertEqual(reds(judge(measure(SMALL, factor=1.0))), [1])

    def test_weights_that_do_not_correspond_are_red(self):
        self.assertEqual(reds(judge(measure(SMALL, of_the_other_class))), [0, 1])


if __name__ == "__main__":
    tf.test.main()
