import csv
import json
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

from tests.tuning.dashboard.served import Served
from tuning.dashboard import EventFile, TrialRows, events
from tuning.dashboard.event_records import framed, whole_records

COMPLETED, FAILED, KILLED = "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_UNKNOWN"
CONSTANTS = {"architecture": "mlp", "epochs": 3}
DECLARED = [
    {"name": "learning_rate", "kind": "float", "low": 1e-4, "high": 1.0, "priority": 1},
    {"name": "batch_size", "kind": "choice", "values": [32, 64, 128], "priority": 2},
    {"name": "use_batch_norm", "kind": "boolean", "values": [False, True]},
]
ACCURACIES = {"a": (0.25, 0.75, 0.5), "b": (0.5, 0.25, 0.375)}


def curve(accuracies):
    return [
        {"epoch": i + 1, "loss": 1.0, "accuracy": 0.5, "val_loss": 2.0, "val_accuracy": accuracy}
        for i, accuracy in enumerate(accuracies)
    ]


def write_search(root, search):
    """Five trials, with the same values in every search: completed, cut, failed twice, killed."""
    folder = root / "search" / search
    rows = TrialRows(folder / "tensorboard", search, CONSTANTS)
    content = {"search": search, "hyperparameters": DECLARED, "objective": "val_accuracy"}
    (folder / "search.json").write_text(json.dumps(content))
    for number, trial in enumerate(("good", "cut", "diverged", "broken", "killed")):
        values = {"learning_rate": 10.0**-number, "batch_size": 64, "use_batch_norm": number > 2}
        rows.begin(trial, values)
        diverged = [{"epoch": 3, "loss": float("nan"), "val_accuracy": float("inf")}]
        points = curve(ACCURACIES[search]) if trial in ("good", "cut") else []
        if trial == "diverged":
            points = curve(ACCURACIES[search][:2]) + diverged
        if trial != "killed":
            status = "COMPLETED" if trial in ("good", "cut") else "FAILED"
            rows.end(trial, status, points, "val_accuracy", "max")
    cut = folder / "tensorboard/cut/events.out.tfevents"
    cut.write_bytes(cut.read_bytes()[:-200])


def write_other_things(root):
    """A training; what other programs, kills and people leave."""
    with EventFile(root / "train/1/tensorboard") as file:
        values = {"learning_rate": 0.5, "batch_size": 64, "use_batch_norm": True, "search": "train"}
        file.hyperparameters(CONSTANTS | values, "train/1")
        file.epochs(curve((0.875, 0.5)), "val_accuracy", "max")
        file.image("confusion_matrix", np.zeros((2, 2, 3), np.uint8))
    experiment = api_pb2.Experiment(hparam_infos=[api_pb2.HParamInfo(name="other")])
    content = plugin_data_pb2.HParamsPluginData(experiment=experiment)
    for number in range(20):  # of several configurations TensorBoard takes any one
        name = f"other-{number}"
        (root / name).mkdir()
        configuration = framed(events.hparams(metadata.EXPERIMENT_TAG, content))
        (root / name / "events.out.tfevents.1").write_bytes(configuration)
    (root / "empty").mkdir()
    for number, content in enumerate(("", "{", "[1]", '{"hyperparameters": [1, {"name": []}]}')):
        (root / "empty" / str(number)).mkdir()
        (root / "empty" / str(number) / "search.json").write_text(content)
        (root / "empty" / str(number) / "events.out.tfevents").write_text(content)


