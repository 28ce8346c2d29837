import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from layers import BatchNorm, recalibrate
from layers.moments import pool_batches
from tests.layers.test_batch_norm import normal


def classifier(norm=BatchNorm, **arguments):
    """Two batch norms with a dropout between them."""
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(5, use_bias=False),
            norm(**arguments),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(3, use_bias=False),
            norm(**arguments),
        ]
    )


def without_averages(layer):
    averages = ("moving_mean", "moving_variance", "moving_weight")
    return [variable.numpy() for variable in layer.variables if variable.name not in averages]


class RecalibrateTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.product(
        norm=(BatchNorm, keras.layers.BatchNormalization), batch_size=(1, 7, 32, 100)
    )
    def test_the_first_layer_gets_the_mean_and_variance_of_the_whole_set(self, norm, batch_size):
        model, inputs = classifier(norm), normal((33, 4))
        recalibrate(model, inputs, batch_size)
        values = inputs @ model.layers[0].get_weights()[0]
        self.assertAllClose(model.layers[1].moving_mean, values.mean(0), rtol=1e-5)
        self.assertAllClose(model.layers[1].moving_variance, values.var(0), rtol=1e-5)

    @parameterized.parameters(BatchNorm, keras.layers.BatchNormalization)
    def test_later_layers_see_mini_batch_statistics_and_no_dropout(self, norm):
        model, inputs = classifier(norm), normal((20, 4))
        recalibrate(model, inputs, batch_size=12)
        seen = []
        for batch in (inputs[:12], inputs[12:]):
            values = batch @ model.layers[0].get_weights()[0]
            values = (values - values.mean(0)) / np.sqrt(values.var(0) + 1e-3)
            seen.append(values @ model.layers[3].get_weights()[0])
        seen = np.concatenate(seen)
        self.assertAllClose(model.layers[4].moving_mean, seen.mean(0), atol=1e-5)
        self.assertAllClose(model.layers[4].moving_variance, seen.var(0), rtol=1e-4)

    def test_over_one_batch_inference_is_training_without_dropout(self):
        model, inputs = classifier(), normal((40, 4))
        model.layers[2].rate = 0.0
        recalibrate(model, inputs)
        self.assertAllClose(model(inputs), model(inputs, training=True), atol=1e-4)

    def test_a_large_mean_does_not_spoil_the_pooled_variance(self):
        layer, inputs = BatchNorm(), normal((500, 3), 1e4, 1)
        layer.build((None, 3))
        recalibrate(layer, inputs, batch_size=64)
        self.assertAllClose(layer.moving_variance, inputs.astype("float64").var(0), rtol=1e-3)

    @parameterized.parameters(BatchNorm, keras.layers.BatchNormalization)
    def test_everything_else_stays_as_it_is(self, norm):
        model, inputs = classifier(norm), normal((30, 4))
        model.compile("adam", "mse")
        model.fit(inputs, inputs[:, :3], verbose=0)
        before, optimizer = without_averages(model), without_averages(model.optimizer)
        recalibrate(model, inputs)
        self.assertAllEqual(before[-1], without_averages(model)[-1])  # the dropout's seed
        for got, expected in zip(without_averages(model), before, strict=True):
            self.assertAllEqual(got, expected)
        for got, expected in zip(without_averages(model.optimizer), optimizer, strict=True):
            self.assertAllEqual(got, expected)
        self.assertNotIn("call", vars(model.layers[1]))
        model.fit(inputs, inputs[:, :3], verbose=0)

    def test_frozen_layers_stay_as_they_are(self):
        model = classifier()
        model.layers[1].trainable = False
        recalibrate(model, normal((30, 4)))
        self.assertAllEqual(model.layers[1].moving_mean, tf.zeros(5))
        self.assertNotAllClose(model.layers[4].moving_mean, tf.zeros(3))

    def test_a_debiased_layer_counts_as_fully_averaged(self):
        model, inputs = classifier(debias=True), normal((30, 4))
        recalibrate(model, inputs)
        self.assertAllEqual(model.layers[1].moving_weight, tf.ones(5))

    def test_nested_models_shared_layers_and_masks_are_followed(self):
        norm = BatchNorm()
        inner = keras.Sequential([keras.Input((None, 3)), keras.layers.Masking(), norm])
        left, right = keras.Input((None, 3), name="left"), keras.Input((None, 3), name="right")
        model = keras.Model({"left": left, "right": right}, inner(left) + inner(right))
        data = {"left": normal((5, 2, 3)), "right": normal((5, 2, 3), 9, seed=1)}
        data["right"][:, 1] = 0
        recalibrate(model, data, batch_size=2)
        values = np.concatenate([data["left"].reshape(-1, 3), data["right"][:, 0]])
        self.assertAllClose(norm.moving_mean, values.mean(0), rtol=1e-5)
        self.assertAllClose(norm.moving_variance, values.var(0), rtol=1e-5)

    @parameterized.parameters(4, None)
    def test_a_layer_applied_at_each_time_step_sees_all_of_them(self, steps):
        wrapped = keras.layers.TimeDistributed(BatchNorm())
        inputs = normal((8, 4, 3))
        recalibrate(keras.Sequential([keras.Input((steps, 3)), wrapped]), inputs, batch_size=3)
        self.assertAllClose(wrapped.layer.moving_mean, inputs.mean((0, 1)))
        self.assertAllClose(wrapped.layer.moving_variance, inputs.var((0, 1)))

    def test_images_with_channels_first_and_mixed_precision(self):
        layer = BatchNorm(axis=1, dtype="mixed_float16")
        layer.build((None, 3, 4, 4))
        inputs = normal((10, 3, 4, 4), 50).astype("float16")
        recalibrate(layer, inputs, batch_size=4)
        self.assertAllClose(layer.moving_mean, inputs.astype("float64").mean((0, 2, 3)))
        self.assertAllClose(
            layer.moving_variance, inputs.astype("float64").var((0, 2, 3)), rtol=1e-5
        )

    def test_batches_may_come_in_any_form(self):
        inputs, targets = normal((10, 3)), np.zeros(10)
        batches = [(inputs[:6], targets[:6]), (inputs[6:], targets[6:])]

        class Batches(keras.utils.PyDataset):
            def __len__(self):
                return len(batches)

            def __getitem__(self, index):
                return batches[index]

        for data in (
            inputs,
            tf.constant(inputs),
            tf.data.Dataset.from_tensor_slices((inputs, targets)).batch(6),
            tf.data.Dataset.from_tensor_slices(inputs).batch(6),
            Batches(),
            batches,
            [x for x, _ in batches],
            ((x, y, y) for x, y in batches),
        ):
            layer = BatchNorm()
            layer.build((None, 3))
            recalibrate(layer, data)
            self.assertAllClose(layer.moving_mean, inputs.mean(0))
            self.assertAllClose(layer.moving_variance, inputs.var(0), rtol=1e-5)

    def test_what_cannot_be_recalibrated_is_refused(self):
        model = classifier()
        endless = tf.data.Dataset.from_tensor_slices(normal((8, 4))).batch(4).repeat()
        for data, message in (
            ([], "data must hold at least one value"),
            (endless, "data must end"),
        ):
            with self.assertRaisesRegex(ValueError, message):
                recalibrate(model, data)
        with self.assertRaisesRegex(ValueError, "batch_size must be at least 1"):
            recalibrate(model, normal((8, 4)), batch_size=0)
        model.trainable = False
        with self.assertRaisesRegex(ValueError, "model must have a batch-norm layer"):
            recalibrate(model, normal((8, 4)))

    def test_after_an_error_nothing_has_changed(self):
        model = classifier()

        def broken():
            yield normal((8, 4))
            raise OSError("the disk is gone")

        with self.assertRaisesRegex(OSError, "the disk is gone"):
            recalibrate(model, broken())
        self.assertAllEqual(model.layers[1].moving_mean, tf.zeros(5))
        self.assertAllEqual(model.layers[1].moving_variance, tf.ones(5))
        self.assertNotIn("call", vars(model.layers[1]))

    def test_pooled_moments_are_those_of_all_values_however_unequal_the_batches(self):
        values = normal((30, 2))
        parts = np.split(values, [1, 4, 20])
        counts = [np.full(2, len(part)) for part in parts]
        pooled = pool_batches(counts, [p.mean(0) for p in parts], [p.var(0) for p in parts])
        for got, expected in zip(pooled, ([30, 30], values.mean(0), values.var(0)), strict=True):
            self.assertAllClose(got, expected)
