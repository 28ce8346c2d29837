import csv
import json
import math
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tests.tuning import made_up_records
from tests.tuning.made_up_search import tuner_in
from tuning.analysis import read, searches_in, sentences


class FoundTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)

    def made_up(self, trials, *arguments, **named):
        made_up_records.write(self.folder, trials, *arguments, **named)
        return read(self.folder)

    def test_what_is_read_is_what_the_tuner_knows(self):
        tuner = tuner_in(self.folder, trials=14)
        tuner.search(verbose=0)
        found = read(self.folder / "search")
        self.assertLen(found.trials, 14)
        for there, here in zip(tuner.records.trials, found.trials, strict=True):
            self.assertEqual(
                (there.trial, there.status, there.score, there.best_epoch, there.values),
                (here.trial, here.status, here.score, here.best_epoch, here.values),
            )
            self.assertEqual(
                [type(value) for value in there.values.values()],
                [type(value) for value in here.values.values()],
            )
        self.assertEqual((found.objective, found.direction), ("val_accuracy", "max"))
        self.assertEqual(found.search, "search")
        completed = [t for t in found.trials if t.score is not None]
        for trial in completed:
            curve = [row["val_accuracy"] for row in found.curves[trial.trial]]
            self.assertEqual(max(curve), trial.score)

    @parameterized.parameters("max", "min")
    def test_the_best_is_first_and_the_best_so_far_only_gets_better(self, direction):
        found = self.made_up(40, direction, failing=3)
        scores = [t.score for t in found.trials if t.score is not None]
        best = max(scores) if direction == "max" else min(scores)
        self.assertEqual(found.scored[0].score, best)
        so_far = found.best_so_far
        self.assertTrue(all(map(math.isnan, so_far[:3])))
        self.assertEqual(so_far[-1], best)
        changes = np.diff(so_far[3:])
        self.assertTrue(np.all(changes >= 0) if direction == "max" else np.all(changes <= 0))

    @parameterized.parameters("max", "min")
    def test_the_learning_rate_is_found_to_matter_most_whatever_the_direction(self, direction):
        importances = self.made_up(200, direction).importances()
        self.assertEqual(importances[0].name, "learning_rate")
        self.assertGreater(importances[0].low, importances[1].high)

    def test_what_has_one_value_does_not_matter(self):
        found = self.made_up(20)
        for trial in found.trials:
            trial.values["architecture"] = "mlp"
        self.assertNotIn("architecture", [each.name for each in found.importances()])

    def test_a_file_is_read_up_to_any_place_at_which_it_may_end(self):
        whole = self.made_up(6)
        content = (self.folder / "trials.csv").read_bytes()
        curves = (self.folder / "curves.csv").read_bytes()
        for end in range(0, len(content), 7):
            (self.folder / "trials.csv").write_bytes(content[:end])
            (self.folder / "curves.csv").write_bytes(curves[: 3 * end])
            found = read(self.folder)
            lines = content[:end].count(b"\n")
            self.assertEqual(found.trials, whole.trials[: max(0, lines - 1)])
            for trial, rows in found.curves.items():
                self.assertEqual(rows, whole.curves[trial][: len(rows)])

    @parameterized.parameters(
        (b"",), (b"\xff\xfe\x00\x00\n",), (b"a,b\n1\n",), (b"\n\n\n",), (b'trial\n"\n',),
        (b"trial,score\nx,high\n",), (b"trial,score\n0,0.5,1,2,3\n",),
        (b"trial\n" + b"9" * 200_000 + b"\n",),
    )  # fmt: skip
    def test_what_is_no_table_is_read_as_far_as_it_is_one(self, content):
        for name in ("trials.csv", "curves.csv"):
            (self.folder / name).write_bytes(content)
        found = read(self.folder)
        self.assertLessEqual(len(found.trials), 1)
        self.assertIn(f"{len(found.trials)} trials", sentences.best_trial(found))
        self.assertEqual(bool(found.scored), content.endswith(b"0.5,1,2,3\n"))

    @parameterized.parameters(
        "", "{", "[1]", "\xff", '{"hyperparameters": 5}', '{"hyperparameters": [1, {"kind": []}]}',
        '{"hyperparameters": [{"name": "learning_rate", "low": [], "values": 7}], "search": null}',
        '{"finalists": 5}', '{"finalists": [1, {"accuracies": ["x"]}], "direction": 1}',
    )  # fmt: skip
    def test_a_description_that_is_none_leaves_the_trials(self, content):
        whole = self.made_up(6)
        for name in ("search.json", "summary.json"):
            (self.folder / name).write_text(content)
        found = read(self.folder)
        self.assertEqual([t.score for t in found.trials], [t.score for t in whole.trials])
        self.assertEqual(found.curves, whole.curves)
        self.assertIn(f"trial | {found.scored[0].trial}", sentences.best_trial(found))
        self.assertNotEmpty(found.importances())

    def test_a_folder_without_a_search_has_no_trials(self):
        self.assertEmpty(read(self.folder).trials)
        self.assertEmpty(read(self.folder / "none").trials)
        self.assertEmpty(list(searches_in(self.folder)))

    def test_searches_are_found_at_any_depth(self):
        made_up_records.write(self.folder / "b/c/search", 1)
        (self.folder / "a/trials").mkdir(parents=True)  # killed before its first trial ended
        (self.folder / "a/trials/search.json").write_text("{}")
        expected = [self.folder / "a", self.folder / "b/c/search"]
        self.assertEqual(list(searches_in(self.folder)), expected)
        self.assertEqual(list(searches_in(expected[1])), expected[1:])


class SentencesTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)
        made_up_records.write(self.folder, 30, failing=2)
        self.best = read(self.folder).scored[0]

    def finalists(self, *accuracies):
        entry = {"trial": self.best.trial, "accuracies": accuracies}
        (self.folder / "summary.json").write_text(json.dumps({"finalists": [entry]}))
        return read(self.folder)

    def test_the_card_tells_the_best_trial_and_how_the_trials_ended(self):
        card = sentences.best_trial(read(self.folder))
        self.assertIn(f"| best val_accuracy | {self.best.score:.4f} |", card)
        self.assertIn(f"| trial | {self.best.trial}, epoch {self.best.best_epoch} |", card)
        self.assertIn("30 trials: ", card)
        self.assertRegex(card, r"\d failed; \d+ s of training, [01]\.\d\d trials per second")
        for name, value in self.best.values.items():
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)
            self.assertIn(f"| {name} | {shown} |", card)

    def test_other_seeds_are_told_by_mean_and_deviation(self):
        found = self.finalists(0.9, 0.94)
        self.assertIn(
            "| with other seeds | 0.9200 ± 0.0283, 2 seeds |", sentences.best_trial(found)
        )
        first = sentences.top_ten(found).splitlines()[2]
        self.assertIn("0.9200 ± 0.0283, 2 seeds", first)
        self.assertIn("| 0.9000, 1 seed |", sentences.top_ten(self.finalists(0.9)))

    def test_the_table_has_the_ten_best_in_order(self):
        table = sentences.top_ten(read(self.folder)).splitlines()
        rows = list(csv.reader(table[2:], delimiter="|"))
        self.assertLen(rows, 10)
        scores = [float(row[3]) for row in rows]
        self.assertEqual(scores, sorted(scores, reverse=True))
        self.assertLen({line.count("|") for line in table}, 1)

    def test_a_bar_in_a_value_ends_no_cell(self):
        self.best.values["kind"] = "a|b\nc"
        found = read(self.folder)
        found.scored[0].values["kind"] = "a|b\nc"
        self.assertIn("| kind | a\\|b c |", sentences.best_trial(found))


if __name__ == "__main__":
    tf.test.main()
