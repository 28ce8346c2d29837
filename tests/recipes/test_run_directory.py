import contextlib
import errno
import os
from pathlib import Path
from unittest import mock

import tensorflow as tf
from absl.testing import parameterized

from recipes.ingredients import command_line
from recipes.ingredients.errors import BadInput, RunFailed
from recipes.ingredients.run_directory import RunSettings, open_run
from tuning import files


class RunDirectoryTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)
        self.enterContext(contextlib.chdir(self.folder))
        self.run_directory = self.folder / "a run"

    def open(self, identity=None, recipe="train", **settings):
        return open_run(recipe, RunSettings(**settings), identity or {"epochs": 3})

    def begin(self, finished=False, **settings):
        with self.open(**settings) as run:
            (run.path / "curves.csv").write_text("kept")
            if finished:
                run.write_json("summary.json", {"test_accuracy": 1.0})
        return run.path

    def test_each_run_without_a_name_gets_a_new_folder(self):
        paths = {self.begin() for _ in range(3)}
        self.assertLen(paths, 3)
        for path in paths:
            self.assertEqual(path.parent, Path("runs/train"))

    def test_a_named_folder_is_used_exactly(self):
        self.assertEqual(self.begin(run_directory=self.run_directory), self.run_directory)

    @parameterized.parameters(True, False)
    def test_a_folder_with_a_run_is_refused(self, finished):
        self.begin(finished, run_directory=self.run_directory)
        with self.assertRaisesRegex(BadInput, "holds a run.*--resume.*--overwrite"):
            self.begin(run_directory=self.run_directory)

    def test_a_folder_with_something_else_is_refused_even_to_overwrite(self):
        precious = self.folder / "thesis.txt"
        precious.write_text("precious")
        with self.assertRaisesRegex(BadInput, "must be empty or hold a run"):
            self.begin(run_directory=self.folder, overwrite=True)
        self.assertEqual(precious.read_text(), "precious")

    @parameterized.parameters('{"editor": 1}', '{"recipe": "search"}', "[1]")
    def test_settings_that_are_not_the_recipes_protect_a_folder(self, content):
        (self.folder / "settings.json").write_text(content)
        (self.folder / "summary.json").write_text("precious")
        with self.assertRaisesRegex(BadInput, "must be empty or hold a run of recipes.train"):
            self.begin(run_directory=self.folder, overwrite=True)
        self.assertEqual((self.folder / "summary.json").read_text(), "precious")

    def test_overwriting_keeps_what_a_person_put_beside_a_run(self):
        path = self.begin(run_directory=self.run_directory)
        (path / "notes.txt").write_text("precious")
        self.begin(run_directory=path, overwrite=True)
        self.assertEqual((path / "notes.txt").read_text(), "precious")

    def test_overwriting_begins_with_no_file_of_the_old_run(self):
        path = self.begin(run_directory=self.run_directory)
        for folder in ("trials", "finalists"):
            (path / folder / "trial_0").mkdir(parents=True)
        with self.open(run_directory=self.run_directory, overwrite=True) as run:
            left = {entry.name for entry in run.path.iterdir()}
            self.assertEqual(left, {"settings.json", ".lock"})

    @parameterized.parameters("resume", "overwrite")
    def test_a_kill_while_a_run_is_overwritten_leaves_a_folder_where_one_begins(self, how):
        path = self.begin(finished=True, run_directory=self.run_directory)
        (path / "tensorboard").mkdir()
        with (
            mock.patch("shutil.rmtree", side_effect=KeyboardInterrupt),
            self.assertRaises(KeyboardInterrupt),
        ):
            self.begin(run_directory=path, overwrite=True)
        with self.open({"epochs": 4}, run_directory=path, **{how: True}) as run:
            self.assertIsNone(run.summary)
            left = {entry.name for entry in path.iterdir()}
            self.assertEqual(left, {"settings.json", ".lock"})

    def test_resuming_keeps_what_is_there(self):
        self.begin(run_directory=self.run_directory)
        with self.open(run_directory=self.run_directory, resume=True) as run:
            self.assertEqual((run.path / "curves.csv").read_text(), "kept")
            self.assertIsNone(run.summary)

    def test_resuming_a_finished_run_gives_its_summary(self):
        self.begin(finished=True, run_directory=self.run_directory)
        with self.open(run_directory=self.run_directory, resume=True) as run:
            self.assertEqual(run.summary, {"test_accuracy": 1.0})

    def test_resuming_where_there_is_nothing_begins(self):
        for settings in ({"run_directory": self.run_directory}, {}):
            with self.open(resume=True, **settings) as run:
                self.assertTrue((run.path / "settings.json").exists())

    def test_a_run_begun_in_spite_of_resume_names_the_unfinished_one_and_how_it_differs(self):
        unfinished = self.begin()
        damaged = Path("runs/train/damaged/settings.json")
        damaged.parent.mkdir()
        damaged.write_text("[1]")
        with mock.patch.object(command_line.console, "print") as printed:
            self.begin(identity={"epochs": 4}, resume=True)
        message = printed.call_args.args[0]
        self.assertStartsWith(message, "nothing to resume")
        self.assertIn(f"{unfinished} was begun with other settings (epochs: 3 there, 4 n", message)

    def test_resuming_without_a_name_takes_the_latest_unfinished_run(self):
        self.begin()
        latest = self.begin()
        self.begin(finished=True)
        with self.open(resume=True) as run:
            self.assertEqual(run.path, latest)

    def test_resuming_without_a_name_passes_over_runs_of_other_settings_and_running_ones(self):
        mine = self.begin()
        self.begin(identity={"epochs": 4})
        with files.lock(self.begin()), self.open(resume=True) as run:
            self.assertEqual(run.path, mine)

    @parameterized.parameters("resume", "overwrite")
    def test_what_a_kill_left_half_written_is_removed(self, how):
        path = self.begin(run_directory=self.run_directory)
        left = path / ".model.keras.tmp.keras", path / "mine/0/.events.out.tfevents.1.tmp"
        left[1].parent.mkdir(parents=True)
        for each in left:
            each.write_text("half")
        self.begin(run_directory=path, **{how: True})
        self.assertFalse(any(each.exists() for each in left))

    def test_a_disk_that_fills_up_ends_the_run_with_a_way_to_go_on(self):
        with (
            self.assertRaisesRegex(RunFailed, "No space left.*--resume --run-directory"),
            self.open(run_directory=self.run_directory),
        ):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def test_a_path_like_markup_is_printed_as_it_is(self):
        path = self.folder / "a[/red] b"

        def interrupted(settings):
            with self.open(run_directory=settings.run_directory):
                raise KeyboardInterrupt

        with self.assertRaises(SystemExit), command_line.console.capture() as printed:
            command_line.run(interrupted, RunSettings, ["--run-directory", str(path)])
        self.assertIn(f"--run-directory '{path}' goes on", printed.get())

    def test_of_a_run_within_a_run_an_interrupt_names_the_outer_one(self):
        hint = f"^interrupted: .*--run-directory '{self.run_directory}' goes on$"
        with (
            self.assertRaisesRegex(KeyboardInterrupt, hint),
            self.open(run_directory=self.run_directory),
            self.open(run_directory=self.run_directory / "within"),
        ):
            raise KeyboardInterrupt

    @parameterized.parameters("{", "", "[1]")
    def test_resuming_without_a_name_passes_over_a_run_with_damaged_settings(self, damaged):
        mine, other = self.begin(), self.begin()
        (other / "settings.json").write_text(damaged)
        with command_line.console.capture() as said, self.open(resume=True) as run:
            self.assertEqual(run.path, mine)
        self.assertEqual(f"passed over: {other}" in said.get(), damaged != "[1]")

    def test_a_run_with_a_damaged_summary_is_finished_again(self):
        path = self.begin(finished=True, run_directory=self.run_directory)
        (path / "summary.json").write_text("{")
        with self.open(run_directory=path, resume=True) as run:
            self.assertIsNone(run.summary)

    def test_resuming_with_other_settings_names_the_difference(self):
        self.begin(run_directory=self.run_directory)
        with self.assertRaisesRegex(BadInput, "epochs: 3 there, 4 now"):
            self.begin(identity={"epochs": 4}, run_directory=self.run_directory, resume=True)

    def test_resume_and_overwrite_exclude_each_other(self):
        with self.assertRaisesRegex(BadInput, "exclude each other"):
            self.begin(resume=True, overwrite=True)

    def test_a_folder_in_use_is_refused(self):
        self.run_directory.mkdir()
        with (
            files.lock(self.run_directory),
            self.assertRaisesRegex(BadInput, f"in use by process {os.getpid()}"),
        ):
            self.begin(run_directory=self.run_directory, resume=True)

    def test_a_path_that_cannot_be_a_folder_is_refused(self):
        (self.folder / "file").write_text("")
        with self.assertRaisesRegex(BadInput, "file/run cannot be used"):
            self.begin(run_directory=self.folder / "file" / "run")

    def test_damaged_settings_are_refused_to_resume(self):
        path = self.begin(run_directory=self.run_directory)
        (path / "settings.json").write_text("{")
        for how in ("resume", "overwrite"):
            with self.assertRaisesRegex(BadInput, "settings.json must be JSON.*Delete .*a run, or"):
                self.begin(run_directory=path, **{how: True})


if __name__ == "__main__":
    tf.test.main()
