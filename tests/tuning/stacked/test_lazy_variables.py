"""Variables that come into being late are those that would have come into being at once."""

import threading
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tuning.stacked.lazy_variables import LazyVariable, initial_value, lazy_variables


def build():
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, kernel_initializer="he_normal"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.PReLU(),
            keras.layers.Dense(2, bias_initializer="ones"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def build_lazily():
    keras.utils.set_random_seed(3)
    with lazy_variables():
        return build()


def build_at_once():
    keras.utils.set_random_seed(3)
    return build()


def are_lazy(model):
    variables = [*model.variables, *model.optimizer.variables]
    return {type(variable) is LazyVariable for variable in variables}


class LazyVariablesTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.x = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
        self.y = np.random.default_rng(1).normal(size=(16, 2)).astype("float32")

    def test_initial_values_are_those_of_an_ordinary_model_and_leave_it_lazy(self):
        lazy, ordinary = build_lazily(), build_at_once()
        for ours, theirs in zip(lazy.variables, ordinary.variables, strict=True):
            self.assertAllEqual(initial_value(ours), theirs.numpy())
            self.assertEqual(initial_value(ours).dtype, theirs.dtype)
            self.assertEqual((ours.shape, ours.name), (theirs.shape, theirs.name))
        self.assertEqual(are_lazy(lazy), {True})
        self.assertAllEqual(initial_value(ordinary.variables[0]), ordinary.variables[0].numpy())

    def test_fit_is_that_of_an_ordinary_model(self):
        lazy, ordinary = build_lazily(), build_at_once()
        losses = [
            model.fit(self.x, self.y, epochs=3, shuffle=False, verbose=0).history["loss"]
            for model in (lazy, ordinary)
        ]
        self.assertAllEqual(*losses)
        self.assertEqual(are_lazy(lazy), {False})

    def test_a_value_that_is_assigned_first_is_kept(self):
        lazy = build_lazily()
        values = [np.full(weight.shape, 0.5, "float32") for weight in lazy.get_weights()]
        lazy = build_lazily()
        lazy.set_weights(values)
        self.assertAllEqual(lazy.get_weights()[0], values[0])

    def test_saved_and_loaded_it_is_the_same(self):
        lazy = build_lazily()
        lazy.fit(self.x, self.y, verbose=0)
        path = Path(self.create_tempdir().full_path) / "model.keras"
        lazy.save(path)
        loaded = keras.models.load_model(path)
        self.assertAllEqual(loaded.predict(self.x, verbose=0), lazy.predict(self.x, verbose=0))

    def test_a_function_traced_over_it_reads_the_variable_and_not_its_first_value(self):
        variable = build_lazily().trainable_variables[0]
        read = tf.function(lambda: tf.convert_to_tensor(variable) * 1.0)
        before = read().numpy()
        variable.assign_add(tf.ones(variable.shape))
        self.assertAllClose(read(), before + 1)

    def test_another_thread_and_what_comes_afterwards_are_not_touched(self):
        kinds = []

        def make():
            kinds.append(are_lazy(build()))

        with lazy_variables():
            thread = threading.Thread(target=make)
            thread.start()
            thread.join()
        make()
        self.assertEqual(kinds, [{False}, {False}])

    def test_it_ends_when_the_block_raises(self):
        with self.assertRaises(ZeroDivisionError), lazy_variables():
            _ = 1 / 0
        self.assertEqual(are_lazy(build()), {False})


if __name__ == "__main__":
    tf.test.main()
