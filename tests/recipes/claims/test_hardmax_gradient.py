import tensorflow as tf

from layers import hardmax
from recipes.claims.hardmax_gradient import Settings, judge, measure
from tests.recipes.claims.verdicts import reds, verdicts

SMALL = Settings(steps=20, seeds=3)


def straight_through(z):
    """Hardmax that lends itself softmax's gradient."""
    soft = tf.nn.softmax(tf.convert_to_tensor(z))
    return soft + tf.stop_gradient(hardmax(z) - soft)


def without_gradient(z):
    return tf.stop_gradient(tf.nn.softmax(z))


def sigmoids(z):
    return tf.sigmoid(z)


class HardmaxGradientTest(tf.test.TestCase):
    def test_it_holds(self):
        self.assertEqual(verdicts(judge(measure(SMALL))), ["yes"] * 5)

    def test_a_hardmax_with_a_gradient_is_red(self):
        self.assertEqual(reds(judge(measure(SMALL, hardmax=straight_through))), [0])

    def test_a_softmax_in_place_of_hardmax_is_red(self):
        self.assertEqual(reds(judge(measure(SMALL, hardmax=tf.nn.softmax))), [0, 2, 4])

    def test_a_softmax_without_its_gradient_is_red(self):
        self.assertEqual(reds(judge(measure(SMALL, softmax=without_gradient))), [1, 3])

    def test_sigmoids_in_place_of_a_softmax_are_red(self):
        self.assertEqual(reds(judge(measure(SMALL, softmax=sigmoids)))[:2], [1, 2])


if __name__ == "__main__":
    tf.test.main()
