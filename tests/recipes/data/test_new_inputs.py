from pathlib import Path

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from PIL import Image

from recipes.ingredients.data import read_inputs
from recipes.ingredients.errors import BadInput
from tests.recipes.data.files import (
    ANIMAL_HEADER,
    animals,
    write_images,
    write_npz,
    write_table,
    write_text,
)
from tests.recipes.data.models import joined_model


class NewInputsTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path

    def table_model(self):
        return joined_model(data=write_table(self.folder, ANIMAL_HEADER, animals()))

    def array_model(self, x):
        path = write_npz(self.folder, name="train.npz", x=x, y=np.arange(len(x)) % 2)
        return joined_model(data=path)

    def test_columns_are_found_by_name_in_any_order_and_others_are_ignored(self):
        model = self.table_model()
        path = write_text(self.folder, "x;colour;age;weight\n1;;2;1,5\n2;red;NA;3\n", "new.csv")
        inputs, identifiers = read_inputs(path, model)
        self.assertAllEqual(inputs["weight"], np.float32([1.5, 3]))
        self.assertAllEqual(inputs["age"], np.float32([2, np.nan]))
        self.assertEqual(inputs["colour"].tolist(), ["", "red"])
        self.assertEqual(identifiers, ["1", "2"])
        self.assertEqual(model.predict(inputs, verbose=0).shape[0], 2)

    def test_a_table_of_one_row_predicts(self):
        model = self.table_model()
        path = write_text(self.folder, "weight,age,colour\n,2,white\n", "new.csv")
        inputs, identifiers = read_inputs(path, model)
        self.assertEqual(identifiers, ["1"])
        self.assertTrue(np.isfinite(model.predict(inputs, verbose=0)).all())

    def test_a_column_of_numbers_can_be_text_in_the_model(self):
        model = self.table_model()
        path = write_text(self.folder, "weight,age,colour\n1,2,3\n1,2,007\n", "new.csv")
        self.assertEqual(read_inputs(path, model)[0]["colour"].tolist(), ["3", "007"])

    def test_a_csv_with_the_columns_of_a_shipped_table_predicts(self):
        model = joined_model(data="wine")
        inputs, identifiers = read_inputs("wine", model)
        self.assertLen(identifiers, 178)
        names = [name.replace("%2F", "/") for name in inputs]
        path = write_table(self.folder, names, zip(*inputs.values(), strict=True))
        again, _ = read_inputs(path, model)
        self.assertAllEqual(model.predict(again, verbose=0), model.predict(inputs, verbose=0))

    def test_an_npz_gives_x_in_the_models_shape_and_type(self):
        model = self.array_model(np.zeros((10, 4, 4), np.uint8))
        path = write_npz(self.folder, x=np.full((3, 4, 4), 7, np.int64), other=np.zeros(2))
        inputs, identifiers = read_inputs(path, model)
        self.assertEqual(inputs.dtype, np.uint8)
        self.assertAllEqual(inputs, np.full((3, 4, 4), 7))
        self.assertEqual(identifiers, ["1", "2", "3"])

    def test_a_csv_of_as_many_columns_as_entries_gives_arrays(self):
        model = self.array_model(np.random.default_rng(0).normal(size=(10, 2, 2)))
        path = write_text(self.folder, "a,b,c,d\n1,2,3,4\n5,6,7,8\n", "new.csv")
        inputs, _ = read_inputs(Path(path), model)
        self.assertAllEqual(inputs, np.arange(1, 9, dtype=np.float32).reshape(2, 2, 2))

    def test_an_image_whose_name_is_no_utf_8_is_called_by_text(self):
        root = write_images(self.folder, {"a": 9, "b": 9})
        model = joined_model(data=root, image_size=4)
        (Path(root) / "b" / "8.png").rename(Path(root) / "b" / "caf\udce9.png")
        self.assertEqual(read_inputs(root, model)[1][-1], r"b/caf\xe9.png")

    def test_a_single_image_is_taken_as_a_folder_of_it_is(self):
        root = Path(write_images(self.folder, {"a": 9, "b": 9}))
        model = joined_model(data=str(root), image_size=4)
        inputs, identifiers = read_inputs(str(root / "b" / "3.png"), model)
        self.assertEqual(identifiers, ["3.png"])
        self.assertAllEqual(inputs, read_inputs(str(root / "b"), model)[0][3:4])

    def test_a_shipped_set_of_images_gives_all_its_rows(self):
        inputs, identifiers = read_inputs("digits", joined_model(data="digits"))
        self.assertEqual(inputs.shape, (1797, 8, 8))
        self.assertEqual(identifiers[-1], "1797")

    @parameterized.parameters(("RGB", 3), ("L", 1))
    def test_images_are_resized_to_the_models_size_and_channels(self, mode, channels):
        root = write_images(self.folder, {"a": 9, "b": 9}, mode=mode)
        model = joined_model(data=root, image_size=8)
        new = Path(self.create_tempdir().full_path)
        (new / "sub").mkdir()
        Image.new("RGB", (30, 20), (10, 20, 30)).save(new / "z.jpg")
        Image.new("L", (5, 5), 99).save(new / "sub" / "1.png")
        inputs, identifiers = read_inputs(str(new), model)
        self.assertEqual(identifiers, ["sub/1.png", "z.jpg"])
        self.assertEqual(inputs.shape, (2, 8, 8, channels))
        self.assertAllEqual(inputs[0], np.full((8, 8, channels), 99))

    @parameterized.named_parameters(
        ("a renamed column", "weigth,age,colour\n1,2,a\n", '"weight".*mean "weigth"'),
        ("several missing columns", "size\n1\n", '"weight", "age", "colour"'),
        (
            "text for numbers",
            "weight,age,colour\n1,2,a\n\nheavy,2,a\n",
            '"weight".*"heavy".*line 4',
        ),
        ("an infinite number", "weight,age,colour\ninf,2,a\n", '"weight".*"inf".*line 2'),
        ("no rows", "weight,age,colour\n", "only the header"),
        ("a ragged row", "weight,age,colour\n1,2,a\n1,2\n", "2 on line 3, 3 in the header"),
    )
    def test_a_table_that_does_not_fit_is_bad_input(self, text, expected):
        model = self.table_model()
        with self.assertRaisesRegex(BadInput, expected):
            read_inputs(write_text(self.folder, text, "new.csv"), model)

    @parameterized.named_parameters(
        ("another shape", {"x": np.zeros((2, 5))}, r"\(4,\).*\(5,\)"),
        ("no x", {"X": np.zeros((2, 4))}, '"x".*mean "X"'),
        ("infinity", {"x": np.full((2, 4), np.inf)}, "finite"),
        ("no examples", {"x": np.zeros((0, 4))}, r"\(0, 4\)"),
    )
    def test_an_npz_that_does_not_fit_is_bad_input(self, arrays, expected):
        model = self.array_model(np.random.default_rng(0).normal(size=(10, 4)))
        with self.assertRaisesRegex(BadInput, expected):
            read_inputs(write_npz(self.folder, **arrays), model)

    def test_numbers_that_are_no_bytes_are_refused_by_a_model_of_bytes(self):
        model = self.array_model(np.zeros((10, 4), np.uint8))
        for value in (0.5, -1, 256):
            with self.assertRaisesRegex(BadInput, f"0 to 255.*{value}"):
                read_inputs(write_npz(self.folder, x=np.full((2, 4), value)), model)

    @parameterized.named_parameters(
        ("too few columns", "a,b\n1,2\n", "4 columns.*2 columns"),
        ("a missing number", "a,b,c,d\n1,2,3,4\n1,,3,4\n", '"b" on line 3'),
        ("text", "a,b,c,d\n1,2,3,x\n", '"d".*"x" on line 2'),
    )
    def test_a_csv_that_does_not_fit_an_array_is_bad_input(self, text, expected):
        model = self.array_model(np.random.default_rng(0).normal(size=(10, 2, 2)))
        with self.assertRaisesRegex(BadInput, expected):
            read_inputs(write_text(self.folder, text, "new.csv"), model)

    def test_kinds_that_a_model_cannot_take_are_bad_input(self):
        images, empty = write_images(self.folder, {"a": 4, "b": 4}), self.create_tempdir().full_path
        arrays = write_npz(self.folder, x=np.zeros((2, 4)))
        table, vectors = self.table_model(), self.array_model(np.arange(40.0).reshape(10, 4))
        bytes_model = joined_model(data=images, image_size=4, test_share=0.3, validation_share=0.3)
        for data, model, expected in (
            (arrays, table, 'must be a .csv.*"weight"'),
            (images, table, "must be a .csv"),
            ("digits", table, "must be a .csv"),
            ("wine", table, '"weight".*"alcohol"'),
            (images, vectors, "not trained on image files"),
            (f"{images}/a/0.png", vectors, "must not be an image, .*not trained on image files"),
            (f"{images}/a/0.png", table, "0.png must be a .csv"),
            (f"{images}/a/nothing.png", bytes_model, "there is no such file"),
            (f"{'x' * 5000}.png", bytes_model, "there is no such file"),
            ("wine", vectors, "not a table"),
            (empty, bytes_model, "none"),
            ("nothing.csv", table, "no such file"),
            ("nothing", table, "no such data set or path"),
            ("table.xlsx", table, "an image, a folder of images, a .csv or a .npz"),
        ):
            with self.assertRaisesRegex(BadInput, expected):
                read_inputs(data, model)
