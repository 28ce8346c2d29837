"""What computes the same is described alike, what does not is not."""

import functools

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tuning.stacked.description import described

L = keras.layers


class Focal(keras.Loss):
    """A loss as people write them: without `get_config`."""

    def __init__(self, gamma):
        super().__init__(name="focal")
        self._gamma = gamma

    def call(self, y_true, y_pred):
        return (y_true - y_pred) ** self._gamma


class Share(keras.Metric):
    """A metric without `get_config`, with variables."""

    def __init__(self, threshold):
        super().__init__(name="share")
        self.threshold = threshold
        self.total = self.add_weight(name="total", initializer="zeros")


class Limit(keras.constraints.Constraint):
    def __init__(self, limit):
        self.limit = limit

    def __call__(self, weight):
        return keras.ops.clip(weight, -self.limit, self.limit)

    def scaled(self, value):
        return self.limit * value


def inside(number):
    def function(value, power=2):
        return (lambda: value * number + power)()

    return function


def with_default(number):
    return lambda value, *, by=number: value * by


MAKERS = {
    "number": lambda i: i,
    "floats": lambda i: 0.1 + i,
    "types": lambda i: [1, True][i],
    "dict": lambda i: {"a": [1, {"b": i}]},
    "long_array": lambda i: np.arange(5000) == 2500 * i,
    "tensor": lambda i: tf.constant([1.0, i]),
    "loss": Focal,
    "metric": Share,
    "loss_of_keras": lambda i: keras.losses.Huber(delta=1.0 + i),
    "metric_of_keras": lambda i: keras.metrics.TopKCategoricalAccuracy(k=1 + i),
    "constraint": Limit,
    "closure": inside,
    "keyword_default": with_default,
    "method": lambda i: Limit(i).scaled,
    "partial": lambda i: functools.partial(max, i),
    "nested_in_a_closure": lambda i: inside(Limit(i)),
}


class DescriptionTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.named_parameters(MAKERS.items())
    def test_equal_for_equal_settings_alone(self, make):
        self.assertEqual(described(make(1)), described(make(1)))
        self.assertEqual(hash(described(make(1))), hash(described(make(1))))
        self.assertNotEqual(described(make(0)), described(make(1)))

    def test_layers_and_variables_are_themselves(self):
        for make in (lambda: L.Dense(3), lambda: keras.Variable(1.0), lambda: tf.Variable(1.0)):
            one, other = make(), make()
            self.assertEqual(described(one), described(one))
            self.assertNotEqual(described(one), described(other))

    def test_what_refers_to_itself_has_an_end(self):
        circle = Limit(1)
        circle.self = circle
        self.assertIsInstance(hash(described(circle)), int)


if __name__ == "__main__":
    tf.test.main()
