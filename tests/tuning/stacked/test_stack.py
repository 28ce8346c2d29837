"""A trial in a stack is trained as Keras's `fit` trains it alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

from layers import BatchNorm, SoftmaxCrossEntropy, SoftmaxHead
from tests.tuning.stacked.side_by_side import examples, stacked, train_both_ways
from tuning.stacked import Data
from tuning.stacked.stack import WHOLE_BATCHES

TOLERANCE = 1e-4  # of the distance travelled, in float32


def mlp(units, optimizer, batch_norm=BatchNorm, activation="relu", jit_compile=True):
    model = keras.Sequential([keras.Input((6,))])
    for width in units:
        model.add(keras.layers.Dense(width, use_bias=False))
        model.add(batch_norm())
        model.add(keras.layers.Activation(activation))
    model.add(SoftmaxHead(3))
    model.compile(optimizer, SoftmaxCrossEntropy(), metrics=["accuracy"], jit_compile=jit_compile)
    return model


class StackTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        ("relu", lambda rate: keras.optimizers.SGD(rate, 0.9), examples(19, seed=1), True),
        ("relu", lambda rate: keras.optimizers.SGD(rate, 0.9), examples(19, seed=1), False),
        ("sigmoid", keras.optimizers.Adam, examples(19, seed=1), WHOLE_BATCHES),
        ("tanh", keras.optimizers.RMSprop, None, False),
    )
    @pytest.mark.long(but=1)
    def test_trials_of_mixed_widths_train_as_if_alone(
        self, activation, optimizer, validation, jit_compile
    ):
        how = {"activation": activation, "jit_compile": bool(jit_compile)}
        models = [
            mlp((5, 9), optimizer(0.01), lambda: BatchNorm(debias=True), **how),
            mlp((20, 4), optimizer(0.003), lambda: BatchNorm(debias=True), **how),
        ]
        x, y = examples()
        given = {"validation": validation, "jit_compile": jit_compile}
        outcome = train_both_ways(models, x, y, epochs=4, **given, eagerly=False)
        self.assertIsNone(outcome.objection)
        self.assertAllLess(outcome.differences, TOLERANCE)
        self.assertAllLess(outcome.averages, TOLERANCE)
        for epoch, logs in enumerate(outcome.logs):
            for trial, history in enumerate(outcome.histories):
                self.assertEqual(set(logs), set(history))
                for name, values in history.items():
                    self.assertAllClose(logs[name][trial], values[epoch], rtol=1e-5, msg=name)

    def test_a_trial_that_diverges_harms_no_other(self):
        x, y = examples(40)
        models = [mlp((5,), keras.optimizers.SGD(rate, 0.9)) for rate in (0.01, 1e30, 0.02)]
        outcome = train_both_ways(models, x, y, epochs=2, eagerly=False)
        self.assertFalse(np.isfinite(outcome.logs[-1]["loss"][1]))
        self.assertAllLess([outcome.differences[0], outcome.differences[2]], TOLERANCE)

    def test_an_epsilon_of_zero_leaves_no_nan_in_the_padding(self):
        models = [
            mlp((width,), keras.optimizers.Adam(0.003, epsilon=0.0), activation="tanh")
            for width in (3, 8)
        ]
        outcome = train_both_ways(models, *examples(40), eagerly=False)
        self.assertAllLess(outcome.differences, TOLERANCE)

    def test_padding_does_not_count_in_the_norm_that_is_clipped(self):
        models = [
            mlp((width,), keras.optimizers.SGD(0.05, global_clipnorm=0.1), activation="sigmoid")
            for width in (3, 12)
        ]
        outcome = train_both_ways(models, *examples(40), eagerly=False)
        self.assertAllLess(outcome.differences, TOLERANCE)

    def test_averages_stay_zero_in_the_padding(self):
        x, y = examples(16)
        models = [mlp((width,), "sgd", lambda: BatchNorm(debias=True)) for width in (3, 8)]
        stack = stacked(models, Data(x, y), jit_compile=False)
        stack.train_epoch(np.arange(16), 0)
        for average in stack._state["others"]:
            self.assertAllEqual(average[0, 3:], np.zeros(5))
            self.assertNotAllClose(average[1, 3:], np.zeros(5))


if __name__ == "__main__":
    tf.test.main()
