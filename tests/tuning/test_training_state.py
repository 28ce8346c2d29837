from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tuning import training_state


def built_model(units=3, optimizer="adam"):
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


class TrainingStateTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.path = Path(self.create_tempdir().full_path) / "state.npz"
        random = np.random.default_rng(0)
        self.x = random.normal(size=(32, 4)).astype(np.float32)
        self.labels = random.integers(0, 2, 32)

    def train(self, model, steps):
        for _ in range(steps):
            model.train_on_batch(self.x, self.labels)

    @parameterized.parameters("sgd", "rmsprop", "adam", "nadam")
    def test_going_on_from_a_saved_state_equals_never_having_stopped(self, optimizer):
        through, before, after = (built_model(optimizer=optimizer) for _ in range(3))
        self.train(through, 6)
        self.train(before, 3)
        training_state.save(self.path, before, {"epoch": 3}, {"best": np.arange(3)})
        numbers, arrays = training_state.load(self.path, after)
        self.train(after, 3)
        self.assertEqual(numbers, {"epoch": 3})
        self.assertAllEqual(arrays["best"], [0, 1, 2])
        for ours, expected in zip(after.variables, through.variables, strict=True):
            self.assertAllEqual(ours, expected, msg=expected.path)

    def test_a_state_without_the_optimisers_momenta_would_go_on_differently(self):
        through, after = built_model(), built_model()
        self.train(through, 3)
        after.set_weights(through.get_weights())
        self.train(through, 3)
        self.train(after, 3)
        self.assertGreater(np.abs(after.get_weights()[0] - through.get_weights()[0]).max(), 1e-4)

    def test_the_state_of_another_model_is_refused(self):
        training_state.save(self.path, built_model(), {})
        with self.assertRaisesRegex(ValueError, "must hold the model's variables"):
            training_state.load(self.path, built_model(units=5))
        waiting = keras.Sequential([keras.layers.Dense(2)])  # for data: it has no variables yet
        waiting.compile("sgd", "mse")
        with self.assertRaisesRegex(ValueError, "must hold the model's variables"):
            training_state.load(self.path, waiting)

    @parameterized.parameters(0, 1, 100, -1)
    def test_a_damaged_file_is_refused(self, length):
        training_state.save(self.path, built_model(), {})
        content = self.path.read_bytes()
        self.path.write_bytes(content[:length])
        with self.assertRaisesRegex(ValueError, "must be a training state"):
            training_state.load(self.path, built_model())


if __name__ == "__main__":
    tf.test.main()
