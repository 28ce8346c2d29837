"""The checks of `make stress` notice what they are there for."""

from pathlib import Path

import tensorflow as tf
from absl.testing import parameterized

from recipes.ingredients.command_line import console, parse
from recipes.ingredients.errors import BadInput
from tests.stress import kills
from tests.stress.__main__ import Settings
from tests.stress.ends import faults_of, made
from tests.stress.workers import growth_of

TRIALS = [
    "trial,status,score,best_epoch,seconds,reason,units",
    "0,COMPLETED,0.5,2,0.1,,3",
    "1,COMPLETED,0.25,2,0.1,,4",
]
CURVES = ["trial,epoch,loss", "0,1,0.9", "0,2,0.5", "1,1,0.9", "1,2,0.25"]


class StressTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.where = Path(self.create_tempdir().full_path)

    def faults(self, trials, curves):
        """Of a search with these tables beside the undisturbed one with those above."""
        folders = made(self.where, "disturbed", "undisturbed")
        for folder, tables in zip(folders, ((trials, curves), (TRIALS, CURVES)), strict=True):
            (folder / "search").mkdir()
            for name, table in zip(("trials.csv", "curves.csv"), tables, strict=True):
                (folder / "search" / name).write_text("\n".join(table) + "\n")
        return faults_of(*folders, trials=2, epochs=2)

    def test_equal_ends_have_no_faults(self):
        rounded = [line.replace("0.25", "0.250001") for line in reversed(TRIALS[1:])]
        self.assertEmpty(self.faults(TRIALS[:1] + rounded, CURVES))

    @parameterized.parameters(
        (TRIALS[:2], CURVES[:3], "1 trials have ended, undisturbed 2 of 2"),
        ([*TRIALS, TRIALS[2]], CURVES, "trial 1 has ended 2 times"),
        ([line.replace("0.25", "0.26") for line in TRIALS], CURVES, "trial 1 has score 0.26"),
        ([line.replace(",,4", ",,5") for line in TRIALS], CURVES, "trial 1 has other values"),
        ([*TRIALS[:2], "1,FAILED,,,0.1,no memory,4"], CURVES, "trial 1 is FAILED: no memory"),
        (TRIALS, CURVES[:4], "trial 1 has 1 epochs"),
        (TRIALS, [*CURVES, CURVES[1]], "trial 0 has 3 epochs"),
        (TRIALS, CURVES[:3], "1 trials have curves, 2 have ended"),
    )
    def test_a_fault_is_told(self, trials, curves, fault):
        self.assertIn(fault, "\n".join(self.faults(trials, curves)))

    def test_growth_is_told_by_trial_and_the_beginning_is_left_out(self):
        self.assertEqual(growth_of([0, 100, 100, 100, 100, 100, 100, 100]), 0)
        self.assertAllClose(growth_of([3 * trial for trial in range(400)]), 3, atol=0.1)

    def test_a_search_is_killed_and_compared(self):
        with console.capture() as said:
            self.assertEmpty(kills.main(1, self.where, console, trials=20))
        self.assertIn("bayesian", said.get())

    @parameterized.parameters("--trials=399", "--kills=0", "--only=hopes")
    def test_what_makes_no_sense_is_refused(self, argument):
        with self.assertRaises(BadInput):
            parse(Settings, [argument])


if __name__ == "__main__":
    tf.test.main()
