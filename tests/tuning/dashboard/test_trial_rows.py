from pathlib import Path

import tensorflow as tf
from absl.testing import parameterized
from tensorboard.plugins.hparams import api_pb2, metadata

from tests.tuning.dashboard.test_event_file import hparams_of, read_back
from tuning.dashboard import TrialRows

VALUES = {"learning_rate": 0.1}


def curve(*accuracies, first=1):
    return [
        {"epoch": first + i, "loss": 1.0, "val_loss": 2.0, "val_accuracy": accuracy}
        for i, accuracy in enumerate(accuracies)
    ]


class TrialRowsTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)
        self.file = self.folder / "0001/events.out.tfevents"

    def rows(self):
        """As a new process has it."""
        return TrialRows(self.folder, "search", {"optimizer": "adam"})

    def end(self, rows, points, status="COMPLETED", **more):
        rows.end("0001", status, points, "val_accuracy", "max", **more)

    def points(self, tag="objective"):
        return [(e.step, e.value) for e in read_back(self.folder / "0001").Scalars(tag)]

    def status(self):
        end = hparams_of(read_back(self.folder / "0001")).get(metadata.SESSION_END_INFO_TAG)
        return end and end.session_end_info.status

    def number_of_events(self):
        return len(list(tf.compat.v1.train.summary_iterator(str(self.file))))

    def test_a_running_trial_has_a_row_with_its_hyperparameters_and_no_end(self):
        self.rows().begin("0001", VALUES)
        start = hparams_of(read_back(self.folder / "0001"))[metadata.SESSION_START_INFO_TAG]
        info = start.session_start_info
        self.assertEqual(info.group_name, "search/0001")
        self.assertEqual(info.hparams["learning_rate"].number_value, 0.1)
        self.assertEqual(info.hparams["optimizer"].string_value, "adam")
        self.assertEqual(info.hparams["search"].string_value, "search")
        self.assertIsNone(self.status())

    @parameterized.parameters(
        ("COMPLETED", api_pb2.STATUS_SUCCESS),
        ("FAILED", api_pb2.STATUS_FAILURE),
        ("INVALID", api_pb2.STATUS_FAILURE),
    )
    def test_an_ended_trial_has_curves_the_best_so_far_and_its_status(self, status, expected):
        rows = self.rows()
        rows.begin("0001", VALUES)
        self.end(rows, curve(0.5, 0.25, 0.75), status)
        self.assertEqual(self.points(), [(1, 0.5), (2, 0.5), (3, 0.75)])
        self.assertEqual(self.points("accuracy/validation"), [(1, 0.5), (2, 0.25), (3, 0.75)])
        self.assertEqual(self.points("loss/training"), [(1, 1.0), (2, 1.0), (3, 1.0)])
        self.assertEqual(self.status(), expected)

    def test_the_least_is_best_where_the_direction_is_min(self):
        rows = self.rows()
        rows.begin("0001", VALUES)
        rows.end("0001", "COMPLETED", curve(0.5, 0.25, 0.75), "val_accuracy", "min")
        self.assertEqual(self.points(), [(1, 0.5), (2, 0.25), (3, 0.25)])

    def test_what_is_not_finite_is_not_written_and_does_not_count(self):
        rows = self.rows()
        rows.begin("0001", VALUES)
        points = curve(0.25, 0.75)
        points[1]["val_loss"] = float("nan")
        self.end(rows, points)
        self.assertEqual(self.points(), [(1, 0.25), (2, 0.25)])
        self.assertEqual(self.points("loss/validation"), [(1, 2.0)])

    def test_a_trial_without_an_epoch_ends_without_an_objective(self):
        rows = self.rows()
        rows.begin("0001", VALUES)
        self.end(rows, [], "FAILED")
        self.assertEqual(self.status(), api_pb2.STATUS_FAILURE)
        self.assertEmpty(read_back(self.folder / "0001").Tags()["scalars"])

    def test_the_first_of_several_executions_is_drawn_and_the_score_comes_last(self):
        rows = self.rows()
        rows.begin("0001", VALUES)
        points = [
            {"execution": execution, **point}
            for execution, accuracies in enumerate([(0.5, 0.25), (1.0, 1.0)])
            for point in curve(*accuracies)
        ]
        self.end(rows, points, score=0.75)
        self.assertEqual(self.points("accuracy/validation"), [(1, 0.5), (2, 0.25)])
        self.assertEqual(self.points()[-1], (2, 0.75))

    def test_a_promoted_trial_goes_on_in_its_file(self):
        rows = self.rows()
        rows.begin("0001", VALUES)
        self.end(rows, curve(0.75))
        before = self.number_of_events()
        rows = self.rows()
        rows.begin("0001", VALUES)
        self.assertEqual(self.status(), api_pb2.STATUS_RUNNING)
        self.assertEqual(self.number_of_events(), before)
        self.end(rows, curve(0.5, first=2), "FAILED")
        self.assertEqual(self.points(), [(1, 0.75), (2, 0.75)])
        self.assertEqual(self.points("accuracy/validation"), [(1, 0.75), (2, 0.5)])
        self.assertEqual(self.status(), api_pb2.STATUS_FAILURE)
        self.assertEqual(self.number_of_events(), before + 1)
        self.assertLen(list(self.folder.rglob("*tfevents*")), 1)

    def test_an_epoch_that_is_trained_again_replaces_what_was_there(self):
        for accuracies in ((0.5, 1.0, 1.0), (0.5, 0.75)):
            rows = self.rows()
            rows.begin("0001", VALUES)
            self.end(rows, curve(*accuracies))
        self.assertEqual(self.points(), [(1, 0.5), (2, 0.75)])
        self.assertEqual(self.status(), api_pb2.STATUS_SUCCESS)

    def test_a_file_cut_anywhere_goes_on_and_hides_nothing(self):
        rows = self.rows()
        rows.begin("0001", VALUES)
        self.end(rows, curve(0.5, 0.75))
        whole, events = self.file.read_bytes(), self.number_of_events()
        for length in range(0, len(whole), 7):
            self.file.write_bytes(whole[:length])
            rows = self.rows()
            rows.begin("0001", VALUES)
            self.end(rows, curve(0.5, 0.75))
            self.assertEqual(self.number_of_events(), events)  # itself fails at a damaged record

    def test_zeros_that_a_power_cut_left_are_removed(self):
        self.rows().begin("0001", VALUES)
        self.file.write_bytes(self.file.read_bytes() + bytes(50))
        rows = self.rows()
        rows.begin("0001", VALUES)
        self.end(rows, curve(0.5))
        self.assertEqual(self.points(), [(1, 0.5)])

    def test_a_folder_that_cannot_be_written_is_an_oserror(self):
        rows = TrialRows("/dev/full", "search", {})
        with self.assertRaises(OSError):
            rows.begin("0001", VALUES)

    def test_a_full_disk_is_an_oserror_and_what_was_there_stays(self):
        rows = self.rows()
        rows.begin("0001", VALUES)
        content = self.file.read_bytes()
        self.file.unlink()
        self.file.symlink_to("/dev/full")
        with self.assertRaises(OSError):
            self.end(rows, curve(0.5))
        self.file.unlink()
        self.file.write_bytes(content + b"part of a record")
        self.end(rows, curve(0.5))
        self.assertEqual(self.points(), [(1, 0.5)])

    def test_no_file_stays_open(self):
        rows = self.rows()
        before = len(list(Path("/proc/self/fd").iterdir()))
        for number in range(20):
            rows.begin(str(number), VALUES)
        self.assertLen(list(Path("/proc/self/fd").iterdir()), before)


if __name__ == "__main__":
    tf.test.main()
