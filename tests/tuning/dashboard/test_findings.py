import dataclasses
import signal
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.tuning import made_up_records
from tests.tuning.dashboard.served import Served
from tests.tuning.test_killed import program, rows_of
from tuning.analysis import read
from tuning.dashboard.findings import PICTURES, TEXTS, history, write_findings

BY_TRIAL = ("objective", "best so far", "trials per second")


class FindingsTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path) / "search"

    def written(self, trials, **named):
        made_up_records.write(self.folder, trials, **named)
        found = write_findings(self.folder)
        return found, EventAccumulator(str(self.folder / "analysis")).Reload()

    def points(self, events, tag):
        return [(event.step, event.value) for event in events.Scalars(tag)]

    @parameterized.parameters("max", "min")
    def test_the_history_by_trial_is_that_of_the_records(self, direction):
        found, events = self.written(20, direction=direction, failing=2)
        scores = [(n, t.score) for n, t in enumerate(found.trials, start=1) if t.score is not None]
        self.assertAllClose(self.points(events, "by trial/objective"), scores)
        best = [(n, b) for n, b in enumerate(found.best_so_far, start=1) if np.isfinite(b)]
        self.assertAllClose(self.points(events, "by trial/best so far"), best)
        rates = [n / seconds for n, seconds in enumerate(found.seconds, start=1)]
        tag = "by trial/trials per second"
        self.assertAllClose(self.points(events, tag), list(enumerate(rates, start=1)))
        times = [event.wall_time for event in events.Scalars(tag)]
        self.assertAllClose(np.diff(times), np.diff(found.seconds), atol=1e-3)

    def test_by_seconds_each_second_has_one_point_that_of_its_last_trial(self):
        made_up_records.write(self.folder, 5)
        found = read(self.folder)
        seconds = (0.25, 0.5, 2.5, 0.25, 0.5)  # they end at 0.25, 0.75, 3.25, 3.5 and 4.0
        trials = [
            dataclasses.replace(trial, score=float(number), seconds=length)
            for number, (trial, length) in enumerate(zip(found.trials, seconds, strict=True))
        ]
        points = {
            event.step: value.simple_value
            for event in history(dataclasses.replace(found, trials=trials))
            for value in event.summary.value
            if value.tag == "by seconds/objective"
        }
        self.assertEqual(points, {1: 1.0, 4: 3.0, 5: 4.0})

    def test_texts_and_pictures_are_there_and_the_figure(self):
        found, events = self.written(8)
        self.assertEqual(set(events.Tags()["tensors"]), {*TEXTS, *PICTURES})
        (card,) = events.Tensors("search/1 best trial")
        self.assertIn(found.scored[0].trial, card.tensor_proto.string_val[0].decode())
        for tag in PICTURES:
            (picture,) = events.Tensors(tag)
            self.assert_begins(picture.tensor_proto.string_val[2], b"\x89PNG")
        self.assert_begins((self.folder / "figure.png").read_bytes(), b"\x89PNG")

    def assert_begins(self, content, beginning):
        self.assertEqual(content[: len(beginning)], beginning)

    def test_the_later_findings_take_the_place_of_the_earlier_ones(self):
        self.written(4)
        _, events = self.written(9)
        self.assertLen(list((self.folder / "analysis").iterdir()), 1)
        self.assertLen(events.Scalars("by trial/trials per second"), 9)

    @parameterized.parameters(0, 1, 3)
    def test_a_search_that_has_hardly_begun_is_shown_as_far_as_it_got(self, trials):
        found, events = self.written(trials)
        self.assertLen(found.trials, trials)
        self.assertEqual(set(events.Tags()["tensors"]), {*TEXTS, *PICTURES})

    def test_a_search_that_is_cut_in_the_middle_of_a_line_is_shown_as_far_as_it_is_whole(self):
        made_up_records.write(self.folder, 9)
        for name in ("trials.csv", "curves.csv"):
            content = (self.folder / name).read_bytes()
            (self.folder / name).write_bytes(content[: len(content) // 2])
        (self.folder / "search.json").write_text('{"search":')
        found = write_findings(self.folder)
        self.assertBetween(len(found.trials), 2, 8)

    @pytest.mark.long
    def test_a_search_that_runs_and_one_that_was_killed_are_shown_as_far_as_they_got(self):
        process = program(self.folder.parent, "random", 1000, 0.01)
        self.addCleanup(process.communicate)
        seen = [0]
        while seen[-1] < 20:
            seen.append(len(write_findings(self.folder).trials))
            self.assertIsNone(process.poll(), "the search ended while it was looked at")
        self.assertEqual(seen, sorted(seen))
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.assertLen(write_findings(self.folder).trials, len(rows_of(self.folder.parent)))

    def test_a_tensorboard_that_serves_meanwhile_shows_the_later_findings(self):
        self.written(4)
        server = Served(self.folder)
        self.addCleanup(server.close)
        path = "scalars/scalars?run=analysis&tag=by%20trial/trials%20per%20second"
        server.wait_for(lambda tags: "analysis" in tags, "scalars/tags")
        self.assertLen(server.wait_for(lambda points: len(points) == 4, path), 4)
        self.written(9)
        points = server.wait_for(lambda points: len(points) == 9, path)
        self.assertEqual([step for _, step, _ in points], list(range(1, 10)))
        self.written(6)  # another search in the same folder
        server.wait_for(lambda points: [step for _, step, _ in points] == list(range(1, 7)), path)
        pictures = server.wait_for(lambda tags: "analysis" in tags, "images/tags")
        self.assertEqual(set(pictures["analysis"]), set(PICTURES))


if __name__ == "__main__":
    tf.test.main()
