import csv
from pathlib import Path

import tensorflow as tf

from tuning import Records, TrialRecord


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


class RecordsTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)

    def rows(self, name):
        with (self.folder / name).open(newline="") as file:
            return list(csv.DictReader(file))

    def test_each_trial_is_a_row_and_each_epoch_of_it_another(self):
        records = Records(self.folder)
        for epoch in (1, 2):
            records.epoch("0", epoch, {"loss": 1 / epoch})
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
        Records(self.folder).end(
            record(status="FAILED", score=None, best_epoch=None, reason='bad, "very"\nbad')
        )
        (row,) = self.rows("trials.csv")
        self.assertEqual((row["score"], row["best_epoch"]), ("", ""))
        self.assertEqual(row["reason"], 'bad, "very"\nbad')

    def test_a_hyperparameter_that_appears_late_gets_a_column(self):
        records = Records(self.folder)
        records.end(record("0", values={"a": 1}))
        records.end(record("1", values={"a": 2, "b": 3}))
        records.end(record("2", values={"b": 4}))
        self.assertEqual(
            [(row["a"], row["b"]) for row in self.rows("trials.csv")],
            [("1", ""), ("2", "3"), ("", "4")],
        )

    def test_what_a_kill_left_is_put_right(self):
        records = Records(self.folder)
        for trial in ("0", "1"):
            records.epoch(trial, 1, {"loss": 1.0})
            records.end(record(trial, seconds=float(trial) + 2))
        with (self.folder / "trials.csv").open("a") as file:
            file.write("2,COMPL")  # half a line
        with (self.folder / "curves.csv").open("a") as file:
            file.write("2,1,0.5\n")  # a curve whose trial did not end
        again = Records(self.folder)
        again.restore([record("0"), record("1"), record("3")])
        again.end(record("4"))
        self.assertEqual([row["trial"] for row in self.rows("trials.csv")], ["0", "1", "3", "4"])
        self.assertEqual([row["trial"] for row in self.rows("curves.csv")], ["0", "1"])
        self.assertEqual([trial.seconds for trial in again.trials[:2]], [2.0, 3.0])

    def test_records_go_on_where_another_process_stopped(self):
        Records(self.folder).end(record("0"))
        Records(self.folder).end(record("1"))
        self.assertEqual([row["trial"] for row in self.rows("trials.csv")], ["0", "1"])


if __name__ == "__main__":
    tf.test.main()
