"""BatchNorm in eager, graph and XLA mode, stacked, in low precision, over replicas, saved."""

import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

from layers import BatchNorm
from tests.layers.test_batch_norm import normal, training_step

# keras.saving itself trips over numpy 2.4 here.
KERAS_SAVING_WARNING = pytest.mark.filterwarnings("ignore:__array__ implementation")


def saved_and_loaded(model):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return keras.saving.load_model(path, safe_mode=True)


class CompiledTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.product(
        jit_compile=(False, True),
        known_size=(False, True),
        shape=((8, 3), (4, 5, 5, 3)),
        debias=(False, True),
    )
    def test_compiled_steps_are_eager_steps(self, jit_compile, known_size, shape, debias):
        eager, compiled = BatchNorm(debias=debias), BatchNorm(debias=debias)
        for layer in (eager, compiled):
            layer.build(shape)
        step = tf.function(
            lambda inputs: training_step(compiled, inputs),
            input_signature=[tf.TensorSpec(shape if known_size else (None, *shape[1:]))],
            jit_compile=jit_compile,
        )
        for seed in range(3):
            inputs = tf.constant(normal(shape, seed=seed))
            for got, expected in zip(step(inputs), training_step(eager, inputs), strict=True):
                self.assertAllClose(got, expected, rtol=1e-4, atol=2e-5)
        for got, expected in zip(compiled.get_weights(), eager.get_weights(), strict=True):
            self.assertAllClose(got, expected, rtol=1e-5, atol=1e-6)

    @parameterized.product(jit_compile=(False, True), debias=(False, True))
    def test_many_models_train_as_one_under_vectorized_map(self, jit_compile, debias):
        model = keras.Sequential(
            [
                keras.Input((4,)),
                keras.layers.Dense(5, use_bias=False),
                BatchNorm(debias=debias),
                keras.layers.ReLU(),
                keras.layers.Dense(1),
            ]
        )
        inputs, targets = tf.constant(normal((16, 4))), tf.constant(normal((16, 1)))

        def step(trainable, non_trainable):
            with tf.GradientTape() as tape:
                tape.watch(trainable)
                outputs, updated = model.stateless_call(
                    trainable, non_trainable, inputs, training=True
                )
                loss = tf.reduce_mean((outputs - targets) ** 2)
            return loss, tape.gradient(loss, trainable), updated

        def stacked(variables):
            draw = np.random.default_rng(5)
            return [tf.constant(draw.uniform(0.2, 1, (3, *v.shape)), "float32") for v in variables]

        members = stacked(model.trainable_variables), stacked(model.non_trainable_variables)

        @tf.function(jit_compile=jit_compile)
        def all_at_once(*members):
            return tf.vectorized_map(
                lambda member: step(*member), members, fallback_to_while_loop=False
            )

        together = tf.nest.flatten(all_at_once(*members))
        for index in range(3):
            alone = step(*([stack[index] for stack in stacks] for stacks in members))
            for got, expected in zip(together, tf.nest.flatten(alone), strict=True):
                self.assertAllClose(got[index], expected, rtol=1e-4, atol=1e-5)


class PrecisionTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters("mixed_float16", "mixed_bfloat16", "float16", "bfloat16")
    def test_statistics_stay_in_float32(self, policy):
        layer = BatchNorm(dtype=policy, momentum=0.0)
        inputs = tf.cast(normal((256, 3), 300, 100), layer.compute_dtype)
        outputs = layer(inputs, training=True)
        self.assertEqual(outputs.dtype.name, layer.compute_dtype)
        self.assertEqual(layer.moving_mean.dtype, "float32")
        self.assertEqual(layer.moving_variance.dtype, "float32")
        exact = tf.cast(inputs, "float64").numpy()
        self.assertAllClose(layer.moving_mean, exact.mean(0), rtol=1e-5)
        self.assertAllClose(layer.moving_variance, exact.var(0), rtol=1e-5)

    def test_a_variance_beyond_float16_is_kept(self):
        layer = BatchNorm(dtype="float16", momentum=0.0)
        outputs = layer(tf.cast(normal((64, 3), 0, 1000), "float16"), training=True)
        self.assertAllGreater(layer.moving_variance, 70_000)
        self.assertAllClose(np.std(outputs, axis=0, dtype="float32"), np.ones(3), atol=1e-2)

    def test_small_steps_of_the_averages_do_not_stall(self):
        layer = BatchNorm(dtype="float16", momentum=0.999)
        for _ in range(20):
            layer(tf.cast(normal((64, 3), 1, 0.1), "float16"), training=True)
        self.assertAllClose(layer.moving_mean, np.full(3, 1 - 0.999**20), rtol=0.05)

    def test_a_mixed_model_agrees_with_keras(self):
        inputs, outputs = normal((16, 6)), []
        for cls in (BatchNorm, keras.layers.BatchNormalization):
            keras.utils.set_random_seed(0)
            keras.config.set_dtype_policy("mixed_float16")
            model = keras.Sequential([keras.layers.Dense(4), cls(), keras.layers.Dense(2)])
            outputs.append(model(inputs, training=True))
        self.assertAllClose(outputs[0], outputs[1], rtol=1e-3, atol=1e-3)


class SavingTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.product(debias=(False, True), policy=("float32", "mixed_float16"))
    @KERAS_SAVING_WARNING
    def test_a_saved_model_predicts_and_trains_on_as_before(self, debias, policy):
        layer = BatchNorm(
            momentum=0.8,
            epsilon=1e-4,
            debias=debias,
            gamma_regularizer=keras.regularizers.L2(0.1),
            beta_constraint="non_neg",
            dtype=policy,
        )
        model = keras.Sequential([keras.Input((3,)), layer])
        model(normal((8, 3)), training=True)
        loaded = saved_and_loaded(model)
        self.assertEqual(loaded.layers[0].get_config(), layer.get_config())
        for training in (False, True):
            inputs = normal((8, 3), seed=1)
            self.assertAllEqual(loaded(inputs, training=training), model(inputs, training=training))
        self.assertAllEqual(loaded.get_weights(), model.get_weights())

    def test_the_config_makes_an_equal_layer(self):
        layer = BatchNorm(axis=1, momentum=0.3, center=False, synchronized=True, debias=True)
        self.assertEqual(BatchNorm.from_config(layer.get_config()).get_config(), layer.get_config())

    def test_symbolic_outputs_have_the_shape_of_the_inputs(self):
        outputs = BatchNorm()(keras.Input((None, 7, 3)))
        self.assertEqual(outputs.shape, (None, None, 7, 3))


class ReplicasTest(tf.test.TestCase):
    def test_synchronized_replicas_train_as_one_batch(self):
        """In a process of its own: virtual devices are settled before TensorFlow starts."""
        finished = subprocess.run(
            [sys.executable, "-m", "tests.layers.replicas"],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parents[2],
        )
        self.assertEqual(finished.returncode, 0, finished.stderr[-3000:])

    def test_without_a_strategy_synchronized_changes_nothing(self):
        inputs = normal((8, 3))
        plain, synchronized = BatchNorm(), BatchNorm(synchronized=True)
        self.assertAllEqual(synchronized(inputs, training=True), plain(inputs, training=True))
