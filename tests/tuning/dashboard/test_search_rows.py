"""The rows of HParams and `trials.csv` say the same of a search, killed or at its end."""

import csv
import json
import signal
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.tuning.dashboard.served import Served, all_rows
from tests.tuning.made_up_search import tuner_in
from tests.tuning.test_killed import program, rows_of

BEFORE, ALL = 14, 30
STATUSES = {
    "COMPLETED": "STATUS_SUCCESS",
    "FAILED": "STATUS_FAILURE",
    "RUNNING": "STATUS_UNKNOWN",  # no end was written
}
OWN_COLUMNS = ("trial", "status", "score", "best_epoch", "seconds", "reason")


class SearchRowsTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    @pytest.mark.long
    def test_a_killed_search_and_its_end_are_shown_as_trials_csv_has_them(self):
        tuner_in(self.folder, trials=BEFORE).search(verbose=0)
        self.kill_while_a_trial_runs()
        self.assert_all_kinds_of_ends(rows_of(self.folder))
        server = Served(self.folder)
        self.addCleanup(server.close)
        self.assert_shown(server, running=[f"{BEFORE}"])
        tuner_in(self.folder, trials=ALL).search(verbose=0)
        self.assertLen(rows_of(self.folder), ALL)
        self.assert_shown(server, running=[])

    def kill_while_a_trial_runs(self):
        """Goes on in another process, whose first trial takes minutes, and kills it there."""
        process = program(self.folder, "random", ALL, 60.0)
        self.addCleanup(process.communicate)
        while not list(self.folder.glob(f"search/tensorboard/{BEFORE}/*tfevents*")):
            self.assertIsNone(process.poll(), "the search ended before it could be killed")
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def assert_all_kinds_of_ends(self, trials):
        """So that what is compared below is worth it."""
        self.assertLen(trials, BEFORE)
        self.assertEqual({trial["status"] for trial in trials}, {"COMPLETED", "FAILED"})
        reasons = " ".join(trial["reason"] for trial in trials)
        self.assertRegex(reasons, "such learning rates crash")
        self.assertRegex(reasons, "must be finite")

    def assert_shown(self, server, running):
        """Each trial that ended is a row as in `trials.csv`, each that runs one without an end."""
        trials = {f"search/{trial['trial']}": trial for trial in rows_of(self.folder)}
        rows = self.rows(server, len(trials) + len(running), ended=len(trials))
        self.assertEqual(set(rows), {*trials, *(f"search/{trial}" for trial in running)})
        for name, row in rows.items():
            (session,) = row["sessions"]
            trial = trials.get(name, {"status": "RUNNING", "score": ""})
            self.assertEqual(session["status"], STATUSES[trial["status"]], name)
            self.assertEqual(session["endTimeSecs"] > 0, name in trials, name)
            self.assertEqual(objective(session), as_shown(trial["score"]), name)
            if name in trials:
                self.assertEqual(row["hparams"], values_of(trial) | {"search": "search"})
        self.assertNotRegex(json.dumps(list(rows.values())), "NaN|Infinity")
        self.assert_downloaded(server, rows)

    def rows(self, server, shown, ended):
        """The rows by name, once there are so many, of which so many have ended."""

        def ready(answer):
            ends = [
                row["sessions"][0]["endTimeSecs"] > 0 for row in answer.get("sessionGroups", [])
            ]
            return answer.get("totalSize") == shown and sum(ends) == ended

        answer = server.wait_for(ready, "hparams/session_groups", all_rows())
        return {row["name"]: row for row in answer["sessionGroups"]}

    def assert_downloaded(self, server, rows):
        """The CSV that HParams offers has a line for each row, with the row's own values."""
        experiment = json.loads(server.ask("hparams/experiment", {"experimentName": ""}))
        columns = len(experiment["hparamInfos"]) + len(experiment["metricInfos"])
        lines = list(csv.DictReader(server.csv(columns).splitlines()))
        self.assertLen(lines, len(rows))
        by_rate = {float(line["learning_rate"]): line for line in lines}
        for name, row in rows.items():
            line = by_rate[row["hparams"]["learning_rate"]]
            shown = {n: v if n == "search" else number(v) for n, v in line.items()}
            expected = row["hparams"] | {"objective": objective(row["sessions"][0])}
            self.assertEqual({n: shown[n] for n in expected}, expected, name)


def values_of(trial):
    return {name: float(text) for name, text in trial.items() if name not in OWN_COLUMNS}


def number(text):
    return float(text) if text else None


def as_shown(score):
    """An event holds a score as float32."""
    return float(np.float32(score)) if score else None


def objective(session):
    values = {v["name"]["tag"]: v["value"] for v in session.get("metricValues", [])}
    return values.get("objective")


if __name__ == "__main__":
    tf.test.main()
