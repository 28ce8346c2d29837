from pathlib import Path

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

from tuning.dashboard import EventFile


def read_back(folder):
    accumulator = EventAccumulator(str(folder), size_guidance={"tensors": 0, "scalars": 0})
    accumulator.Reload()
    return accumulator


def hparams_of(accumulator):
    """`{tag: HParamsPluginData}` of a run."""
    contents = accumulator.summary_metadata
    return {
        tag: plugin_data_pb2.HParamsPluginData.FromString(content.plugin_data.content)
        for tag, content in contents.items()
        if content.plugin_data.plugin_name == metadata.PLUGIN_NAME
    }


class EventFileTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)

    def test_curves_are_read_back_without_what_is_not_finite(self):
        with EventFile(self.folder) as events:
            events.scalars(1, {"loss": 2.5, "accuracy": 0.25})
            events.scalars(2, {"loss": float("nan"), "accuracy": 0.5})
        scalars = read_back(self.folder).Scalars
        read = {tag: [(e.step, e.value) for e in scalars(tag)] for tag in ("loss", "accuracy")}
        self.assertEqual(read, {"loss": [(1, 2.5)], "accuracy": [(1, 0.25), (2, 0.5)]})

    def test_a_curve_is_visible_while_the_run_goes_on(self):
        with EventFile(self.folder) as events:
            events.scalars(1, {"loss": 2.5})
            self.assertLen(read_back(self.folder).Scalars("loss"), 1)

    def test_hyperparameters_make_the_runs_row(self):
        with EventFile(self.folder) as events:
            events.hyperparameters({"learning_rate": 0.1, "optimizer": "adam"}, "train/1")
        info = hparams_of(read_back(self.folder))[metadata.SESSION_START_INFO_TAG]
        self.assertEqual(info.session_start_info.group_name, "train/1")
        self.assertEqual(info.session_start_info.hparams["learning_rate"].number_value, 0.1)
        self.assertEqual(info.session_start_info.hparams["optimizer"].string_value, "adam")

    @parameterized.parameters(
        (None, api_pb2.STATUS_SUCCESS),
        (RuntimeError, api_pb2.STATUS_FAILURE),
        (KeyboardInterrupt, None),
    )
    def test_the_row_says_how_the_run_ended(self, raised, status):
        try:
            with EventFile(self.folder) as events:
                events.hyperparameters({"epochs": 1}, "train/1")
                if raised:
                    raise raised
        except (RuntimeError, KeyboardInterrupt):
            pass
        end = hparams_of(read_back(self.folder)).get(metadata.SESSION_END_INFO_TAG)
        self.assertEqual(end and end.session_end_info.status, status)

    def test_a_run_that_failed_and_went_on_succeeded_and_has_each_epoch_once(self):
        def rows(*epochs):
            return [{"epoch": n, "validation_accuracy": n / 8} for n in epochs]

        with self.assertRaises(RuntimeError), EventFile(self.folder) as events:
            events.hyperparameters({"epochs": 1}, "train/1")
            events.epochs(rows(1, 2, 3), "validation_accuracy", "max")
            raise RuntimeError
        with EventFile(self.folder) as events:
            events.hyperparameters({"epochs": 1}, "train/1")
            for epoch in (3, 4):
                events.epochs(rows(epoch), "validation_accuracy", "max")
        accumulator = read_back(self.folder)
        read = [(e.step, e.value) for e in accumulator.Scalars("objective")]
        self.assertEqual(read, [(1, 0.125), (2, 0.25), (3, 0.375), (4, 0.5)])
        end = hparams_of(accumulator)[metadata.SESSION_END_INFO_TAG].session_end_info
        self.assertEqual(end.status, api_pb2.STATUS_SUCCESS)
        self.assertLen(list(self.folder.iterdir()), 1)

    def test_a_curve_and_texts_are_read_back_by_their_steps(self):
        with EventFile(self.folder) as events:
            events.curve("loss/step", [(2, 2.5), (4, float("nan")), (6, 1.5)])
            events.curve("loss/step", [])
            for step in (3, 5):
                events.text("journal", f"step {step}", step)
        accumulator = read_back(self.folder)
        points = [(event.step, event.value) for event in accumulator.Scalars("loss/step")]
        self.assertEqual(points, [(2, 2.5), (6, 1.5)])
        texts = [(e.step, e.tensor_proto.string_val[0]) for e in accumulator.Tensors("journal")]
        self.assertEqual(texts, [(3, b"step 3"), (5, b"step 5")])

    def test_a_curve_that_comes_again_replaces_what_was_there(self):
        EventFile(self.folder).curve("loss/step", [(1, 3.0), (2, 2.0), (3, 1.0)])
        EventFile(self.folder).curve("loss/step", [(2, 5.0), (3, 4.0)])
        points = [(e.step, e.value) for e in read_back(self.folder).Scalars("loss/step")]
        self.assertEqual(points, [(1, 3.0), (2, 5.0), (3, 4.0)])

    def test_what_comes_after_a_place_is_cut_off_but_not_the_runs_row(self):
        events = EventFile(self.folder)
        events.hyperparameters({"epochs": 1}, "train/1")
        events.scalars(1, {"loss": 3.0})
        size = events.size
        events.text("journal", "an explosion", 1)
        events.scalars(2, {"loss": 2.0})
        events.end(api_pb2.STATUS_FAILURE)
        for place, tags in ((size, ["loss", "accuracy"]), (0, ["accuracy"])):
            again = EventFile(self.folder)
            again.cut(place)
            again.scalars(1, {"accuracy": 0.5})
            accumulator = read_back(self.folder)
            self.assertEqual(accumulator.Tags()["scalars"], tags)
            self.assertLen(accumulator.Scalars("accuracy"), 1)
            self.assertEqual([*accumulator.summary_metadata], [metadata.SESSION_START_INFO_TAG])

    def test_pictures_are_read_back(self):
        with EventFile(self.folder) as events:
            events.image("picture", np.zeros((3, 5, 4), np.uint8))
        accumulator = read_back(self.folder)
        width, height, _ = tf.make_ndarray(accumulator.Tensors("picture")[0].tensor_proto)
        self.assertEqual((int(width), int(height)), (5, 3))

    def test_texts_are_read_back(self):
        EventFile(self.folder).text("best", "**trial** 3")
        (event,) = read_back(self.folder).Tensors("best")
        self.assertEqual(event.tensor_proto.string_val[0], b"**trial** 3")


if __name__ == "__main__":
    tf.test.main()
