import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf
from absl.testing import parameterized
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from recipes import tensorboard, train
from recipes.ingredients.classifier import ClassifierSettings
from recipes.ingredients.command_line import console
from recipes.ingredients.errors import BadInput
from recipes.ingredients.run_directory import Run, RunSettings
from recipes.tensorboard import Settings
from tests.tuning import made_up_records
from tests.tuning.dashboard.served import Served
from tuning.dashboard import EventFile, TrialRows
from tuning.dashboard.findings import write_findings
from tuning.dashboard.log_directory import Reader


class TensorBoardTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        ({"port": -1}, "port must be from 0 to 65535. Received: port=-1"),
        ({"port": 65536}, "port must be"),
        ({"logdir": Path("/no/such/folder")}, "logdir must be an existing folder. Received"),
    )
    def test_bad_settings_are_refused(self, settings, message):
        with self.assertRaisesRegex(BadInput, message):
            Settings(**settings)

    @pytest.mark.long
    def test_a_folder_that_cannot_be_written_is_served_until_ctrl_c(self):
        folder = Path(self.create_tempdir().full_path)
        TrialRows(folder / "search", "search", {}).begin("1", {"learning_rate": 0.1})
        (folder / ".hparams").write_text("in the way, even of a person who may write anything")
        server = Served(folder)
        self.addCleanup(server.close)
        self.assertRegex(server.printed, "could not be written.*exists")
        self.assertIn(f"all rows (1)      {server.url}#hparams", server.printed)
        self.assertIn(f"curves of search  {server.url}?runFilter=", server.printed)
        self.assertIn("search/1", server.rows(1, scored=0))
        self.refuse_its_port(server, folder)
        self.assertEqual(server.stop(signal.SIGINT), (0, ""))

    def test_where_there_is_nothing_to_show_it_says_so_and_writes_nothing(self):
        folder = Path(self.create_tempdir().full_path)
        reader = Reader(folder)
        tensorboard.write_configuration(reader)
        with console.capture() as printed:
            tensorboard.print_links("http://127.0.0.1:6006/", reader.read(), folder)
        self.assertIn("nothing to show yet", printed.get())
        self.assertIn("http://127.0.0.1:6006/#hparams", printed.get())
        self.assertEmpty(list(folder.iterdir()))

    def test_there_are_links_to_what_searches_found_where_one_found_something(self):
        folder = Path(self.create_tempdir().full_path)
        for name in ("searched", "analysis"):  # of which one is the name of a search
            made_up_records.write(folder / name, 4, in_tensorboard=True, name=name)
        self.assertNotIn("of each search", self.links_to(folder))
        write_findings(folder / "searched")
        printed = self.links_to(folder)
        for text, view in tensorboard.VIEWS.items():
            self.assertRegex(printed, rf"{text} +http://here/#{view}&regexInput=")

    def test_there_are_links_to_the_latest_run_of_the_claims(self):
        folder = Path(self.create_tempdir().full_path)
        alone = "claims/softmax_gradient/2026-03-01-120000"
        EventFile(folder / alone / "tensorboard").text("claims/3.7 softmax gradient", "A table.")
        printed = self.links_to(folder)
        self.assertRegex(
            printed, r"tables of the claims +http://here/#text&regexInput=%5Eclaims%28"
        )
        self.assertNotIn("nothing to show", printed)
        for date in ("2026-01-01", "2026-02-01"):
            EventFile(folder / f"claims/{date}/tensorboard").text("claims/all", "A table.")
        self.assertIn("#images&regexInput=%5Eclaims%2F2026-02-01%28", self.links_to(folder))

    def links_to(self, folder):
        with console.capture() as printed:
            tensorboard.print_links("http://here/", Reader(folder).read(), folder)
        return printed.get()

    def test_a_training_has_a_row_with_its_settings_and_its_best_epoch(self):
        folder = Path(self.create_tempdir().full_path)
        classifier = ClassifierSettings(hidden_units=8, hidden_layers=1, batch_size=256)
        where = RunSettings(folder / "run")
        settings = train.Settings(classifier=classifier, where=where, epochs=3)
        train.main(settings)
        found = Reader(folder).read()
        values = found.rows["run/tensorboard"]
        self.assertEqual(values.pop("search"), "train")
        self.assertEqual(values, {k: v for k, v in settings.as_dict().items() if v is not None})
        events = EventAccumulator(str(folder / "run/tensorboard")).Reload()
        accuracies = [event.value for event in events.Scalars("accuracy/validation")]
        self.assertEqual(events.Scalars("objective")[-1].value, max(accuracies))
        self.assertContainsSubset({"loss/training", "learning_rate"}, found.tags["run/tensorboard"])

    def test_runs_have_rows_of_different_names(self):
        self.assertEqual(Run(Path("runs/train/1"), None).name, "train/1")
        self.assertEqual(Run(Path("/a/runs/train/1"), None).name, "1 in /a/runs/train")

    def refuse_its_port(self, server, folder):
        """A second server on the port of the first says so in one line."""
        port = server.url.rpartition(":")[2].strip("/")
        command = [sys.executable, "-m", "recipes.tensorboard", "--logdir", str(folder)]
        second = subprocess.run([*command, "--port", port], capture_output=True, text=True)
        self.assertEqual(second.returncode, 2)
        self.assertRegex(second.stderr, f"^error: port must be free.*port={port}.*--port 0.*\n$")


if __name__ == "__main__":
    tf.test.main()
