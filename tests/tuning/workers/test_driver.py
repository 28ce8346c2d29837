"""A search whose own process is killed, told to end, interrupted, or left without a disk."""

import csv
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import tensorflow as tf

from tests.tuning.workers import searches
from tuning.oracles import RandomOracle

ROOT = Path(__file__).parents[3]
TRIALS = 64


class DriverTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)
        self.mark = f"SEARCH_UNDER_TEST={uuid.uuid4().hex}"
        self.temporary = Path(tempfile.mkdtemp())  # short: Ray's sockets are in it
        self.addCleanup(shutil.rmtree, self.temporary, ignore_errors=True)
        self.process = None
        self.addCleanup(self.end_all)

    def end_all(self):
        self.process.kill()
        self.process.communicate()
        for process in self.left_behind():
            os.kill(process, signal.SIGKILL)

    def left_behind(self):
        """All processes that were started by the search, or by what it started."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                environment = (path / "environ").read_text(errors="replace").split("\0")
            except OSError:
                continue
            if self.mark in environment:
                found.append(int(path.name))
        return found

    def start(self, trials=TRIALS):
        """Starts a search in another process; returns when its first trial has ended."""
        name, _, value = self.mark.partition("=")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.tuning.workers.searches", self.folder, str(trials)],
            cwd=ROOT,
            env=os.environ | {name: value, "TMPDIR": str(self.temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in self.process.stdout:
            if line == "ended\n":
                return
        self.fail(self.process.stderr.read())

    def assert_all_end(self):
        deadline = time.monotonic() + 120
        while left := self.left_behind():
            self.assertLess(time.monotonic(), deadline, f"{left} are left behind")
            time.sleep(0.1)
        self.assertEmpty(list(self.temporary.iterdir()))

    def rows(self):
        with (self.folder / "search/trials.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    def assert_goes_on_to_the_undisturbed_end(self):
        """Without workers: a search is the same with and without."""
        before = [row["trial"] for row in self.rows()]
        self.assertBetween(len(before), 1, TRIALS - 1)
        oracle = RandomOracle(searches.OBJECTIVE, max_trials=TRIALS, seed=1)
        resumed = searches.undisturbed(self.folder, oracle=oracle)
        self.assertLen({record.trial for record in resumed.records.trials}, TRIALS)
        names = [row["trial"] for row in self.rows()]
        self.assertLen(names, TRIALS)
        self.assertEqual(names[: len(before)], before)
        self.assertEqual({row["status"] for row in self.rows()}, {"COMPLETED"})

    def test_a_kill_leaves_neither_process_nor_folder_and_a_search_that_goes_on(self):
        self.start()
        self.assertGreater(len(self.left_behind()), 2)
        self.process.kill()
        self.process.wait()
        self.assert_all_end()
        self.assert_goes_on_to_the_undisturbed_end()

    def test_sigterm_leaves_neither_process_nor_folder_and_a_search_that_goes_on(self):
        self.start()
        self.process.send_signal(signal.SIGTERM)
        _, complaint = self.process.communicate(timeout=120)
        self.assertEqual(self.process.returncode, 128 + signal.SIGTERM, complaint)
        self.assert_all_end()
        self.assert_goes_on_to_the_undisturbed_end()

    def test_ctrl_c_leaves_neither_process_nor_folder_and_a_search_that_goes_on(self):
        self.start()
        self.process.send_signal(signal.SIGINT)
        _, complaint = self.process.communicate(timeout=120)
        self.assertEqual(self.process.returncode, -signal.SIGINT, complaint)
        self.assert_all_end()
        self.assert_goes_on_to_the_undisturbed_end()

    def test_a_full_disk_ends_a_search_that_goes_on_when_there_is_room_again(self):
        self.start()
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (6_000, 6_000))
        _, complaint = self.process.communicate(timeout=240)
        self.assertEqual(self.process.returncode, 1, complaint)
        self.assertRegex(complaint, "OSError|DiskFault")
        self.assert_all_end()
        self.assert_goes_on_to_the_undisturbed_end()


if __name__ == "__main__":
    tf.test.main()
