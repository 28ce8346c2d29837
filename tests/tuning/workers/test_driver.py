"""A search whose own process is killed, told to end, interrupted, or left without a disk."""

import signal
from pathlib import Path

import pytest
import tensorflow as tf

from tests.tuning.search_files import rows_of
from tests.tuning.workers import searches
from tests.tuning.workers.processes import Driver
from tuning.oracles import RandomOracle

pytestmark = pytest.mark.long
TRIALS = 64


class DriverTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)
        self.driver = self.enterContext(Driver(self.folder, TRIALS))

    def start(self):
        self.assertTrue(self.driver.start(1), "no trial has ended")

    def assert_goes_on_to_the_undisturbed_end(self):
        """Without workers: a search is the same with and without."""
        self.assertEmpty(self.driver.left_over())
        before = [row["trial"] for row in rows_of(self.folder)]
        self.assertBetween(len(before), 1, TRIALS - 1)
        oracle = RandomOracle(searches.OBJECTIVE, max_trials=TRIALS, seed=1)
        resumed = searches.undisturbed(self.folder, oracle=oracle)
        self.assertLen({record.trial for record in resumed.records.trials}, TRIALS)
        names = [row["trial"] for row in rows_of(self.folder)]
        self.assertLen(names, TRIALS)
        self.assertEqual(names[: len(before)], before)
        self.assertEqual({row["status"] for row in rows_of(self.folder)}, {"COMPLETED"})

    def test_a_kill_leaves_nothing_but_a_search_that_goes_on(self):
        self.start()
        self.assertGreater(len(self.driver.running()), 2)
        self.driver.kill()
        self.driver.end()
        self.assert_goes_on_to_the_undisturbed_end()

    def test_sigterm_leaves_nothing_but_a_search_that_goes_on(self):
        self.start()
        self.driver.terminate()
        code, _, complaint = self.driver.end()
        self.assertEqual(code, 128 + signal.SIGTERM, complaint)
        self.assert_goes_on_to_the_undisturbed_end()

    def test_ctrl_c_leaves_nothing_but_a_search_that_goes_on(self):
        self.start()
        self.driver.interrupt()
        code, _, complaint = self.driver.end()
        self.assertEqual(code, -signal.SIGINT, complaint)
        self.assert_goes_on_to_the_undisturbed_end()

    def test_a_full_disk_ends_a_search_that_goes_on_when_there_is_room_again(self):
        self.start()
        self.driver.fill_disk()
        code, _, complaint = self.driver.end()
        self.assertEqual(code, 1, complaint)
        self.assertRegex(complaint, "OSError|DiskFault")
        self.assert_goes_on_to_the_undisturbed_end()


if __name__ == "__main__":
    tf.test.main()
