import csv
import math
from pathlib import Path

import keras_tuner
import tensorflow as tf
from absl.testing import parameterized
from tensorboard.plugins.hparams import api_pb2, metadata

from tests.tuning.dashboard.test_event_file import hparams_of, read_back
from tuning import Records, TrialRecord
from tuning.dashboard import TrialRows

OBJECTIVE = keras_tuner.Objective("score", "max")


def record(trial="0", **changes):
    fields = {
        "status": "COMPLETED",
        "score": 0.5,
        "best_epoch": 2,
        "seconds": 1.0,
        "reason": "",
        "values": {"learning_rate": 0.1},
    }
    return TrialRecord(trial, **fields | changes)


class RecordsTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)

    def rows(self, name):
        with (self.folder / name).open(newline="") as file:
            return list(csv.DictReader(file))

    def test_each_trial_is_a_row_and_each_epoch_of_it_another(self):
        records = Records(self.folder, OBJECTIVE)
        for epoch in (1, 2):
            records.epoch("0", epoch, {"loss": 1 / epoch})
        records.write_curve("0")
        records.end(record())
        self.assertEqual(
            self.rows("trials.csv"),
            [
                {
                    "trial": "0",
                    "status": "COMPLETED",
                    "score": "0.5",
                    "best_epoch": "2",
                    "seconds": "1.0",
                    "reason": "",
                    "learning_rate": "0.1",
                }
            ],
        )
        self.assertEqual(
            self.rows("curves.csv"),
            [
                {"trial": "0", "epoch": "1", "loss": "1.0"},
                {"trial": "0", "epoch": "2", "loss": "0.5"},
            ],
        )

    def test_a_failed_trial_has_a_reason_and_no_score(self):
        Records(self.folder, OBJECTIVE).end(
            record(status="FAILED", score=None, best_epoch=None, reason='bad, "very"\nbad')
        )
        (row,) = self.rows("trials.csv")
        self.assertEqual((row["score"], row["best_epoch"]), ("", ""))
        self.assertEqual(row["reason"], 'bad, "very"\nbad')

    def test_a_hyperparameter_that_appears_late_gets_a_column(self):
        records = Records(self.folder, OBJECTIVE)
        records.end(record("0", values={"a": 1}))
        records.end(record("1", values={"a": 2, "b": 3}))
        records.end(record("2", values={"b": 4}))
        self.assertEqual(
            [(row["a"], row["b"]) for row in self.rows("trials.csv")],
            [("1", ""), ("2", "3"), ("", "4")],
        )

    def test_what_a_kill_left_is_put_right(self):
        records = Records(self.folder, OBJECTIVE)
        for trial in ("0", "1"):
            records.epoch(trial, 1, {"loss": 1.0})
            records.write_curve(trial)
            records.end(record(trial))
        with (self.folder / "trials.csv").open("a") as file:
            file.write("2,COMPL")  # half a line
        with (self.folder / "curves.csv").open("a") as file:
            file.write("2,1,0.5\n")  # a curve whose trial did not end
        again = Records(self.folder, OBJECTIVE)
        again.take_up([record("0"), record("1"), record("3")])
        again.restore()
        again.end(record("4"))
        self.assertEqual([row["trial"] for row in self.rows("trials.csv")], ["0", "1", "3", "4"])
        self.assertEqual([row["trial"] for row in self.rows("curves.csv")], ["0", "1"])

    @parameterized.parameters(
        b"\x80\xff\x00\n\xfe,1,2\n",
        b"trial,epoch,loss\n0,1,\xff\n",
        b"trial,epoch,loss\n0,inf,1\n",
        b"trial\n0,1,2\n",
    )
    def test_garbage_is_left_out(self, content):
        for name in ("trials.csv", "curves.csv"):
            (self.folder / name).write_bytes(content)
        records = Records(self.folder, OBJECTIVE)
        records.take_up([record("0")])
        records.restore()
        records.epoch("1", 1, {"loss": 1.0})
        records.write_curve("1")
        records.end(record("1"))
        self.assertEqual([row["trial"] for row in self.rows("trials.csv")], ["0", "1"])
        self.assertEqual(self.rows("curves.csv"), [{"trial": "1", "epoch": "1", "loss": "1.0"}])

    def test_a_trial_that_goes_on_keeps_its_row_its_best_and_all_its_seconds(self):
        records = Records(self.folder, OBJECTIVE)
        records.end(record("0", score=0.5, best_epoch=1))
        records.end(record("1", score=0.75, best_epoch=1))
        records.end(record("0", score=0.625, best_epoch=3, seconds=2.0))
        records.end(record("1", score=None, best_epoch=None, status="FAILED", reason="diverged"))
        first, second = self.rows("trials.csv")
        self.assertEqual((first["score"], first["best_epoch"]), ("0.625", "3"))
        self.assertEqual(first["seconds"], "3.0")
        self.assertEqual((second["status"], second["score"]), ("COMPLETED", "0.75"))
        self.assertEqual(second["reason"], "diverged")

    def test_epochs_beyond_the_last_of_a_trial_that_was_cut_short_while_it_went_on_are_removed(
        self,
    ):
        records = Records(self.folder, OBJECTIVE)
        for epochs in ((1, 2), (3, 4)):
            records.begin("0", {})
            for epoch in epochs:
                records.epoch("0", epoch, {"loss": 1.0})
            records.write_curve("0")
        again = Records(self.folder, OBJECTIVE)
        again.take_up([record("0")])
        again.restore({"0": {1, 2}})
        self.assertEqual([row["epoch"] for row in self.rows("curves.csv")], ["1", "2"])

    def test_a_round_that_a_kill_kept_from_tensorboard_is_shown_once(self):
        def taken_up(*rounds):
            records = Records(self.folder, OBJECTIVE, TrialRows(self.folder, "search", {}))
            records.take_up(rounds)
            records.restore()
            return records

        def train(records, epoch):
            records.begin("0", {})
            records.epoch("0", epoch, {"score": epoch / 4})
            records.write_curve("0")

        first = record(score=0.25, best_epoch=1, seconds=math.nan)  # as keras-tuner's oracles
        records = taken_up()
        train(records, 1)
        records.end(first)
        train(taken_up(first), 2)  # and a kill before its end
        rounds = first, record(score=0.5, best_epoch=2)
        taken_up(*rounds)
        shown = read_back(self.folder / "0")
        self.assertEqual([e.value for e in shown.Scalars("objective")], [0.25, 0.5])
        end = hparams_of(shown)[metadata.SESSION_END_INFO_TAG].session_end_info
        self.assertEqual(end.status, api_pb2.STATUS_SUCCESS)
        content = (self.folder / "0/events.out.tfevents").read_bytes()
        taken_up(*rounds)
        self.assertEqual((self.folder / "0/events.out.tfevents").read_bytes(), content)

    def test_records_go_on_where_another_process_stopped(self):
        Records(self.folder, OBJECTIVE).end(record("0"))
        Records(self.folder, OBJECTIVE).end(record("1"))
        self.assertEqual([row["trial"] for row in self.rows("trials.csv")], ["0", "1"])


if __name__ == "__main__":
    tf.test.main()