class TensorBoardTest(tf.test.TestCase):
    """Asks one real TensorBoard about two searches, a training, and what is no run at all."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.root = Path(temporary.name)
        for search in ACCURACIES:
            (cls.root / "search" / search).mkdir(parents=True)
            write_search(cls.root, search)
        write_other_things(cls.root)
        cls.server = Served(cls.root)
        cls.addClassCleanup(cls.server.close)
        cls.rows = cls.server.rows(11, scored=7)
        cls.experiment = cls.server.wait_for(
            lambda answer: answer.get("hparamInfos"), "hparams/experiment", {"experimentName": ""}
        )

    def metrics(self, row):
        (session,) = self.rows[row]["sessions"]
        return {v["name"]["tag"]: v["value"] for v in session.get("metricValues", [])}

    def status(self, row):
        (session,) = self.rows[row]["sessions"]
        return session.get("status", KILLED)

    def columns(self):
        return {info["name"]: info for info in self.experiment["hparamInfos"]}

    def test_every_trial_is_a_row_of_its_own(self):
        trials = ("good", "cut", "diverged", "broken", "killed")
        expected = {f"{search}/{trial}" for search in ACCURACIES for trial in trials}
        self.assertEqual(set(self.rows), expected | {"train/1"})

    def test_rows_have_the_same_columns_with_their_own_values(self):
        for name, row in self.rows.items():
            self.assertEqual(set(row["hparams"]), set(self.columns()), name)
        self.assertEqual(
            self.rows["b/diverged"]["hparams"],
            {**CONSTANTS, "search": "b", "learning_rate": 0.01, "batch_size": 64}
            | {"use_batch_norm": False},
        )

    def test_the_objective_is_the_best_epoch(self):
        best = {name: self.metrics(name).get("objective") for name in self.rows}
        expected = {"a/good": 0.75, "a/diverged": 0.75, "a/broken": None, "a/killed": None}
        expected |= {"b/good": 0.5, "b/diverged": 0.5, "train/1": 0.875, "a/cut": 0.75}
        self.assertEqual({name: best[name] for name in expected}, expected)

    def test_the_status_says_how_each_trial_ended(self):
        for search in ACCURACIES:
            self.assertEqual(self.status(f"{search}/good"), COMPLETED)
            self.assertEqual(self.status(f"{search}/diverged"), FAILED)
            self.assertEqual(self.status(f"{search}/broken"), FAILED)
            self.assertEqual(self.status(f"{search}/killed"), KILLED)
            self.assertEqual(self.status(f"{search}/cut"), KILLED)
        self.assertEqual(self.status("train/1"), COMPLETED)

    def test_nothing_is_nan(self):
        answered = json.dumps([self.rows, self.experiment])
        self.assertNotRegex(answered, "NaN|Infinity")

    def test_columns_have_domains_that_fit_what_is_declared_and_what_is_there(self):
        columns = self.columns()
        interval = columns["learning_rate"]["domainInterval"]
        self.assertEqual(interval, {"minValue": 1e-4, "maxValue": 1.0})
        self.assertEqual(columns["batch_size"]["domainDiscrete"], [32, 64, 128])
        self.assertEqual(columns["use_batch_norm"]["domainDiscrete"], [False, True])
        self.assertEqual(columns["architecture"]["domainDiscrete"], ["mlp"])
        self.assertEqual(columns["search"]["domainDiscrete"], ["a", "b", "train"])

    def test_the_columns_that_vary_come_first_and_the_objective_before_other_metrics(self):
        first = [info["name"] for info in self.experiment["hparamInfos"] if info.get("differs")]
        self.assertEqual(first, ["learning_rate", "search", "use_batch_norm"])
        metrics = [info["name"]["tag"] for info in self.experiment["metricInfos"]]
        self.assertEqual(metrics[:3], ["objective", "accuracy/validation", "loss/validation"])
        self.assertEqual(metrics[3:], ["accuracy/training", "loss/training"])

    def test_the_columns_are_written_for_other_servers(self):
        (file,) = (self.root / ".hparams").iterdir()
        *_, record = whole_records(file)
        content = record.event.summary.value[0].metadata.plugin_data.content
        experiment = metadata.parse_experiment_plugin_data(content)
        names = {info.name for info in experiment.hparam_infos}
        self.assertEqual(names, set(self.rows["a/good"]["hparams"]))

    def test_the_downloaded_csv_is_the_table(self):
        experiment = json.loads(self.server.ask("hparams/experiment", {"experimentName": ""}))
        columns = len(experiment["hparamInfos"]) + len(experiment["metricInfos"])
        table = {}
        for line in csv.DictReader(self.server.csv(columns).splitlines()):
            table[line["search"], float(line["learning_rate"] or 0)] = line
        for name, row in self.rows.items():
            values = row["hparams"] | {"objective": self.metrics(name).get("objective", "")}
            line = table[values["search"], values["learning_rate"]]
            self.assertEqual({n: line[n] for n in values}, {n: _text(values[n]) for n in values})

    def test_curves_and_pictures_are_shown(self):
        tags = self.server.wait_for(lambda a: "train/1/tensorboard" in a, "scalars/tags")
        expected = ["loss/training", "accuracy/validation", "objective"]
        self.assertContainsSubset(expected, tags["train/1/tensorboard"])
        self.assertContainsSubset(expected, tags["search/a/tensorboard/good"])
        pictures = self.server.wait_for(lambda a: "train/1/tensorboard" in a, "images/tags")
        self.assertIn("confusion_matrix", pictures["train/1/tensorboard"])

    def test_a_trial_that_begins_while_it_serves_brings_its_columns(self):
        rows = TrialRows(self.root / "later", "later", CONSTANTS)
        rows.begin("1", {"dropout_rate": 0.5})
        self.server.wait_for(
            lambda answer: any(i["name"] == "dropout_rate" for i in answer["hparamInfos"]),
            "hparams/experiment",
            {"experimentName": ""},
        )


def _text(value):
    return str(float(value)) if type(value) is int else str(value)


if __name__ == "__main__":
    tf.test.main()
