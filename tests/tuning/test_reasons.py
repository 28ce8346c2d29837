import traceback

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tuning.reasons import reason_of


class Wrong(keras.layers.Layer):
    def call(self, x):
        return tf.matmul(x, tf.ones([7, 2]))


def wrong_shape():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 5)), np.ones((4, 2)), verbose=0)


def wrong_layer():
    keras.Sequential([keras.Input((3,)), Wrong()])


def refused_in_a_graph():
    @tf.function
    def check(x):
        tf.debugging.assert_less(x, 1.0, message="far too big")

    check(tf.ones([2]))


def refused_while_traced():
    @tf.function
    def product(x):
        if x.shape[0] == 2:
            x = tf.matmul(x, x)
        return x

    product(tf.ones([2]))


def too_much_memory():
    @tf.function(jit_compile=True)
    def allocate():
        return tf.reduce_sum(tf.random.normal([1 << 24, 1 << 20]) @ tf.random.normal([1 << 20, 4]))

    allocate()


def after_another():
    try:
        raise KeyError("first")
    except KeyError:
        raise RuntimeError("second\n\nand more of it")  # noqa: B904


class ReasonTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        (wrong_shape, "Input 0 .* is incompatible .* received input with shape .None, 5.$"),
        (wrong_layer, "Dimensions must be equal, but are 3 and 7 for .*"),
        (refused_in_a_graph, "assertion failed: .far too big.*"),
        (refused_while_traced, "ValueError: Shape must be rank 2 but is rank 1 .*"),
        (too_much_memory, r".*Out of memory .*\d+.* ?[a-zA-Z.]+"),
        (after_another, "RuntimeError: second"),
        (lambda: [][0], "IndexError: list index out of range"),
    )
    def test_a_traceback_comes_down_to_the_line_that_tells(self, fault, line):
        try:
            fault()
        except Exception as error:  # as keras-tuner catches what a trial raises
            whole, message = traceback.format_exc(), str(error)
        self.assertRegex(reason_of(whole), f"^{line}$")
        without_type = line.removeprefix("RuntimeError: ").removeprefix("IndexError: ")
        self.assertRegex(reason_of(message), f"^({without_type})$")

    @parameterized.parameters("", "loss became NaN in epoch 3", "ended early: below the median")
    def test_a_sentence_stays_as_it_is(self, sentence):
        self.assertEqual(reason_of(sentence), sentence)

    def test_blank_lines_say_nothing(self):
        self.assertEqual(reason_of("\n\nin user code:\n\n\n\n    too wide\n\n"), "too wide")

    def test_what_says_nothing_but_where_is_better_than_nothing(self):
        self.assertEqual(reason_of("Graph execution error:"), "Graph execution error:")


if __name__ == "__main__":
    tf.test.main()
