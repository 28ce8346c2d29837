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

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl import flags as absl_flags
from absl.testing import parameterized
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from recipes import panda, train
from recipes.ingredients.classifier import ClassifierSettings
from recipes.ingredients.command_line import console, parse
from recipes.ingredients.data import DataSettings
from recipes.ingredients.errors import BadInput, RunFailed
from recipes.ingredients.run_directory import RunSettings
from recipes.ingredients.turn_knobs import SetSettings, set_knobs
from recipes.ingredients.watching import sparkline
from recipes.panda import BADLY, Settings
from tuning.panda import journal

ROOT = Path(__file__).parents[2]
EPOCH = 17
"""Steps: 74 divides the 1,258 examples, and one batch size is compiled sooner than two."""
SMALL = {"hidden_units": 8, "hidden_layers": 1, "batch_size": 74, "learning_rate": 0.05}
SMALL |= {"sgd_momentum": 0.9, "use_batch_norm": False}
SMALL_FLAGS = ["--hidden-units", "8", "--hidden-layers", "1", "--batch-size", "74"]
SMALL_FLAGS += ["--learning-rate", "0.05", "--sgd-momentum", "0.9"]


def settings(run_directory, *, where=None, classifier=None, **own):
    return Settings(
        DataSettings(),
        ClassifierSettings(**SMALL | (classifier or {})),
        RunSettings(run_directory, **(where or {})),
        **{"epochs": 3} | own,
    )


def curve(run_directory, name="loss"):
    with (run_directory / "curves.csv").open() as file:
        return [float(row[name]) for row in csv.DictReader(file)]


def lines_of(run_directory, name):
    path = run_directory / name
    return len(path.read_text().splitlines()) if path.exists() else 0


def weights_of(run_directory):
    model = keras.models.load_model(run_directory / "model.keras", compile=False)
    return np.concatenate([np.ravel(w) for w in model.get_weights()])


@functools.cache
def undisturbed():
    """The folder of a small run of six epochs, for all tests that leave it as it is."""
    folder = Path(tempfile.mkdtemp(dir=absl_flags.FLAGS.test_tmpdir)) / "run"
    return panda.main(settings(folder, epochs=6)).run_directory


class PandaTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)
        self.run_directory = self.folder / "run"
        self.processes = []
        self.addCleanup(self.end_all)

    def end_all(self):
        for process in self.processes:
            process.kill()
            process.communicate()

    def start(self, *flags, run_directory=None):
        where = ["--run-directory", str(run_directory or self.run_directory)]
        process = subprocess.Popen(
            [sys.executable, "-m", "recipes.panda", *SMALL_FLAGS, *where, *flags],
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.processes.append(process)
        return process

    def run_here(self, *flags, run_directory=None):
        """What `start` does, in this process, which need not import TensorFlow first."""
        keras.utils.clear_session(free_memory=False)  # a process numbers its layers from the first
        where = ["--run-directory", str(run_directory or self.run_directory)]
        return panda.main(parse(Settings, [*SMALL_FLAGS, *where, *flags]))

    def wait(self, process, arrived):
        for _ in range(6000):
            if arrived():
                return
            self.assertIsNone(process.poll(), "the training ended before it could be disturbed")
            time.sleep(0.01)
        self.fail("the training did not get anywhere within a minute")

    def test_the_bad_start_is_brought_home_by_itself(self):
        result = panda.main(Settings(where=RunSettings(self.run_directory), auto=True))
        self.assertGreaterEqual(result.test_accuracy, 0.96)
        entries = journal.read(self.run_directory / "journal.jsonl")
        self.assertEqual(entries[0].knobs["learning_rate"], 3.0)
        self.assertEqual(entries[0].knobs["momentum"], 0.99)
        self.assertContainsSubset({"guard", "range test"}, {entry.by for entry in entries})
        summary = json.loads((self.run_directory / "summary.json").read_text())
        self.assertEqual(summary["test_accuracy"], result.test_accuracy)
        self.assertContainsSubset({"settings", "test_loss", "seconds", "versions"}, summary)
        names = {path.name for path in self.run_directory.iterdir()}
        self.assertContainsSubset(
            {"figure.png", "model.keras", "curves.csv", "tensorboard", "knobs.toml", "looks"}, names
        )

    @pytest.mark.long
    def test_the_same_start_left_alone_comes_to_nothing(self):
        for epochs in (1, 10):
            alone = train.Settings(
                classifier=BADLY, where=RunSettings(self.folder / str(epochs)), epochs=epochs
            )
            try:
                accuracy = train.main(alone).test_accuracy
            except RunFailed as failure:
                self.assertIn("the training diverged", str(failure))
            else:
                self.assertLess(accuracy, 0.5)

    def test_a_second_panda_is_refused_but_turns_knobs_and_curve_and_tensorboard_show_it(self):
        process = self.start("--epochs", "100000", "--pause", "0.002")
        self.wait(process, lambda: lines_of(self.run_directory, "curves.csv") > 2)
        with self.assertRaisesRegex(BadInput, f"in use by process {process.pid}"):
            self.run_here("--epochs", "100000", "--resume")
        changes = ["learning_rate=1e-9", "dropout=0.3", "note=nearly off"]
        command = [sys.executable, "-m", "recipes.panda", "set", *changes]
        where = ["--run-directory", str(self.run_directory)]
        done = subprocess.run([*command, *where], cwd=ROOT, text=True, capture_output=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, "^accepted: learning_rate 0.05 -> 1e-09, dropout 0.1 -> 0.3")
        self.wait(process, lambda: lines_of(self.run_directory, "journal.jsonl") > 1)
        turned = journal.read(self.run_directory / "journal.jsonl")[1]
        settled = turned.step + 5 * EPOCH  # by then the updates of old have faded
        self.wait(process, lambda: curve(self.run_directory, "step")[-1] > settled + 4 * EPOCH)
        for change, message in (
            ("learning_rate=-1", "^learning_rate must be a number above 0.* Nothing was changed.$"),
            ("learning_rate=nan", "learning_rate must be a number above 0"),
            ("learning_rate=fast", "learning_rate must be a number above 0"),
            ("learning_rat=1", "Did you mean learning_rate?"),
            ("learning_rate", "a change must be knob=value"),
        ):
            with self.assertRaisesRegex(BadInput, message):
                set_knobs(SetSettings((change,), self.run_directory))
        set_knobs(SetSettings(("stop=true",), self.run_directory))
        output, errors = process.communicate()
        self.assertEqual((process.returncode, errors), (0, ""))
        *_, stopped = journal.read(self.run_directory / "journal.jsonl")
        self.assertEqual((turned.by, turned.why), ("person", "nearly off"))
        self.assertEqual(stopped.what, "stopped by a person")
        self.assertIn(turned.sentence(), output)
        losses, steps = (
            curve(self.run_directory, "validation_loss"),
            curve(self.run_directory, "step"),
        )
        after = [loss for loss, step in zip(losses, steps, strict=True) if step > settled]
        self.assertLess(np.ptp(after), 1e-3)
        self.assertGreater(losses[0] - losses[1], 0.05)
        events = EventAccumulator(str(self.run_directory / "tensorboard"), {"tensors": 0})
        events.Reload()
        rates = [(e.step, e.value) for e in events.Scalars("knobs/learning_rate")]
        self.assertAllClose(rates[2:4], [(turned.step, 0.05), (turned.step, 1e-9)])
        texts = [e.tensor_proto.string_val[0].decode() for e in events.Tensors("journal")]
        self.assertIn(turned.sentence(), texts)

    def test_a_knob_that_is_given_two_values_is_refused(self):
        changes = ("learning_rate=0.1", "momentum=0.5", "learning_rate=0.2")
        with self.assertRaisesRegex(BadInput, "one value for each knob.*several for learning_rate"):
            set_knobs(SetSettings(changes, self.run_directory))

    @pytest.mark.long
    def test_a_run_killed_twice_ends_as_an_undisturbed_one(self):
        flags = ["--epochs", "20", "--auto", "--learning-rate", "3", "--sgd-momentum", "0.99"]
        for days in (2, 6):
            process = self.start("--resume", "--pause", "0.01", *flags)
            self.wait(process, lambda d=days: lines_of(self.run_directory, "curves.csv") > d)
            process.send_signal(signal.SIGKILL)
            self.assertEqual(process.wait(), -signal.SIGKILL)
        for flag, folder in (("--resume", self.run_directory), ("--overwrite", self.folder / "b")):
            with console.capture() as said:
                self.run_here(flag, *flags, run_directory=folder)
            self.assertTrue(said.get().rstrip().endswith(f"run directory: {folder}"))
        one, other = self.run_directory, self.folder / "b"
        self.assertAllClose(curve(one), curve(other), rtol=1e-4)
        self.assertAllClose(weights_of(one), weights_of(other), atol=1e-5)
        self.assertEqual((one / "journal.jsonl").read_text(), (other / "journal.jsonl").read_text())
        events = EventAccumulator(str(one / "tensorboard"))
        events.Reload()
        steps = [event.step for event in events.Scalars("loss/training")]
        self.assertEqual(steps, curve(one, "step"))

    @pytest.mark.long
    def test_a_kill_in_the_middle_of_a_snapshot_leaves_a_run_that_resumes(self):
        code = (
            "import os, runpy, signal\n"
            "synchronise, snapshots = os.fsync, []\n"
            "def fsync(file):\n"
            "    snapshots.extend([file] * (os.fstat(file).st_size > 20_000))\n"
            "    if len(snapshots) == 3:\n"
            "        os.truncate(file, 10_000)\n"
            "        os.kill(os.getpid(), signal.SIGKILL)\n"
            "    synchronise(file)\n"
            "os.fsync = fsync\n"
            "runpy.run_module('recipes.panda', run_name='__main__')\n"
        )
        flags = [*SMALL_FLAGS, "--epochs", "6", "--run-directory", str(self.run_directory)]
        killed = subprocess.run(
            [sys.executable, "-c", code, *flags], cwd=ROOT, text=True, capture_output=True
        )
        self.assertEqual(killed.returncode, -signal.SIGKILL)
        self.assertLen(list(self.run_directory.glob(".checkpoint.npz.*.tmp")), 1)
        self.assertLen(curve(self.run_directory), 3)
        self.run_here("--epochs", "6", "--resume")
        self.assertAllClose(curve(self.run_directory), curve(undisturbed()), rtol=1e-4)
        self.assertEmpty(list(self.run_directory.glob(".*.tmp")))

    @pytest.mark.long
    def test_control_c_leaves_a_run_that_resumes_and_says_how(self):
        process = self.start("--epochs", "10", "--pause", "0.02")
        self.wait(process, lambda: lines_of(self.run_directory, "curves.csv") > 2)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate()
        self.assertEqual(process.returncode, 130)
        self.assertIn(f"--resume --run-directory {self.run_directory}", " ".join(output.split()))
        self.assertNotIn("Traceback", errors)
        self.run_here("--epochs", "10", "--resume")
        self.assertLen(curve(self.run_directory), 10)

    def test_set_where_nothing_runs_is_one_line(self):
        with self.assertRaisesRegex(BadInput, "without knobs.toml"):
            set_knobs(SetSettings(("stop=true",), self.folder))
        with self.assertRaisesRegex(BadInput, "no training is running in"):
            set_knobs(SetSettings(("stop=true",), undisturbed()))
        with self.assertRaisesRegex(BadInput, "must be given knob=value"):
            set_knobs(SetSettings((), undisturbed()))

    @pytest.mark.long
    def test_a_full_disk_is_one_line_and_the_run_resumes(self):
        code = (
            "import resource, signal, runpy;"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000));"
            "runpy.run_module('recipes.panda', run_name='__main__')"
        )
        flags = [*SMALL_FLAGS, "--epochs", "30", "--run-directory", str(self.run_directory)]
        done = subprocess.run(
            [sys.executable, "-c", code, *flags], cwd=ROOT, text=True, capture_output=True
        )
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "^error: .*could not be written.*--resume")
        self.assertEqual(done.stderr.count("\n"), 1)
        self.run_here("--epochs", "30", "--resume")
        self.assertLen(curve(self.run_directory), 30)

    @parameterized.product(
        name=("checkpoint.npz", "journal.jsonl"),
        damaged=(
            lambda content: content[: len(content) // 2],
            lambda _: b"",
            lambda content: bytes(len(content)),
        ),
    )
    def test_a_damaged_file_is_one_line(self, name, damaged):
        shutil.copytree(undisturbed(), self.run_directory)
        (self.run_directory / "summary.json").unlink()
        path = self.run_directory / name
        path.write_bytes(damaged(path.read_bytes()))
        with self.assertRaisesRegex(BadInput, f"{name} must .* Begin anew with --overwrite."):
            self.run_here("--epochs", "6", "--resume")

    def test_a_journal_repeats_its_run_from_its_folder_alone(self):
        panda.main(
            settings(self.run_directory, epochs=4, auto=True, classifier={"learning_rate": 9.0})
        )
        again = Settings(
            where=RunSettings(self.folder / "again"), replay=self.run_directory / "journal.jsonl"
        )
        panda.main(again)
        self.assertAllClose(curve(self.run_directory), curve(self.folder / "again"), rtol=1e-4)
        self.assertEqual(
            journal.read(self.run_directory / "journal.jsonl"),
            journal.read(self.folder / "again/journal.jsonl"),
        )

    def test_what_is_no_journal_cannot_be_repeated(self):
        for path in (self.folder / "none.jsonl", self.folder):
            with self.assertRaisesRegex(BadInput, "replay must be the journal.jsonl of a run"):
                panda.main(Settings(replay=path))

    @parameterized.parameters("{}", "[1]", '{"recipe": "train", "data": "iris"}', "no JSON")
    def test_a_journal_beside_other_settings_cannot_be_repeated(self, content):
        (self.folder / "journal.jsonl").touch()
        (self.folder / "settings.json").write_text(content)
        with self.assertRaisesRegex(BadInput, "settings.json, which is not of a watched training"):
            panda.main(Settings(replay=self.folder / "journal.jsonl"))

    def test_a_journal_is_not_repeated_on_other_data(self):
        known = settings(self.run_directory).as_dict() | {"data_fingerprint": "of other data"}
        (self.folder / "settings.json").write_text(json.dumps(known))
        (self.folder / "journal.jsonl").touch()
        with self.assertRaisesRegex(BadInput, "replay must .* same data.* digits holds other data"):
            panda.main(
                Settings(
                    where=RunSettings(self.run_directory), replay=self.folder / "journal.jsonl"
                )
            )

    def test_a_file_that_is_no_journal_is_said_to_be_none_once(self):
        picture = self.folder / "figure.png"
        picture.write_bytes(b"\x89PNG\n")
        with self.assertRaisesRegex(BadInput, "Received: [^:]*figure.png, which is no journal.$"):
            panda.main(Settings(replay=picture))

    def test_class_weights_and_tables_are_taken(self):
        x = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
        np.savez(self.folder / "own.npz", x=x, y=(x[:, 0] > 1).astype(np.int64))
        own = Settings(
            DataSettings(str(self.folder / "own.npz"), class_weights="balanced"),
            ClassifierSettings(**SMALL),
            RunSettings(self.run_directory),
            epochs=10,
        )
        self.assertGreater(panda.main(own).test_accuracy, 0.8)

    @parameterized.parameters(
        ({"epochs": 0}, "epochs"),
        ({"seed": -1}, "seed"),
        ({"dropout": 1.0}, "dropout"),
        ({"weight_decay": -0.1}, "weight_decay"),
        ({"pause": 61.0}, "pause"),
        ({"classifier": {"learning_rate_decay": 0.1}}, "learning_rate_decay must be 0"),
        ({"classifier": {"mixed_precision": "float16"}}, "mixed_precision must be off or bfloat16"),
    )
    def test_values_out_of_range_are_refused(self, values, pattern):
        with self.assertRaisesRegex(BadInput, f"^{pattern}"):
            settings(self.run_directory, **values)

    def test_the_saved_model_carries_no_optimiser(self):
        with zipfile.ZipFile(undisturbed() / "model.keras") as file:
            self.assertNotIn(b"optimizer", file.read("model.weights.h5"))

    def test_its_row_in_hparams_has_ended_before_the_summary_ends_the_run(self):
        (events,) = (undisturbed() / "tensorboard").iterdir()
        written = [path.stat().st_mtime_ns for path in (events, undisturbed() / "summary.json")]
        self.assertLess(*written)

    def test_a_sparkline_shows_rise_fall_and_what_is_no_number(self):
        self.assertEqual(sparkline([1, 10, 100], 10), "▁▅█")
        self.assertEqual(sparkline([1.0, float("nan"), 1.0], 10), "▁!▁")
        self.assertLessEqual(len(sparkline(list(range(1, 1000)), 50)), 50)
        self.assertEqual(sparkline([float("inf")], 10), "!")


if __name__ == "__main__":
    tf.test.main()
