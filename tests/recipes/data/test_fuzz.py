"""Whatever bytes a file holds: data that can be learned from, or one line that says why not."""

import functools
import io
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from recipes.ingredients.data import DataSettings, load, read_inputs
from recipes.ingredients.errors import BadInput
from tests.recipes.data.files import ANIMAL_HEADER, animals, write_npz, write_table
from tests.recipes.data.models import joined_model

PIECES = st.sampled_from(
    [
        "a",
        "b",
        "1",
        "2.5",
        "-1e9",
        "nan",
        "inf",
        "?",
        "",
        " ",
        '"',
        '""',
        ",",
        ";",
        "\t",
        "|",
        "\n",
        "\r\n",
        "\r",
        "\ufeff",
        "ü",
        "\0",
        "1,5",
        "true",
        "\\",
        "\n\n",
        "a,b\n1,x\n2,y\n",
    ]
)
quick = functools.partial(settings, deadline=None)


@st.composite
def mutated(draw, content):
    """The content with a few bytes changed, added or cut out."""
    content = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        length = draw(st.integers(0, 20))
        content[start : start + length] = draw(st.binary(max_size=8))
    return bytes(content)


class FuzzTest(tf.test.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.table = Path(write_table(cls.folder, ANIMAL_HEADER, animals(30))).read_bytes()
        random = np.random.default_rng(0)
        arrays = {"x": random.normal(size=(30, 2)), "y": np.arange(30) % 2}
        cls.arrays = Path(write_npz(cls.folder, **arrays)).read_bytes()
        cls.table_model = joined_model(data=str(cls.folder / "table.csv"))
        cls.array_model = joined_model(data=str(cls.folder / "arrays.npz"))

    def assert_learns_or_refuses(self, name, content, model):
        path = self.folder / name
        path.write_bytes(content)
        try:
            data = load(DataSettings(data=str(path)))
        except BadInput as error:
            self.assertNotIn("\n", str(error))
        else:
            features = data.encode(data.train.x)
            self.assertEqual(features.dtype, np.float32)
            self.assertTrue(np.isfinite(features).all())
            self.assertLen(features, len(data.train.labels))
            self.assertEqual(set(data.train.labels), set(range(len(data.class_names))))
        try:
            inputs, identifiers = read_inputs(str(path), model)
        except BadInput as error:
            self.assertNotIn("\n", str(error))
        else:
            columns = inputs.values() if isinstance(inputs, dict) else [inputs]
            for values in columns:
                self.assertLen(values, len(identifiers))

    @quick(max_examples=150)
    @given(st.binary(max_size=200))
    def test_random_bytes_as_a_table(self, content):
        self.assert_learns_or_refuses("fuzz.csv", content, self.table_model)

    @quick(max_examples=200)
    @given(st.lists(PIECES, max_size=60).map("".join))
    def test_random_pieces_of_tables(self, text):
        self.assert_learns_or_refuses("fuzz.csv", text.encode(), self.table_model)

    @quick(max_examples=100)
    @given(st.data())
    def test_tables_with_a_few_bytes_changed(self, data):
        content = data.draw(mutated(self.table))
        self.assert_learns_or_refuses("fuzz.csv", content, self.table_model)

    @quick(max_examples=100)
    @given(st.binary(max_size=200))
    def test_random_bytes_as_arrays(self, content):
        self.assert_learns_or_refuses("fuzz.npz", content, self.array_model)

    @quick(max_examples=200)
    @given(st.data())
    def test_arrays_with_a_few_bytes_changed(self, data):
        content = data.draw(mutated(self.arrays))
        self.assert_learns_or_refuses("fuzz.npz", content, self.array_model)

    @quick(max_examples=150)
    @given(st.data())
    def test_arrays_in_archives_whose_members_have_a_few_bytes_changed(self, data):
        def member(values):
            file = io.BytesIO()
            np.save(file, values)
            return file.getvalue()

        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("x.npy", data.draw(mutated(member(np.arange(60.0).reshape(30, 2)))))
            file.writestr("y.npy", member(np.arange(30) % 2))
        self.assert_learns_or_refuses("fuzz.npz", archive.getvalue(), self.array_model)
