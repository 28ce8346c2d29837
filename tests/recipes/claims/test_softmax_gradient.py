import keras
import tensorflow as tf

from recipes.claims.softmax_gradient import Settings, cross_entropy, judge, measure
from tests.recipes.claims.verdicts import reds, verdicts

SMALL = Settings(examples=8, seeds=3)


def without_its_logits(logits, labels):
    """The loss of probabilities alone, which Keras clips."""
    probabilities = tf.identity(tf.nn.softmax(logits))
    return keras.losses.SparseCategoricalCrossentropy()(labels, probabilities)


def summed(logits, labels):
    return len(labels) * cross_entropy(logits, labels)


class SoftmaxGradientTest(tf.test.TestCase):
    def test_it_holds(self):
        self.assertEqual(verdicts(judge(measure(SMALL))), ["yes"] * 2)

    def test_a_softmax_without_its_logits_is_red(self):
        self.assertEqual(reds(judge(measure(SMALL, without_its_logits))), [0, 1])

    def test_a_sum_in_place_of_the_mean_is_red(self):
        self.assertEqual(reds(judge(measure(SMALL, summed))), [0])


if __name__ == "__main__":
    tf.test.main()
