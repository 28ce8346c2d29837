import gzip
from unittest import mock

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from sklearn import datasets

from recipes.ingredients.data import DataSettings, load
from recipes.ingredients.data.shipped import read_named
from recipes.ingredients.errors import BadInput


def downloaded(folder):
    """Stands for `get_file`, which verifies a hash that no small file has."""
    return lambda fname, **_: f"{folder}/{fname}"


class ShippedTest(tf.test.TestCase, parameterized.TestCase):
    def test_digits_are_images_of_the_ten_digits(self):
        source = read_named("digits")
        self.assertEqual(source.examples.x.shape, (1797, 8, 8))
        self.assertEqual(source.class_names, tuple("0123456789"))
        self.assertAllEqual(source.examples.x, datasets.load_digits().images)

    @parameterized.parameters(
        ("wine", 178, 13, "class_0"),
        ("breast_cancer", 569, 30, "malignant"),
        ("iris", 150, 4, "setosa"),
    )
    def test_tables_bear_the_names_of_their_columns_and_classes(self, name, rows, columns, first):
        source = read_named(name)
        self.assertLen(source.examples, rows)
        self.assertLen(source.examples.x, columns)
        self.assertEqual(source.class_names[0], first)
        whole = np.stack(list(source.examples.x.values()), axis=1)
        self.assertAllClose(whole, getattr(datasets, f"load_{name}")().data, rtol=1e-6)

    def test_mnist_is_read_from_keras_own_format_with_its_own_test_part(self):
        folder = self.create_tempdir().full_path
        x = np.arange(40 * 28 * 28, dtype=np.uint8).reshape(40, 28, 28)
        y = np.arange(40, dtype=np.uint8) % 10
        np.savez(f"{folder}/mnist.npz", x_train=x, y_train=y, x_test=x[:20], y_test=y[:20])
        with mock.patch("keras.src.datasets.mnist.get_file", downloaded(folder)):
            data = load(DataSettings(data="mnist", validation_share=0.25))
        self.assertLen(data.train, 30)
        self.assertLen(data.validation, 10)
        self.assertAllEqual(data.test.x, x[:20])
        self.assertEqual(data.train.x.dtype, np.uint8)
        self.assertEqual(data.encode(data.test.x).shape, (20, 28, 28, 1))

    def test_fashion_mnist_is_read_from_keras_own_format_with_its_documented_names(self):
        folder = self.create_tempdir().full_path
        y = np.arange(30, dtype=np.uint8) % 10
        for part in ("train", "t10k"):
            with gzip.open(f"{folder}/{part}-labels-idx1-ubyte.gz", "wb") as file:
                file.write(bytes(8) + y.tobytes())
            with gzip.open(f"{folder}/{part}-images-idx3-ubyte.gz", "wb") as file:
                file.write(bytes(16) + np.zeros((30, 28, 28), np.uint8).tobytes())
        with mock.patch("keras.src.datasets.fashion_mnist.get_file", downloaded(folder)):
            source = read_named("fashion_mnist")
        self.assertEqual(source.class_names[9], "Ankle boot")
        self.assertAllEqual(source.test.labels, y)

    def test_cifar10_labels_lose_their_second_axis(self):
        x, y = np.zeros((30, 32, 32, 3), np.uint8), np.arange(30, dtype=np.uint8)[:, None] % 10
        with mock.patch.object(keras.datasets.cifar10, "load_data", return_value=((x, y), (x, y))):
            source = read_named("cifar10")
        self.assertEqual(source.class_names[3], "cat")
        self.assertAllEqual(source.examples.labels, y[:, 0])

    @parameterized.parameters("mnist", "fashion_mnist", "cifar10")
    def test_without_a_network_the_error_says_what_was_tried(self, name):
        def fail(*_, **__):
            raise Exception("URL fetch failure on https://example.org: no such host")

        with (
            mock.patch(f"keras.src.datasets.{name}.get_file", fail),
            self.assertRaisesRegex(BadInput, f"{name} .*example.org.*digits"),
        ):
            read_named(name)
