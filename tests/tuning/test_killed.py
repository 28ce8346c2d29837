"""Searches in other processes that are killed, interrupted and left without a disk, for real."""

import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tensorflow as tf
from absl.testing import parameterized

from tests.tuning.made_up_search import tuner_in
from tests.tuning.search_files import results_of, rows_of

ROOT = Path(__file__).parents[2]


def program(folder, oracle="random", trials=30, pause=0.02):
    """Starts a search in another process; returns it when it searches."""
    command = [sys.executable, "-m", "tests.tuning.made_up_search", str(folder), oracle]
    process = subprocess.Popen(
        [*command, str(trials), str(pause)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if line == "searching\n":
            break
    return process


class KilledTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)
        self.processes = []
        self.addCleanup(self.end_all)

    def end_all(self):
        for process in self.processes:
            process.kill()
            process.communicate()

    def start(self, *arguments, **named):
        process = program(self.folder, *arguments, **named)
        self.processes.append(process)
        return process

    def assert_goes_on_to_the_undisturbed_end(self, oracle="random", trials=30):
        tuner_in(self.folder, oracle, trials).search(verbose=0)
        undisturbed = self.create_tempdir().full_path
        tuner_in(undisturbed, oracle, trials).search(verbose=0)
        self.assertEqual(results_of(self.folder), results_of(undisturbed))

    @parameterized.parameters("random", "hyperband", "bayesian", "grid")
    @pytest.mark.long(but=1)
    def test_a_killed_search_goes_on_to_the_end_of_an_undisturbed_one(self, oracle):
        search = self.start(oracle)
        while len(rows_of(self.folder)) < 7:
            time.sleep(0.01)
        search.send_signal(signal.SIGKILL)
        search.wait()
        self.assertLess(len(rows_of(self.folder)), 30)
        self.assert_goes_on_to_the_undisturbed_end(oracle)

    def test_a_kill_before_the_first_trial_ends_leaves_a_search_that_goes_on(self):
        search = self.start("random", 30, 60.0)
        while not list(self.folder.glob("search/trial_*/trial.json")):
            time.sleep(0.01)
        search.send_signal(signal.SIGKILL)
        search.wait()
        self.assertEmpty(rows_of(self.folder))
        self.assert_goes_on_to_the_undisturbed_end()

    def test_what_a_kill_left_half_written_is_removed(self):
        left = [f"trial_0/.trial.json.{2**22}.tmp", f".stack-0-1.pickle.{2**22}.tmp"]
        (self.folder / "search/trial_0").mkdir(parents=True)
        for name in left:
            (self.folder / "search" / name).write_text("half")
        tuner_in(self.folder, "random", 1).search(verbose=0)
        self.assertEmpty([*self.folder.rglob("*.tmp")])

    @parameterized.parameters(30, 14)
    def test_a_promoted_trial_whose_file_is_damaged_has_no_epoch_twice(self, ended):
        searching = tuner_in(self.folder, "hyperband", ended)
        searching.search(verbose=0)
        trials = searching.oracle.trials.values()
        promoted = {t.hyperparameters.values.get("tuner/trial_id") for t in trials} - {None}
        (self.folder / f"search/trial_{min(promoted)}/trial.json").write_text("{")
        tuner_in(self.folder, "hyperband", 30).search(verbose=0)
        epochs = [(row["trial"], row["epoch"]) for row in rows_of(self.folder, "curves.csv")]
        self.assertLen({*epochs}, len(epochs))

    def test_a_second_process_is_told_who_searches_and_the_lock_of_a_dead_one_is_free(self):
        first = self.start("random", 30, 60.0)
        while not (self.folder / "search/search.json").exists():
            time.sleep(0.01)
        second = self.start()
        _, complaint = second.communicate(timeout=60)
        self.assertIn(f"in use by process {first.pid}", complaint)
        first.kill()
        first.wait()
        self.assert_goes_on_to_the_undisturbed_end()

    def test_ctrl_c_leaves_a_search_that_goes_on(self):
        search = self.start()
        while len(rows_of(self.folder)) < 3:
            time.sleep(0.01)
        search.send_signal(signal.SIGINT)
        search.communicate(timeout=60)
        self.assertEqual(search.returncode, -signal.SIGINT)
        self.assert_goes_on_to_the_undisturbed_end()

    @pytest.mark.long
    def test_a_full_disk_ends_a_search_whose_files_stay_readable(self):
        search = self.start()
        # Set from here: a hook in the child would fork, which JAX, where it runs, warns of.
        resource.prlimit(search.pid, resource.RLIMIT_FSIZE, (3_000, 3_000))
        _, complaint = search.communicate(timeout=120)
        self.assertNotEqual(search.returncode, 0)
        self.assertRegex(complaint.strip().rpartition("\n")[2], "OSError|DiskFault")
        before = rows_of(self.folder)
        self.assertNotEmpty(before)
        self.assertLess(len(before), 30)
        self.assert_goes_on_to_the_undisturbed_end()


if __name__ == "__main__":
    tf.test.main()
