"""Workers that are killed, hang and run out of memory, for real: nothing is lost or repeated."""

import collections
import functools
import os
import signal
import tempfile

import pytest
import tensorflow as tf

from tests.tuning.search_files import rows_of
from tests.tuning.workers import searches
from tuning.oracles import RandomOracle


@functools.cache
def undisturbed():
    """The trials of a search that nothing happens to."""
    with tempfile.TemporaryDirectory() as folder:
        return searches.undisturbed(folder).records.trials


class LostTest(searches.WithWorkers):
    def assert_as_undisturbed(self, tuner):
        trials = tuner.records.trials
        ours, theirs = ({r.trial: r for r in records} for records in (trials, undisturbed()))
        self.assertEqual({*ours}, {*theirs})
        self.assertLen(trials, len(ours))
        for name, record in ours.items():
            self.assertEqual(record.status, "COMPLETED", record.reason)
            self.assertEqual(record.values, theirs[name].values)
            self.assertAllClose(record.score, theirs[name].score, rtol=1e-4)
        epochs = collections.Counter(row["trial"] for row in rows_of(self.folder, "curves.csv"))
        self.assertEqual(epochs, dict.fromkeys(ours, searches.EPOCHS))

    def killing(self, most):
        """A tuner that kills workers as soon as one has trained an epoch."""
        killed = []

        def kill(_):
            for process in list(searches.processes_of(self.folder))[:most] if not killed else ():
                os.kill(process, signal.SIGKILL)
                killed.append(process)

        return searches.tuner_in(self.folder, on_epoch=kill), killed

    def test_trials_of_a_killed_worker_are_trained_again_and_recorded_once(self):
        tuner, killed = self.killing(1)
        self.assert_as_undisturbed(searches.search(tuner))
        self.assertLen(killed, 1)
        self.assertGreaterEqual(len(searches.processes_of(self.folder)), 2)

    @pytest.mark.long
    def test_a_search_goes_on_when_all_workers_are_killed(self):
        tuner, killed = self.killing(2)
        self.assert_as_undisturbed(searches.search(tuner))
        self.assertNotEmpty(searches.processes_of(self.folder) - {*killed})

    @pytest.mark.long
    def test_a_worker_that_hangs_is_ended_and_its_trials_are_trained_again(self):
        hypermodel = searches.Sleepy(self.folder)
        tuner = searches.tuner_in(self.folder, hypermodel=hypermodel, stack_seconds=15)
        self.assert_as_undisturbed(searches.search(tuner))
        self.assertFalse(hypermodel.is_first())

    @pytest.mark.long
    def test_a_trial_that_kills_every_worker_fails_with_the_reason_and_no_other_does(self):
        oracle = RandomOracle(searches.OBJECTIVE, max_trials=2, seed=1)
        hypermodel = searches.Deadly(self.folder)
        tuner = searches.tuner_in(self.folder, oracle=oracle, hypermodel=hypermodel, workers=1)
        records = searches.search(tuner).records.trials  # of one hand, lost twice, then halved
        self.assertLen(records, 2)
        (failed,) = (record for record in records if record.status == "FAILED")
        (deadly,) = (record for record in records if record.values["units"] == 4)
        self.assertEqual(failed, deadly)
        self.assertIn("its worker died", failed.reason)

    @pytest.mark.long
    def test_a_stack_that_runs_out_of_memory_is_tried_again_smaller_in_a_new_process(self):
        hypermodel = searches.Hungry(self.folder)
        oracle = RandomOracle(searches.OBJECTIVE, max_trials=16, seed=1)
        tuner = searches.tuner_in(self.folder, oracle=oracle, hypermodel=hypermodel, workers=1)
        records = searches.search(tuner, epochs=1).records.trials
        self.assertLen({record.trial for record in records}, 16)
        self.assertEqual([record.status for record in records], ["COMPLETED"] * 16)
        self.assertGreater(len(searches.processes_of(self.folder)), 1)


if __name__ == "__main__":
    tf.test.main()
