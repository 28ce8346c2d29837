import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from recipes.ingredients.data import DataSettings, join_encoder, load
from recipes.ingredients.data.encoder import (
    categories,
    column_name,
    fit_encoder,
    input_name,
    unrepeated,
)
from tests.recipes.data.files import ANIMAL_HEADER, animals, write_npz, write_table

# Of TensorFlow's variables, as Keras reads their values with numpy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

IN_ANOTHER_PROCESS = """
import json, os, sys, warnings
from pathlib import Path
os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np
folder = Path(sys.argv[1])
warnings.simplefilter("error")
warnings.filterwarnings("ignore", "__array__ implementation")
for path in folder.glob("*.keras"):
    model = keras.models.load_model(path, safe_mode=True)
    x = json.loads(path.with_suffix(".json").read_text())
    if isinstance(x, dict):
        kinds = {name: "O" if isinstance(v[0], str) else "float32" for name, v in x.items()}
        x = {name: np.array(v, kinds[name]) for name, v in x.items()}
        count = len(next(iter(x.values())))
        rows = [{name: v[[i]] for name, v in x.items()} for i in range(count)]
    else:
        x = np.array(x, model.input.dtype)
        rows = [x[[i]] for i in range(len(x))]
    one_by_one = np.concatenate([model.predict_on_batch(row) for row in rows])
    np.savez(path.with_suffix(".npz"), whole=model.predict(x, verbose=0), one_by_one=one_by_one)
"""


def texts(*values):
    column = np.empty(len(values), object)
    column[:] = values
    return column


