import subprocess
import sys
from pathlib import Path

import tensorflow as tf

from recipes import analysis
from recipes.analysis import Settings
from recipes.ingredients.command_line import console
from recipes.ingredients.errors import BadInput
from tests.tuning import made_up_records

ROOT = Path(__file__).parents[2]


class AnalysisTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)

    def test_every_search_in_a_folder_is_drawn_and_told_of(self):
        made_up_records.write(self.folder / "first", 60, name="first")
        made_up_records.write(self.folder / "deeper/second", 3, name="second")
        with console.capture() as printed:
            result = analysis.main(Settings(self.folder))
        for name, folder in (("first", "first"), ("second", "deeper/second")):
            self.assertTrue((self.folder / folder / "figure.png").is_file())
            self.assertEqual(result.found[self.folder / folder].search, name)
        best = result.found[self.folder / "first"].scored[0]
        row = next(line for line in printed.get().splitlines() if "│ first" in line)
        for shown in ("60", f"{best.score:.4f}", best.trial, "learning_rate"):
            self.assertIn(shown, row)
        self.assertRegex(printed.get(), "second.*cannot be told yet")
        self.assert_ends(printed.get().strip(), f"run directory: {self.folder}")

    def assert_ends(self, text, end):
        self.assertEqual(text[-len(end) :], end)

    def test_a_search_that_ended_no_trial_is_told_of_without_a_score(self):
        (self.folder / "trials").mkdir()
        (self.folder / "trials/search.json").write_text('{"search": "killed"}')
        with console.capture() as printed:
            result = analysis.main(Settings(self.folder))
        self.assertEmpty(result.found[self.folder].trials)
        self.assertRegex(printed.get(), "killed *│ 0 ")

    def test_a_folder_that_is_none_or_holds_no_search_is_refused(self):
        with self.assertRaisesRegex(BadInput, "run_directory must be an existing folder. Received"):
            Settings(self.folder / "none")
        with self.assertRaisesRegex(BadInput, "run_directory must hold a search.* Received"):
            analysis.main(Settings(self.folder))

    def test_from_the_command_line_it_ends_with_the_run_directory(self):
        made_up_records.write(self.folder / "search", 5)
        command = [sys.executable, "-m", "recipes.analysis", "--run-directory", str(self.folder)]
        done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True)
        self.assertEqual(done.stdout.splitlines()[-1], f"run directory: {self.folder}")
        self.assertEqual(done.stderr, "")


if __name__ == "__main__":
    tf.test.main()
