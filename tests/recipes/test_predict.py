import contextlib
import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from PIL import Image

from recipes import predict, train
from recipes.ingredients.classifier import ClassifierSettings
from recipes.ingredients.data import DataSettings
from recipes.ingredients.errors import BadInput, RunFailed
from recipes.ingredients.run_directory import RunSettings

ROOT = Path(__file__).parents[2]


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


class PredictTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)
        self.enterContext(contextlib.chdir(self.folder))

    def train_on(self, data, epochs=20, **settings):
        run = self.folder / "run"
        classifier = ClassifierSettings(hidden_units=16, batch_size=16, **settings)
        train.main(
            train.Settings(DataSettings(str(data)), classifier, RunSettings(run), epochs=epochs)
        )
        return run / "model.keras"

    def write_csv(self, name, rows, fields=None):
        with (self.folder / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, fields or list(rows[0]), extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        return self.folder / name

    def flowers(self, number=120):
        """A table with numbers, text, missing values and a column of names."""
        random = np.random.default_rng(0)
        for i in range(number):
            tall = bool(random.integers(2))
            yield {
                "height, cm": "" if i % 11 == 0 else f"{random.normal(90 if tall else 30, 5):.2f}",
                "colour": random.choice(["red", "blue"] if tall else ["blue", ""]),
                "bloom/month": str(random.integers(4, 8)),
                "kind": "sun flower" if tall else "daisy",
            }

    def test_what_cannot_be_written_is_one_line_that_names_the_output(self):
        path = self.folder / "out.csv"
        path.mkdir()  # since it was found to be free
        with self.assertRaisesRegex(RunFailed, "out.csv could not be written: .* another --output"):
            predict.write(path, ["1"], ("a", "b"), np.array([[0.25, 0.75]]))
        self.assertEqual([each.name for each in self.folder.iterdir()], ["out.csv"])

    def test_a_table_with_text_and_missing_values_trains_and_predicts(self):
        rows = list(self.flowers())
        model = self.train_on(self.write_csv("flowers.csv", rows))
        fields = ["bloom/month", "colour", "height, cm"]  # another order, no target
        result = predict.main(predict.Settings(model, str(self.write_csv("new.csv", rows, fields))))
        written = rows_of(result.output)
        self.assertEqual([row["input"] for row in written], [str(i + 1) for i in range(len(rows))])
        right = [row["class"] == given["kind"] for row, given in zip(written, rows, strict=True)]
        self.assertGreater(np.mean(right), 0.9)
        for row in written:
            probabilities = [float(row[f"probability of {n}"]) for n in ("daisy", "sun flower")]
            self.assertAllClose(sum(probabilities), 1.0, atol=1e-6)
            self.assertEqual(row["class"], ("daisy", "sun flower")[np.argmax(probabilities)])

        one_by_one = []
        for i, row in enumerate(rows[:12]):
            new = self.write_csv(f"{i}.csv", [row], fields)
            one = predict.main(predict.Settings(model, str(new), Path(f"{i}.out.csv")))
            one_by_one.append(one.probabilities[0])
        self.assertAllClose(one_by_one, result.probabilities[:12], atol=1e-6)

    def test_a_folder_of_images_trains_and_predicts(self):
        random = np.random.default_rng(0)
        for kind, level in (("bright", 200), ("dark", 40)):
            (self.folder / "images" / kind).mkdir(parents=True)
            for i in range(20):
                pixels = np.clip(random.normal(level, 20, (20 + i, 30, 3)), 0, 255)
                path = self.folder / "images" / kind / f"{i}.png"
                Image.fromarray(pixels.astype(np.uint8)).save(path)
        model = self.train_on(self.folder / "images", epochs=8, architecture="cnn")
        result = predict.main(predict.Settings(model, "images/dark"))
        self.assertEqual({row["class"] for row in rows_of(result.output)}, {"dark"})
        self.assertEqual(rows_of(result.output)[0]["input"], "0.png")

    def test_arrays_train_and_predict(self):
        x = np.random.default_rng(0).normal(size=(90, 5))
        np.savez("train.npz", x=x, y=np.where(x[:, 0] > 0, "up", "down"))
        model = self.train_on("train.npz")
        np.savez("new.npz", x=x)
        result = predict.main(predict.Settings(model, "new.npz"))
        self.assertGreater(np.mean((result.probabilities[:, 1] > 0.5) == (x[:, 0] > 0)), 0.9)
        self.assertEqual(result.class_names, ("down", "up"))

    def test_a_model_predicts_in_another_process_what_it_predicts_here(self):
        model = self.train_on("iris")
        here = predict.main(predict.Settings(model, "iris")).probabilities
        arguments = ["--model", str(model), "--input", "iris", "--output", "there.csv"]
        command = [sys.executable, "-m", "recipes.predict", *arguments]
        environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
        subprocess.run(command, check=True, env=environment)
        for row, expected in zip(rows_of(self.folder / "there.csv"), here, strict=True):
            there = [float(value) for name, value in row.items() if name.startswith("prob")]
            self.assertAllClose(there, expected, atol=1e-6)

    def test_a_renamed_column_is_named_with_what_it_may_be(self):
        rows = list(self.flowers())
        model = self.train_on(self.write_csv("flowers.csv", rows), epochs=1)
        renamed = [{"color": row["colour"], **row} for row in rows]
        new = self.write_csv("new.csv", renamed, ["height, cm", "color", "bloom/month"])
        with self.assertRaisesRegex(BadInput, '"colour".*mean "color"'):
            predict.main(predict.Settings(model, str(new)))

    def test_an_existing_output_is_kept_unless_it_may_be_overwritten(self):
        model = self.train_on("iris", epochs=1)
        precious = self.folder / "precious.csv"
        precious.write_text("precious")
        with self.assertRaisesRegex(BadInput, "precious.csv exists: give --overwrite"):
            predict.main(predict.Settings(model, "iris", precious))
        self.assertEqual(precious.read_text(), "precious")
        predict.main(predict.Settings(model, "iris", precious, overwrite=True))
        self.assertLen(rows_of(precious), 150)

    def test_neither_model_nor_input_is_overwritten(self):
        model = self.train_on("iris", epochs=1)
        table = self.write_csv("new.csv", [dict.fromkeys("abcd", 1)])
        for output in (model, table):
            before = output.read_bytes()
            with self.assertRaisesRegex(BadInput, "output must be another file than"):
                predict.main(predict.Settings(model, str(table), output, overwrite=True))
            self.assertEqual(output.read_bytes(), before)

    def test_an_input_that_is_nothing_is_called_the_input(self):
        with self.assertRaisesRegex(BadInput, '^input must be one of .*input="flowers.tsv"'):
            predict.main(predict.Settings(self.train_on("iris", epochs=1), "flowers.tsv"))

    @parameterized.parameters(("no/folder.csv", "existing folder"), (".", "something else"))
    def test_an_output_that_cannot_be_written_is_refused_at_once(self, output, pattern):
        with self.assertRaisesRegex(BadInput, f"output must be.*{pattern}"):
            predict.main(predict.Settings(Path("no.keras"), "iris", Path(output), overwrite=True))

    def test_what_the_model_was_trained_on_is_predicted_where_nothing_is_named(self):
        model = self.train_on("wine", epochs=1)
        self.assertLen(predict.main(predict.Settings(model)).probabilities, 178)

    def test_the_latest_model_is_taken_where_none_is_named(self):
        with self.assertRaisesRegex(BadInput, "model must be named"):
            predict.main(predict.Settings(input="iris"))
        settings = train.Settings(DataSettings("iris"), ClassifierSettings(), epochs=1)
        train.main(settings)
        self.assertLen(predict.main(predict.Settings(input="iris")).probabilities, 150)

    def test_a_file_that_is_no_model_is_refused(self):
        foreign = self.folder / "model.keras"
        for content in (b"", b"no model", b"PK\x03\x04", b"PK\5\6" + bytes(18)):
            foreign.write_bytes(content)
            with self.assertRaisesRegex(BadInput, "model must be a .keras file"):
                predict.main(predict.Settings(foreign, "iris"))
        with self.assertRaisesRegex(BadInput, "which is no file"):
            predict.main(predict.Settings(self.folder / "none.keras", "iris"))

    def test_a_model_without_a_softmax_head_is_refused(self):
        model = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(2)])
        model.save("foreign.keras")
        with self.assertRaisesRegex(BadInput, "must end in a SoftmaxHead"):
            predict.main(predict.Settings(Path("foreign.keras"), "iris"))


if __name__ == "__main__":
    tf.test.main()