def classifier(features):
    model = keras.Sequential(
        [
            keras.Input(features.shape[1:]),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    # Large weights, so that a small change of a feature shows.
    model.set_weights([5 * np.random.default_rng(0).normal(size=w.shape) for w in model.weights])
    return model


ANY_CHARACTER = st.characters(exclude_categories=["Cs"], exclude_characters="\0")  # as in files


class EncoderTest(tf.test.TestCase, parameterized.TestCase):
    def encode(self, x, of=None):
        return fit_encoder(x)(x if of is None else of).numpy()

    def test_numbers_of_a_table_get_mean_0_and_deviation_1(self):
        x = {"a": np.float32([1, 2, 6]), "b": np.float32([1e9, 1e9 + 640, 1e9 + 1280])}
        features = self.encode(x)
        whole = np.stack([x["a"], x["b"]], axis=1).astype(np.float64)
        expected = (whole - whole.mean(axis=0)) / whole.std(axis=0)
        self.assertAllClose(features, expected, rtol=1e-6, atol=1e-6)
        self.assertEqual(features.dtype, np.float32)

    def test_the_smallest_and_largest_scales_are_normalised_alike(self):
        numbers = np.float32([1, 2, 3, 4])
        features = self.encode({"tiny": numbers * 1e-12, "one": numbers, "huge": numbers * 5e37})
        self.assertAllClose(features, features[:, [1, 1, 1]], atol=1e-6)

    def test_numbers_far_apart_or_close_together_are_normalised_alike(self):
        numbers = np.float32([-1, 1])
        late = np.float32([1.7e9, 1.7e9 + 128])
        features = self.encode({"one": numbers, "wide": numbers * 3e38, "late": late})
        self.assertAllClose(features, features[:, [0, 0, 0]], atol=1e-6)

    def test_numbers_too_small_for_tensorflow_stay_finite(self):
        self.assertAllInRange(self.encode({"a": np.float32([1e-40, 2e-40])}), -1e4, 1e4)

    @parameterized.parameters(0.0, 0.1, 1e8, -3e38)
    def test_a_constant_column_becomes_0_and_stays_finite_for_other_values(self, constant):
        x = {"a": np.full(1000, constant, np.float32), "b": np.arange(1000, dtype=np.float32)}
        self.assertAllClose(self.encode(x)[:, 0], np.zeros(1000), atol=1e-6)
        unseen = {"a": np.float32([3e38]), "b": np.float32([-3e38])}
        features = self.encode(x, unseen)
        self.assertTrue(np.isfinite(features.astype(np.float16)).all())

    def test_a_missing_number_becomes_the_mean_with_a_flag_where_training_lacked_some(self):
        x = {"whole": np.float32([1, 2, 3]), "holes": np.float32([5, np.nan, 7])}
        expected = [[-1.2247449, -1, 0], [0, 0, 1], [1.2247449, 1, 0]]
        self.assertAllClose(self.encode(x), expected)
        unseen = {"whole": np.float32([np.nan]), "holes": np.float32([6])}
        self.assertAllClose(self.encode(x, unseen), [[0, 0, 0]])

    def test_a_column_without_values_in_the_training_part_is_0_with_a_flag(self):
        x = {"a": np.float32([np.nan, np.nan])}
        self.assertAllEqual(self.encode(x), [[0, 1], [0, 1]])
        self.assertAllEqual(self.encode(x, {"a": np.float32([3])}), [[3, 0]])

    def test_text_becomes_one_hot_with_one_place_for_what_is_rare_or_unseen(self):
        x = {"a": texts("b", "", "b", "", "once", "[UNK]", "[UNK]")}
        expected = [[0, 0, 0, 1], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0]]
        unseen = {"a": texts("b", "", "once", "[UNK]", "never")}
        self.assertAllEqual(self.encode(x, unseen), expected)

    def test_at_most_the_100_most_common_categories_are_known(self):
        common = [f"common {number:03}" for number in range(100)]
        values = texts(*common * 3, *[f"a rarer {number}" for number in range(50)] * 2, "once")
        self.assertEqual(categories(values), common)

    def test_text_that_nowhere_repeats_is_left_out_with_a_note(self):
        rows = [[number, f"id {number}", "xy"[number % 2]] for number in range(40)]
        path = write_table(self.create_tempdir().full_path, ["a", "id", "class"], rows)
        data = load(DataSettings(data=path))
        self.assertEqual(list(data.train.x), ["a"])
        self.assertEqual(list(data.test.x), ["a"])
        self.assertIn('"id"', data.notes[0])
        self.assertEqual(unrepeated({"id": texts("a", "b"), "n": np.float32([1, 2])}), ["id"])

    @parameterized.parameters(((20, 5),), ((20, 8, 8, 3),), ((20, 8, 8),))
    def test_arrays_are_normalised_by_feature_or_by_channel(self, shape):
        x = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
        features = self.encode(x)
        numbers = x.astype(np.float64)[..., None] if len(shape) == 3 else x.astype(np.float64)
        axes = tuple(range(numbers.ndim - 1))
        expected = (numbers - numbers.mean(axis=axes)) / numbers.std(axis=axes)
        self.assertAllClose(features, expected, atol=1e-6)
        self.assertEqual(features.dtype, np.float32)

    def test_a_data_set_is_encoded_in_batches_as_in_one(self):
        x = np.random.default_rng(0).normal(size=(40, 500, 500, 2)).astype(np.float32)
        path = write_npz(self.create_tempdir().full_path, x=x, y=np.arange(40) % 2)
        data = load(DataSettings(data=path))
        self.assertAllClose(data.encode(x[:20]), data.encoder(x[:20]).numpy(), atol=1e-7)

    def test_constants_come_from_the_training_part_alone(self):
        folder = self.create_tempdir().full_path
        rows = list(animals(90))
        data = load(DataSettings(data=write_table(folder, ANIMAL_HEADER, rows)))
        train = {tuple(row) for row in zip(*map(list, data.train.x.values()), strict=True)}
        changed = [
            row
            if (np.float32(row[0] or "nan"), np.float32(row[1]), row[2]) in train or not row[0]
            else [1e6, 1e6, "new", row[3]]
            for row in rows
        ]
        self.assertGreater(sum(row[0] == 1e6 for row in changed), 15)
        other = load(DataSettings(data=write_table(folder, ANIMAL_HEADER, changed)))
        self.assertAllEqual(other.train.x["weight"], data.train.x["weight"])
        self.assertNotAllClose(other.test.x["age"], data.test.x["age"])
        self.assertAllEqual(other.encode(data.test.x), data.encode(data.test.x))

    @given(st.text(max_size=12) | st.text("/%025F", max_size=12))
    def test_input_names_are_reversible_and_free_of_slashes(self, column):
        name = input_name(column)
        self.assertEqual(column_name(name), column)
        self.assertNotIn("/", name)
        self.assertNotEmpty(name)
        if column and "/" not in column and "%" not in column:
            self.assertEqual(name, column)

    def test_a_model_takes_columns_of_any_name(self):
        # Among them what Keras calls its layers and operations, and Python its arguments.
        names = ["a/b", "", "x" * 3000, "ü\n", "cast", "encode", "concatenate", "self", "inputs"]
        names += ["column_0", "subtract_mean", "sequential", "training", "%2F", "a%", " ", "{}"]
        x = {input_name(name): np.float32([1, 2, place]) for place, name in enumerate(names)}
        encoder = fit_encoder(x)
        features = encoder(x).numpy()
        model = classifier(features)
        joined = join_encoder(encoder, model)
        self.assertCountEqual(map(column_name, joined.input), names)
        self.assertAllClose(joined.predict(x, verbose=0), model(features), atol=1e-6)

    def test_a_saved_joined_model_predicts_the_same_in_another_process_row_by_row(self):
        folder = Path(self.create_tempdir().full_path)
        odd = ["", "\n", "a\r\nb", "[UNK]", '"', "日本", " x ", "[UNK]_", "\\", "NaN", "x" * 999]
        rows = 66
        random = np.random.default_rng(0)
        table = {
            input_name("od280/od315"): random.normal(7, 3, rows).astype(np.float32),
            "holes": np.where(random.random(rows) < 0.3, np.nan, random.random(rows)),
            "": texts(*(odd * 6)),
            "dense\n": texts(*(["yes", "no", "never"] * 22)),
        }
        table = {input_name(name): values for name, values in table.items()}
        table["holes"] = table["holes"].astype(np.float32)
        cases = {
            "table": (table, {**table, input_name(""): texts(*(["unseen", *odd] * 5), *odd[:6])}),
            "bytes": (random.integers(0, 256, (rows, 6, 6, 3)).astype(np.uint8),) * 2,
            "images": (random.normal(size=(rows, 8, 8)).astype(np.float32),) * 2,
            "vectors": (random.normal(9e5, 20, size=(rows, 5)).astype(np.float32),) * 2,
        }
        expected = {}
        for name, (train, new) in cases.items():
            encoder = fit_encoder(train)
            model = classifier(encoder(train))
            expected[name] = model(encoder(new)).numpy()
            join_encoder(encoder, model).save(folder / f"{name}.keras")
            plain = (
                {k: v.tolist() for k, v in new.items()} if isinstance(new, dict) else new.tolist()
            )
            (folder / f"{name}.json").write_text(json.dumps(plain))
        subprocess.run([sys.executable, "-c", IN_ANOTHER_PROCESS, folder], check=True)
        for name, predictions in expected.items():
            with np.load(folder / f"{name}.npz") as there:
                self.assertAllClose(there["whole"], predictions, atol=1e-5, rtol=0)
                self.assertAllClose(there["one_by_one"], there["whole"], atol=1e-5, rtol=0)

    @settings(max_examples=15)
    @given(st.lists(st.text(ANY_CHARACTER, max_size=6), min_size=1))
    def test_any_category_survives_saving(self, repeated):
        x = {"a": texts(*repeated, *repeated)}
        encoder = fit_encoder(x)
        path = Path(self.create_tempdir().full_path) / "encoder.keras"
        encoder.save(path)
        loaded = keras.models.load_model(path)
        self.assertAllEqual(loaded(x), encoder(x))
        self.assertAllEqual(encoder(x)[:, 0], np.zeros(2 * len(repeated)))
