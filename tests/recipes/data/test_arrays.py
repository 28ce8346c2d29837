from pathlib import Path

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from recipes.ingredients.data.arrays import read_npz
from tests.recipes.data.files import write_npz

Y = np.array([0, 1, 0, 1])


class ArraysTest(tf.test.TestCase, parameterized.TestCase):
    def read(self, **arrays):
        return read_npz(Path(write_npz(self.create_tempdir().full_path, **arrays)))

    @parameterized.parameters(
        ("uint8", "uint8"),
        ("int64", "float32"),
        ("bool", "float32"),
        ("float16", "float32"),
        ("float64", "float32"),
        (">f8", "float32"),
    )
    def test_bytes_stay_and_all_other_numbers_become_float32(self, given, expected):
        x = np.array([[0, 1], [1, 1], [0, 0], [1, 0]], given)
        source = self.read(x=x, y=Y)
        self.assertEqual(source.examples.x.dtype, expected)
        self.assertAllEqual(source.examples.x, x.astype(expected))

    def test_arrays_of_other_names_are_noted(self):
        x, other = np.eye(4), {"X_test": np.eye(4), "Y_test": Y}
        self.assertIn('left out: "X_test", "Y_test"', self.read(x=x, y=Y, **other).notes[0])
        source = self.read(x=x, y=Y, x_test=x, y_test=Y, more=Y)
        self.assertIn('left out: "more"', source.notes[0])
        self.assertEqual(self.read(x=x, y=Y).notes, ())

    @parameterized.parameters(
        ((4,), (1,)), ((4, 3), (3,)), ((4, 5, 6), (5, 6)), ((4, 5, 6, 3), (5, 6, 3))
    )
    def test_examples_may_have_any_rank_up_to_that_of_images(self, given, expected):
        source = self.read(x=np.zeros(given), y=Y)
        self.assertEqual(source.examples.x.shape, (4, *expected))

    @parameterized.parameters(
        (np.array([10, 2, 2, 10]), ("2", "10"), [1, 0, 0, 1]),
        (np.array([[7], [5], [5], [7]], np.uint8), ("5", "7"), [1, 0, 0, 1]),
        (np.array([1.0, -1.0, 1.0, 1.0]), ("-1", "1"), [1, 0, 1, 1]),
        (np.array([True, False, False, True]), ("False", "True"), [1, 0, 0, 1]),
        (np.array(["b", "ä", "b", "a"]), ("a", "b", "ä"), [1, 2, 1, 0]),
        (np.array([b"b", b"a", b"b", b"b"]), ("a", "b"), [1, 0, 1, 1]),
    )
    def test_labels_keep_their_names_in_the_right_order(self, y, names, numbers):
        source = self.read(x=np.zeros((4, 2)), y=y)
        self.assertEqual(source.class_names, names)
        self.assertAllEqual(source.examples.labels, numbers)
        self.assertEqual(source.examples.labels.dtype, np.int32)

    def test_a_test_part_of_its_own_is_kept_apart(self):
        source = self.read(
            x=np.zeros((4, 2), np.uint8), y=Y, x_test=np.ones((2, 2)), y_test=np.array([1, 1])
        )
        self.assertAllEqual(source.test.x, np.ones((2, 2)))
        self.assertAllEqual(source.test.labels, [1, 1])
        self.assertEqual(source.test.x.dtype, source.examples.x.dtype)
