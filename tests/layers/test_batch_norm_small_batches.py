"""Batches without a variance, masks, the start of the averages: where Keras's layer goes wrong."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from layers import BatchNorm
from tests.layers.test_batch_norm import normal, random_weights

MODES = {
    "eager": lambda function: function,
    "graph": lambda function: tf.function(function),
    "graph_of_unknown_size": lambda function: tf.function(function, reduce_retracing=True),
    "xla": lambda function: tf.function(function, jit_compile=True),
}


def built(**arguments):
    layer = BatchNorm(**arguments)
    layer.build((None, 3))
    layer.set_weights(random_weights(layer))
    return layer


class TooFewValuesTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.product(mode=tuple(MODES), debias=(False, True), size=(0, 1))
    def test_a_batch_without_a_variance_is_normalised_as_at_inference(self, mode, debias, size):
        layer = built(debias=debias)
        before = layer.get_weights()
        signature = [tf.TensorSpec((None, 3))] if mode == "graph_of_unknown_size" else None

        def step(inputs):
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                outputs = layer(inputs, training=True)
            return outputs, tape.gradient(outputs, inputs)

        step = tf.function(step, input_signature=signature) if signature else MODES[mode](step)
        inputs = tf.constant(normal((size, 3)))
        outputs, gradient = step(inputs)
        self.assertAllClose(outputs, layer(inputs))
        slope = layer.gamma / np.sqrt(layer.moving_variance + layer.epsilon)
        self.assertAllClose(gradient, tf.broadcast_to(slope, (size, 3)))
        self.assertAllEqual(layer.get_weights(), before)

    @parameterized.product(mode=("eager", "graph", "xla"), present=(0, 1))
    def test_a_batch_masked_but_for_one_value_is_normalised_as_at_inference(self, mode, present):
        layer = built()
        before = layer.get_weights()
        inputs, mask = tf.constant(normal((5, 3))), tf.range(5) < present

        def step(inputs, mask):
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                outputs = layer(inputs, training=True, mask=mask)
            return outputs, tape.gradient(outputs, inputs)

        outputs, gradient = MODES[mode](step)(inputs, mask)
        self.assertAllClose(outputs, layer(inputs))
        self.assertAllInRange(gradient, 0.01, 100.0)
        self.assertAllEqual(layer.get_weights(), before)

    def test_each_channel_is_judged_by_its_own_mask(self):
        layer = BatchNorm(axis=1, momentum=0, debias=True)
        inputs = normal((4, 2, 3))
        mask = np.array([[True, False]] * 4)
        outputs = layer(inputs, training=True, mask=mask)
        self.assertAllClose(layer.moving_mean, [inputs[:, 0].mean(), 0.0])
        self.assertAllClose(layer.moving_variance, [inputs[:, 0].var(), 1.0])
        self.assertAllEqual(layer.moving_weight, [1.0, 0.0])
        self.assertAllClose(outputs[:, 1], inputs[:, 1] / np.sqrt(1 + layer.epsilon))

    def test_one_image_has_values_enough(self):
        layer = BatchNorm(momentum=0)
        image = normal((1, 4, 4, 3))
        layer(image, training=True)
        self.assertAllClose(layer.moving_mean, image.mean((0, 1, 2)))

    @parameterized.parameters(False, True)
    def test_fit_survives_a_last_batch_of_one(self, jit_compile):
        model = keras.Sequential([BatchNorm(momentum=0.5), keras.layers.Dense(1)])
        model.compile("sgd", "mse", jit_compile=jit_compile)
        inputs = normal((9, 3))
        model.fit(inputs, inputs[:, :1], batch_size=8, shuffle=False, verbose=0)
        self.assertAllClose(model.layers[0].moving_mean, inputs[:8].mean(0) / 2)
        self.assertAllClose(model.layers[0].moving_variance, (1 + inputs[:8].var(0)) / 2)


class MaskTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(np.nan, np.inf, 1e30)
    def test_what_is_masked_does_not_reach_the_statistics(self, rubbish):
        inputs = normal((4, 5, 3))
        mask = np.random.default_rng(1).random((4, 5)) < 0.6
        spoilt = np.where(mask[..., None], inputs, np.float32(rubbish))
        layer = BatchNorm(momentum=0.0)
        outputs = layer(spoilt, training=True, mask=mask)
        self.assertAllClose(layer.moving_mean, inputs[mask].mean(0))
        self.assertAllClose(layer.moving_variance, inputs[mask].var(0))
        self.assertAllClose(outputs[mask], layer(inputs)[mask])

    def test_a_mask_does_not_matter_at_inference(self):
        layer, inputs = built(), normal((4, 3))
        self.assertAllEqual(layer(inputs, mask=np.array([1, 0, 0, 1])), layer(inputs))

    def test_a_mask_of_numbers_is_a_mask_of_booleans(self):
        inputs, layers = normal((4, 3)), (BatchNorm(), BatchNorm())
        outputs = [
            layer(inputs, training=True, mask=np.array([1, 0, 1, 1], dtype))
            for layer, dtype in zip(layers, ("bool", "float32"), strict=True)
        ]
        self.assertAllEqual(outputs[0], outputs[1])

    @parameterized.parameters(0.0, 0.1, 1.0)
    def test_the_mask_of_a_masking_layer_arrives_and_is_passed_on(self, mask_value):
        rows = [[1, 5], [2, 5], [mask_value, mask_value], [mask_value, mask_value]]
        data = np.tile(np.float32(rows), (10, 1, 1))
        layer = BatchNorm(momentum=0.0)
        model = keras.Sequential([keras.Input((None, 2)), keras.layers.Masking(mask_value), layer])
        outputs = model(data, training=True)
        self.assertAllClose(layer.moving_mean, [1.5, 5.0])
        self.assertAllClose(layer.moving_variance, [0.25, 0.0])
        self.assertAllEqual(outputs._keras_mask, np.tile([True, True, False, False], (10, 1)))


class DebiasTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.product(steps=(1, 2, 10), momentum=(0.9, 0.999))
    def test_inference_is_right_from_the_first_step(self, steps, momentum):
        layer = BatchNorm(momentum=momentum, debias=True)
        inputs = normal((64, 3))
        for _ in range(steps):
            outputs = layer(inputs, training=True)
        self.assertAllClose(layer(inputs), outputs, atol=1e-4)

    def test_initial_values_serve_until_the_first_step(self):
        inputs = normal((4, 3))
        self.assertAllEqual(BatchNorm(debias=True)(inputs), BatchNorm()(inputs))

    def test_in_the_long_run_it_makes_no_difference(self):
        layers = BatchNorm(momentum=0.8), BatchNorm(momentum=0.8, debias=True)
        for step in range(80):
            for layer in layers:
                layer(normal((16, 3), seed=step), training=True)
        self.assertAllClose(layers[0].moving_mean, layers[1].moving_mean, rtol=1e-4)
        self.assertAllClose(layers[0].moving_variance, layers[1].moving_variance, rtol=1e-4)

    def test_the_extra_weight_comes_last_and_the_others_interchange_with_keras(self):
        layer, theirs = BatchNorm(debias=True), keras.layers.BatchNormalization()
        layer(normal((16, 3)), training=True)
        self.assertEqual(layer.weights[-1].name, "moving_weight")
        theirs.build((None, 3))
        theirs.set_weights(layer.get_weights()[:-1])
        self.assertAllClose(layer(normal((4, 3))), theirs(normal((4, 3))))
        layer.set_weights([*theirs.get_weights(), np.ones(3)])
        self.assertAllClose(layer(normal((4, 3))), theirs(normal((4, 3))))

    def test_batches_that_teach_nothing_do_not_count_as_a_first_step(self):
        layer = BatchNorm(debias=True)
        layer(normal((1, 3)), training=True)
        self.assertAllEqual(layer.moving_weight, tf.zeros(3))
        layer(normal((8, 3)), training=True)
        self.assertAllClose(layer.moving_mean, normal((8, 3)).mean(0))

    def test_a_momentum_of_one_never_moves(self):
        layer = BatchNorm(debias=True, momentum=1.0)
        layer(normal((8, 3)), training=True)
        self.assertAllEqual(layer.moving_mean, tf.zeros(3))
        self.assertAllEqual(layer.moving_variance, tf.ones(3))
