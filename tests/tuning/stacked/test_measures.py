"""Whether a model's measures are the same however an evaluation is divided into batches."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tuning.stacked.measures import adds_up, build_measures

L = keras.layers


def rmse(y_true, y_pred):
    return keras.ops.sqrt(keras.ops.mean(keras.ops.square(y_true - y_pred)))


def distance(y_true, y_pred):
    return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)


def among_the_others(y_true, y_pred):
    errors = keras.ops.abs(y_true - y_pred)
    return errors - keras.ops.mean(errors, axis=0)


class Own(keras.Metric):
    def update_state(self, y_true, y_pred, sample_weight=None):
        pass

    def result(self):
        return 0.0


class Adding(L.Layer):
    def call(self, inputs):
        self.add_loss(keras.ops.sum(inputs))
        return inputs


def model_of(*layers, loss="mse", metrics=(), outputs=1):
    inputs = a = keras.Input((3,))
    for layer in layers:
        a = layer(a)
    heads = [L.Dense(1)(a) for _ in range(outputs)]
    model = keras.Model(inputs, heads if outputs > 1 else heads[0])
    model.compile("sgd", loss, metrics=list(metrics))
    return model


class MeasuresTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.labels = tf.zeros((8, 1))

    @parameterized.parameters(
        ({},),
        ({"loss": distance},),
        ({"loss": keras.losses.Huber()},),
        ({"metrics": ["mae", distance, keras.metrics.AUC(), "accuracy"]},),
        ({"metrics": [keras.metrics.RootMeanSquaredError(), keras.metrics.R2Score()]},),
    )
    def test_means_and_sums_over_examples_do(self, how):
        self.assertTrue(adds_up(model_of(**how), self.labels))

    @parameterized.parameters(
        ({"loss": rmse},),
        ({"loss": keras.losses.MeanSquaredError(reduction="sum")},),
        ({"loss": keras.losses.Dice()},),
        ({"loss": among_the_others},),
        ({"loss": keras.losses.Circle()},),
        ({"loss": keras.losses.SparseCategoricalCrossentropy(ignore_class=0)},),
        ({"metrics": [rmse]},),
        ({"metrics": [keras.metrics.MeanMetricWrapper(rmse)]},),
        ({"metrics": [Own()]},),
        ({"outputs": 2, "loss": ["mse", "mse"]},),
    )
    def test_others_do_not(self, how):
        labels = self.labels if how.get("outputs", 1) == 1 else [self.labels, self.labels]
        self.assertFalse(adds_up(model_of(**how), labels))

    def test_metrics_that_are_compiled_a_second_time_are_looked_at_one_by_one(self):
        for metric, is_one in (("mae", True), (rmse, False)):
            model = model_of(metrics=[metric])
            model.compile("sgd", "mse", metrics=[model._compile_metrics])
            self.assertEqual(adds_up(model, self.labels), is_one)

    def test_a_layer_that_adds_a_loss_may_add_anything(self):
        self.assertFalse(adds_up(model_of(Adding()), self.labels))

    def test_the_loss_of_masked_steps_does_not(self):
        steps = L.Reshape((3, 1))
        self.assertTrue(adds_up(model_of(steps), tf.zeros((8, 3, 1))))
        self.assertFalse(adds_up(model_of(steps, L.Masking()), tf.zeros((8, 3, 1))))

    @parameterized.parameters(1, 3, 8)
    def test_those_that_do_are_equal_in_batches_of_any_size(self, batch_size):
        how = {"loss": distance, "metrics": ["mae", keras.metrics.RootMeanSquaredError()]}
        model = model_of(L.Dense(4, activity_regularizer="l2"), **how)
        self.assertTrue(adds_up(model, self.labels))
        x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
        whole = model.evaluate(x, x[:, :1], batch_size=8, verbose=0)
        parts = model.evaluate(x, x[:, :1], batch_size=batch_size, verbose=0)
        self.assertAllClose(parts, whole, rtol=1e-5)

    def test_built_measures_tell_their_names(self):
        model = model_of(metrics=["mae"])
        self.assertFalse(model._compile_metrics.built)
        build_measures(model, self.labels)
        self.assertEqual([m.name for m in model._compile_metrics.metrics], ["mae"])


if __name__ == "__main__":
    tf.test.main()
