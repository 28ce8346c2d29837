import csv
import functools
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl import flags as absl_flags
from absl.testing import parameterized
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams.metadata import SESSION_END_INFO_TAG

from recipes import train
from recipes.ingredients.classifier import ClassifierSettings
from recipes.ingredients.data import DataSettings
from recipes.ingredients.errors import BadInput, RunFailed
from recipes.ingredients.run_directory import Run, RunSettings
from recipes.train import Settings
from tests.tuning.dashboard.test_event_file import hparams_of, read_back

ROOT = Path(__file__).parents[2]
SMALL = {"hidden_units": 8, "hidden_layers": 1, "batch_size": 256}
SMALL_FLAGS = ["--hidden-units", "8", "--hidden-layers", "1", "--batch-size", "256"]


def settings(run_directory, *, data=None, classifier=None, where=None, **own):
    return Settings(
        DataSettings(**(data or {})),
        ClassifierSettings(**SMALL | (classifier or {})),
        RunSettings(run_directory, **(where or {})),
        **{"epochs": 2} | own,
    )


def command(run_directory, *flags):
    where = ["--run-directory", str(run_directory)]
    return [sys.executable, "-m", "recipes.train", *SMALL_FLAGS, *where, *flags]


def weights_of(run_directory):
    model = keras.models.load_model(run_directory / "model.keras", compile=False)
    return np.concatenate([np.ravel(w) for w in model.get_weights()])


def curve(run_directory, name="loss"):
    with (run_directory / "curves.csv").open() as file:
        return [float(row[name]) for row in csv.DictReader(file)]


@functools.cache
def finished_run():
    """What a small training came to, for all tests that leave its folder as it is."""
    folder = Path(tempfile.mkdtemp(dir=absl_flags.FLAGS.test_tmpdir)) / "run"
    return train.main(settings(folder))


class TrainTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)

    def wait_for_epochs(self, process, run_directory, epochs):
        """Waits until a training process has recorded so many epochs."""
        for _ in range(6000):
            curves = run_directory / "curves.csv"
            if curves.exists() and len(curves.read_text().splitlines()) > epochs:
                return
            self.assertIsNone(process.poll(), "the training ended before it could be disturbed")
            time.sleep(0.01)
        self.fail("the training did not get anywhere within a minute")

    def test_a_run_leaves_what_the_readme_names(self):
        result = finished_run()
        folder = result.run_directory
        names = {path.name for path in folder.iterdir()}
        self.assertContainsSubset(
            {"settings.json", "summary.json", "curves.csv", "figure.png", "model.keras"}, names
        )
        summary = json.loads((folder / "summary.json").read_text())
        self.assertEqual(summary["test_accuracy"], result.test_accuracy)
        self.assertEqual(summary["validation_accuracy"], curve(folder, "validation_accuracy")[-1])
        self.assertContainsSubset({"settings", "test_loss", "seconds", "versions"}, summary)
        self.assertEqual(summary["settings"]["hidden_units"], 8)
        self.assertLen(curve(folder), 2)
        self.assertNotEmpty(list((folder / "tensorboard").glob("events*")))

    def test_a_run_that_ends_has_ended_in_tensorboard_before(self):
        shutil.copytree(finished_run().run_directory, self.folder / "run")
        (self.folder / "run/summary.json").unlink()
        again = settings(self.folder / "run", where={"resume": True})
        with (
            mock.patch.object(Run, "finish", side_effect=KeyboardInterrupt),
            self.assertRaises(KeyboardInterrupt),
        ):
            train.main(again)
        end = hparams_of(read_back(self.folder / "run/tensorboard"))[SESSION_END_INFO_TAG]
        self.assertEqual(end.session_end_info.status, api_pb2.STATUS_SUCCESS)

    @pytest.mark.long
    def test_the_default_run_reaches_its_accuracy_over_five_seeds(self):
        accuracies = [
            train.main(
                Settings(where=RunSettings(self.folder / str(seed)), seed=seed)
            ).test_accuracy
            for seed in range(5)
        ]
        self.assertGreaterEqual(np.mean(accuracies), 0.975)

    @parameterized.parameters(
        {"architecture": "cnn"},
        {"optimizer": "rmsprop"},
        {"optimizer": "adam"},
        {"use_batch_norm": False},
        {"hidden_layers": 0},
        {"mixed_precision": "bfloat16"},
        {"mixed_precision": "float16"},
        {"learning_rate_decay": 1.0},
    )
    def test_each_choice_of_classifier_learns(self, **classifier):
        classifier |= {"learning_rate": 0.003 if "optimizer" in classifier else 0.05}
        result = train.main(
            settings(self.folder, classifier=classifier | {"batch_size": 64}, epochs=4)
        )
        self.assertGreater(result.test_accuracy, 0.6)

    def test_learning_rate_decays_by_epoch(self):
        train.main(settings(self.folder, classifier={"learning_rate_decay": 0.5}, epochs=3))
        rates = curve(self.folder, "learning_rate")
        self.assertAllClose(rates, [0.03 / (1 + 0.5 * epoch) for epoch in range(3)])

    def test_the_same_seed_gives_the_same_model_and_another_one_another(self):
        for name, seed in (("b", 0), ("c", 1)):
            train.main(settings(self.folder / name, seed=seed))
        folders = finished_run().run_directory, self.folder / "b", self.folder / "c"
        a, b, c = map(weights_of, folders)
        self.assertAllClose(a, b, atol=1e-6)
        self.assertGreater(np.abs(a - c).max(), 0.01)

    def test_patience_stops_early_and_keeps_the_best_epoch(self):
        classifier = {"learning_rate": 0.5, "batch_size": 64}
        result = train.main(settings(self.folder, classifier=classifier, epochs=200, patience=2))
        accuracies = curve(self.folder, "validation_accuracy")
        self.assertLess(len(accuracies), 200)
        self.assertEqual(result.validation_accuracy, max(accuracies))
        self.assertEqual(len(accuracies) - 1 - np.argmax(accuracies), 2)

    def test_class_weights_change_what_is_learned(self):
        x = np.random.default_rng(0).normal(size=(400, 2)).astype(np.float32)
        y = (x[:, 0] + np.random.default_rng(1).normal(size=400) > 1.5).astype(np.int64)
        np.savez(self.folder / "unequal.npz", x=x, y=y)
        found = {}
        for weights in ("none", "balanced"):
            data = {"data": str(self.folder / "unequal.npz"), "class_weights": weights}
            train.main(
                settings(self.folder / weights, data=data, epochs=15, classifier={"batch_size": 32})
            )
            model = keras.models.load_model(self.folder / weights / "model.keras", compile=False)
            found[weights] = (model.predict(x, verbose=0).argmax(axis=1) == 1).sum()
        self.assertGreater(found["balanced"], 1.5 * found["none"])

    def test_a_diverging_training_fails_and_says_what_to_try(self):
        classifier = {"learning_rate": 1e30, "use_batch_norm": False}
        with self.assertRaisesRegex(RunFailed, "loss became nan.*smaller --learning-rate"):
            train.main(settings(self.folder, classifier=classifier, epochs=3))
        self.assertFalse((self.folder / "summary.json").exists())

    @parameterized.parameters(
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"learning_rate": float("inf")}, "learning_rate"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"learning_rate_decay": -1.0}, "learning_rate_decay"),
        ({"sgd_momentum": 1.0}, "sgd_momentum"),
        ({"hidden_units": 0}, "hidden_units"),
        ({"hidden_layers": -1}, "hidden_layers"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 1}, "batch_size must be 2 or more, since batch norm"),
        ({"epochs": 0}, "epochs"),
        ({"patience": -1}, "patience"),
        ({"seed": -1}, "seed"),
    )
    def test_values_out_of_range_are_refused(self, values, pattern):
        with self.assertRaisesRegex(BadInput, f"^{pattern}"):
            own = {k: v for k, v in values.items() if k in ("epochs", "patience", "seed")}
            classifier = {k: v for k, v in values.items() if k not in own}
            settings(self.folder, classifier=classifier, **own)

    def test_a_cnn_on_a_table_is_refused(self):
        with self.assertRaisesRegex(BadInput, "architecture must be mlp"):
            train.main(
                settings(self.folder, data={"data": "iris"}, classifier={"architecture": "cnn"})
            )

    def test_a_training_that_diverges_in_its_last_step_fails_too(self):
        classifier = {"learning_rate": 1e38, "batch_size": 5000}
        with self.assertRaisesRegex(RunFailed, "validation loss became nan"):
            train.main(settings(self.folder, classifier=classifier, epochs=1))

    def test_what_cannot_be_built_overwrites_nothing(self):
        train.main(settings(self.folder, data={"data": "iris"}, epochs=1))
        with self.assertRaisesRegex(BadInput, "architecture must be mlp"):
            train.main(
                settings(
                    self.folder,
                    data={"data": "iris"},
                    classifier={"architecture": "cnn"},
                    where={"overwrite": True},
                )
            )
        self.assertTrue((self.folder / "model.keras").exists())

    def test_the_saved_model_carries_no_optimiser(self):
        train.main(settings(self.folder, classifier={"optimizer": "adam"}, epochs=1))
        with zipfile.ZipFile(self.folder / "model.keras") as file:
            weights = file.read("model.weights.h5")
        self.assertNotIn(b"optimizer", weights)

    @pytest.mark.long
    def test_a_full_disk_is_one_line(self):
        limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000));"
        ignore = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        code = (
            f"{ignore}{limit}import runpy; runpy.run_module('recipes.train', run_name='__main__')"
        )
        flags = ["--epochs", "2", "--run-directory", str(self.folder / "run")]
        done = subprocess.run(
            [sys.executable, "-c", code, *flags], cwd=ROOT, text=True, capture_output=True
        )
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "^error: .*could not be written.*--resume")
        self.assertEqual(done.stderr.count("\n"), 1)

    def test_a_finished_run_that_is_resumed_says_what_it_came_to(self):
        first = finished_run()
        trained = (first.run_directory / "model.keras").stat().st_mtime_ns
        again = train.main(settings(first.run_directory, where={"resume": True}))
        self.assertEqual(first, again)
        self.assertEqual((first.run_directory / "model.keras").stat().st_mtime_ns, trained)

    @pytest.mark.long
    def test_a_run_killed_twice_ends_with_the_weights_of_an_undisturbed_one(self):
        flags = ["--epochs", "40", "--patience", "30", "--learning-rate-decay", "0.01"]
        killed = self.folder / "killed"
        for epochs in (1, 3):
            process = subprocess.Popen(command(killed, "--resume", *flags), cwd=ROOT)
            self.wait_for_epochs(process, killed, epochs)
            process.send_signal(signal.SIGKILL)
            self.assertEqual(process.wait(), -signal.SIGKILL)
        decaying = {"epochs": 40, "patience": 30, "classifier": {"learning_rate_decay": 0.01}}
        train.main(settings(killed, where={"resume": True}, **decaying))
        train.main(settings(self.folder / "undisturbed", **decaying))
        for name in ("loss", "validation_loss", "learning_rate"):
            self.assertAllClose(
                curve(killed, name), curve(self.folder / "undisturbed", name), rtol=1e-4
            )
        self.assertAllClose(weights_of(killed), weights_of(self.folder / "undisturbed"), atol=1e-5)

    def test_control_c_leaves_a_run_that_resumes_and_says_how(self):
        process = subprocess.Popen(
            command(self.folder, "--epochs", "40"),
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.wait_for_epochs(process, self.folder, 2)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate()
        self.assertEqual(process.returncode, 130)
        self.assertIn(f"--resume --run-directory {self.folder}", " ".join(output.split()))
        self.assertNotIn("Traceback", errors)
        epochs = len(curve(self.folder))
        self.assertBetween(epochs, 2, 39)
        train.main(settings(self.folder, where={"resume": True}, epochs=40))
        self.assertLen(curve(self.folder), 40)

    def test_bad_input_on_the_command_line_is_one_line_and_exit_code_2(self):
        done = subprocess.run(
            command(self.folder / "run", "--data", "digist"),
            cwd=ROOT,
            text=True,
            capture_output=True,
        )
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, "^error: .*digist.*digits")
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertFalse((self.folder / "run").exists())


if __name__ == "__main__":
    tf.test.main()
