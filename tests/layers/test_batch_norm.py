"""BatchNorm against Keras's layer, its averages' closed form and the algebra of its formula."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from layers import BatchNorm, closed_form_average

SHAPES_AND_AXES = (
    ((8, 3), -1),
    ((8, 3), 1),
    ((4, 5, 3), -1),
    ((4, 5, 3), 1),
    ((4, 5, 3), -2),
    ((4, 3, 2, 5), -1),
    ((4, 3, 2, 5), 1),
    ((4, 3, 2, 5), 2),
    ((2, 3, 2, 2, 4), -1),
    ((2, 3, 2, 2, 4), 1),
    ((6, 3), 0),
)


def normal(shape, mean=3.0, deviation=2.0, seed=0):
    draws = np.random.default_rng(seed).normal(mean, deviation, shape)
    return draws.astype("float32")


def random_weights(layer, seed=7):
    generator = np.random.default_rng(seed)
    return [generator.uniform(0.5, 2.0, weight.shape) for weight in layer.weights]


def twins(shape, axis=-1, **arguments):
    """Our layer and Keras's with the same random weights."""
    pair = BatchNorm(axis, **arguments), keras.layers.BatchNormalization(axis, **arguments)
    for layer in pair:
        layer.build(shape)
        layer.set_weights(random_weights(layer))
    return pair


def training_step(layer, inputs, mask=None):
    """Outputs and the gradients of inputs, gamma and beta under a loss that feels every entry."""
    inputs = tf.convert_to_tensor(inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, training=True, mask=mask)
        loss = tf.reduce_sum(tf.sin(2 * outputs) + outputs**3)
    parameters = [weight.value for weight in layer.trainable_weights]
    return [outputs, *tape.gradient(loss, [inputs, *parameters])]


class AgainstKerasTest(tf.test.TestCase, parameterized.TestCase):
    def assert_same_steps(self, ours, theirs, inputs, mask=None, steps=3, tolerance=2e-5):
        for step in range(steps):
            batch = inputs + np.float32(step)
            for got, expected in zip(
                training_step(ours, batch, mask), training_step(theirs, batch, mask), strict=True
            ):
                self.assertAllClose(got, expected, rtol=tolerance, atol=tolerance)
            for got, expected in zip(ours.get_weights(), theirs.get_weights(), strict=True):
                self.assertAllClose(got, expected, rtol=1e-6, atol=1e-6)
        self.assertAllClose(ours(inputs), theirs(inputs), rtol=1e-5, atol=1e-5)

    @parameterized.parameters(*SHAPES_AND_AXES)
    def test_outputs_gradients_and_averages_are_those_of_keras(self, shape, axis):
        self.assert_same_steps(*twins(shape, axis), normal(shape))

    @parameterized.product(center=(False, True), scale=(False, True))
    def test_without_center_or_scale_it_is_still_that_of_keras(self, center, scale):
        ours, theirs = twins((8, 3), center=center, scale=scale)
        self.assertEqual(
            [weight.name for weight in ours.weights], [weight.name for weight in theirs.weights]
        )
        self.assertLen(ours.trainable_weights, center + scale)
        self.assert_same_steps(ours, theirs, normal((8, 3)))

    @parameterized.product(momentum=(0.0, 0.9, 1.0), epsilon=(0.0, 1e-5, 0.1))
    def test_momentum_and_epsilon_mean_what_they_mean_in_keras(self, momentum, epsilon):
        pair = twins((8, 3), momentum=momentum, epsilon=epsilon)
        self.assert_same_steps(*pair, normal((8, 3)))

    @parameterized.parameters(
        ((4, 5, 3), -1, (4, 5)),
        ((4, 5, 3), 1, (4, 5)),
        ((6, 3), -1, (6,)),
        ((4, 3, 2, 5), -1, (4, 3, 2)),
        ((4, 3, 2, 5), -1, (4, 1, 1)),
        ((4, 3, 2, 5), -1, (1, 3, 1)),
    )
    def test_masked_steps_are_those_of_keras(self, shape, axis, mask_shape):
        mask = np.random.default_rng(2).random(mask_shape) < 0.7
        mask.flat[:2] = True
        self.assert_same_steps(*twins(shape, axis), normal(shape), mask)

    def test_float64_inputs_are_computed_in_float64(self):
        ours, theirs = twins((8, 3), dtype="float64")
        inputs = normal((8, 3)).astype("float64")
        got, expected = ours(inputs, training=True), theirs(inputs, training=True)
        self.assertEqual(got.dtype, tf.float64)
        self.assertAllClose(got, expected, rtol=1e-12)
        self.assertAllClose(ours.get_weights(), theirs.get_weights(), rtol=1e-12)

    def test_weights_interchange_both_ways(self):
        ours, theirs = BatchNorm(), keras.layers.BatchNormalization()
        for layer in (ours, theirs):
            layer.build((None, 3))
        for giver, taker in ((ours, theirs), (theirs, ours)):
            giver.set_weights(random_weights(giver))
            taker.set_weights(giver.get_weights())
            for name in ("gamma", "beta", "moving_mean", "moving_variance"):
                self.assertAllEqual(getattr(taker, name), getattr(giver, name))
            self.assertAllEqual(taker(normal((4, 3))), giver(normal((4, 3))))

    def test_constructor_defaults_are_those_of_keras(self):
        ours, theirs = BatchNorm().get_config(), keras.layers.BatchNormalization().get_config()
        own = {"debias"}
        absent = {"renorm", "renorm_clipping", "renorm_momentum"}
        self.assertEqual(ours.keys() - own, theirs.keys() - absent)
        for key in ours.keys() - own - {"name"}:
            self.assertEqual(ours[key], theirs[key], key)

    def test_training_a_model_with_sgd_is_training_it_with_keras(self):
        inputs, targets = normal((40, 6)), normal((40, 2), 0, 1, seed=1)
        weights = []
        for layer in (BatchNorm(), keras.layers.BatchNormalization()):
            keras.utils.set_random_seed(0)
            dense = keras.layers.Dense(5, use_bias=False)
            model = keras.Sequential([dense, layer, keras.layers.ReLU(), keras.layers.Dense(2)])
            model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "mse")
            model.fit(inputs, targets, batch_size=16, epochs=3, shuffle=False, verbose=0)
            weights.append(model.get_weights())
        for got, expected in zip(*weights, strict=True):
            self.assertAllClose(got, expected, rtol=1e-4, atol=1e-5)

    @parameterized.parameters("beta", "gamma")
    def test_regularizers_and_constraints_act_on_their_weight(self, name):
        arguments = {f"{name}_regularizer": "l2", f"{name}_constraint": keras.constraints.NonNeg()}
        ours, theirs = twins((8, 3), **arguments)
        self.assertLen(ours.losses, 1)
        self.assertAllClose(ours.losses, theirs.losses)
        self.assertIsInstance(getattr(ours, name).constraint, keras.constraints.NonNeg)

    @parameterized.parameters("beta", "gamma", "moving_mean", "moving_variance")
    def test_initializers_fill_their_weight_and_no_other(self, name):
        plain, layer = (
            BatchNorm(),
            BatchNorm(**{f"{name}_initializer": keras.initializers.Constant(4)}),
        )
        plain.build((None, 3))
        layer.build((None, 3))
        for got, before in zip(layer.weights, plain.weights, strict=True):
            self.assertAllEqual(got, tf.fill([3], 4.0) if got.name == name else before)


class FormulaTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(*SHAPES_AND_AXES)
    def test_training_outputs_have_mean_beta_and_deviation_gamma(self, shape, axis):
        shape = tuple(
            8 * size if i == (axis + 1) % len(shape) else size for i, size in enumerate(shape)
        )
        layer = BatchNorm(axis, epsilon=0)
        layer.build(shape)
        layer.set_weights(random_weights(layer))
        outputs = np.moveaxis(layer(normal(shape), training=True).numpy(), axis, -1)
        rows = outputs.reshape(-1, shape[axis])
        self.assertAllClose(rows.mean(0), layer.beta, atol=1e-5)
        self.assertAllClose(rows.std(0), layer.gamma, rtol=1e-4)

    @parameterized.product(momentum=(0.0, 0.6, 0.9, 0.99), debias=(False, True))
    def test_averages_follow_the_closed_form(self, momentum, debias):
        layer = BatchNorm(momentum=momentum, debias=debias)
        batches = normal((25, 8, 3)) + np.arange(25, dtype="float32")[:, None, None]
        for batch in batches:
            layer(batch, training=True)
        means, variances = batches.mean(1), batches.var(1)
        self.assertAllClose(
            layer.moving_mean, closed_form_average(means, momentum, 0.0, debias), rtol=1e-4
        )
        self.assertAllClose(
            layer.moving_variance, closed_form_average(variances, momentum, 1.0, debias), rtol=1e-4
        )

    def test_the_variance_divisor_is_the_number_of_values(self):
        layer = BatchNorm(momentum=0)
        inputs = normal((4, 3))
        layer(inputs, training=True)
        self.assertAllClose(layer.moving_variance, inputs.var(0, ddof=0))

    def test_gamma_of_the_deviation_and_beta_of_the_mean_make_it_the_identity(self):
        inputs, layer = normal((32, 3)), BatchNorm()
        layer.build(inputs.shape)
        layer.gamma.assign(np.sqrt(inputs.var(0) + layer.epsilon))
        layer.beta.assign(inputs.mean(0))
        self.assertAllClose(layer(inputs, training=True), inputs, atol=1e-5)

    def test_scale_and_shift_of_the_inputs_do_not_reach_the_outputs(self):
        inputs, layer = normal((32, 3)), BatchNorm(epsilon=0)
        expected = layer(inputs, training=True)
        self.assertAllClose(layer(7 * inputs - 50, training=True), expected, atol=1e-4)

    @parameterized.parameters(False, True)
    def test_a_mean_of_ten_thousand_does_not_spoil_the_variance(self, masked):
        inputs, layer = normal((512, 3), 1e4, 1), BatchNorm(momentum=0)
        mask = np.ones(512, bool) if masked else None
        outputs = layer(inputs, training=True, mask=mask)
        exact = inputs.astype("float64")
        self.assertAllClose(layer.moving_variance, exact.var(0), rtol=1e-3)
        self.assertAllClose(
            outputs, (exact - exact.mean(0)) / np.sqrt(exact.var(0) + 1e-3), atol=5e-3
        )

    def test_the_bias_of_the_layer_before_has_no_gradient(self):
        inputs, bias = tf.constant(normal((16, 3))), tf.Variable([1.0, -2.0, 3.0])
        layer = BatchNorm()
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.sin(layer(inputs + bias, training=True)))
        self.assertAllClose(tape.gradient(loss, bias), tf.zeros(3), atol=1e-5)

    def test_a_constant_channel_gives_beta(self):
        layer = BatchNorm(beta_initializer=keras.initializers.Constant(2))
        self.assertAllClose(layer(tf.ones((5, 3)), training=True), tf.fill([5, 3], 2.0))

    def test_rows_do_not_depend_on_each_other_at_inference(self):
        inputs, layer = normal((16, 4, 4, 3)), BatchNorm(momentum=0.5)
        layer(inputs, training=True)
        whole = layer(inputs)
        one_by_one = tf.concat([layer(inputs[i : i + 1]) for i in range(16)], axis=0)
        self.assertAllEqual(whole, one_by_one)

    def test_inference_leaves_every_weight_alone(self):
        layer = BatchNorm(debias=True)
        layer.build((None, 3))
        before = layer.get_weights()
        for training in (None, False):
            layer(normal((8, 3)), training=training)
        self.assertAllEqual(layer.get_weights(), before)

    def test_inference_after_enough_training_agrees_with_training(self):
        inputs, layer = normal((64, 3)), BatchNorm(momentum=0.5)
        for _ in range(40):
            outputs = layer(inputs, training=True)
        self.assertAllClose(layer(inputs), outputs, atol=1e-5)

    def test_a_frozen_layer_runs_as_at_inference(self):
        inputs, layer = normal((8, 3)), BatchNorm(trainable=False)
        self.assertAllClose(layer(inputs, training=True), layer(inputs))
        self.assertAllEqual(layer.moving_mean, tf.zeros(3))
        self.assertEmpty(layer.trainable_weights)
        self.assertLen(layer.non_trainable_weights, 4)
        layer.trainable = True
        self.assertLen(layer.trainable_weights, 2)
        layer(inputs, training=True)
        self.assertNotAllClose(layer.moving_mean, tf.zeros(3))


class ErrorTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        ({"momentum": -0.1}, r"momentum must be from 0 to 1\. Received: momentum=-0\.1\."),
        ({"momentum": 1.5}, "momentum must be"),
        ({"momentum": float("nan")}, "momentum must be"),
        ({"epsilon": -1e-3}, r"epsilon must be at least 0\. Received: epsilon=-0\.001\."),
        ({"epsilon": float("inf")}, "epsilon must be"),
    )
    def test_numbers_out_of_range_are_refused(self, arguments, message):
        with self.assertRaisesRegex(ValueError, message):
            BatchNorm(**arguments)

    @parameterized.parameters(
        (2, (4, 3), "axis must be an axis of the inputs"),
        (-3, (4, 3), "axis must be an axis of the inputs"),
        (-1, (4,), "inputs must have rank 2 or above"),
        (-1, (4, None), "inputs must have a known number of channels"),
    )
    def test_inputs_without_such_channels_are_refused(self, axis, shape, message):
        with self.assertRaisesRegex(ValueError, message):
            BatchNorm(axis).build(shape)

    def test_inputs_of_another_shape_than_built_for_are_refused(self):
        layer = BatchNorm()
        layer.build((None, 3))
        for shape in ((4, 5), (4, 2, 3)):
            with self.assertRaisesRegex(ValueError, "incompatible with the layer"):
                layer(tf.zeros(shape))

    def test_a_mask_of_the_wrong_rank_is_refused(self):
        with self.assertRaisesRegex(ValueError, "mask must have one axis less than the inputs"):
            BatchNorm()(tf.zeros((4, 3)), mask=tf.ones((4, 3)), training=True)
