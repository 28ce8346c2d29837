"""Hyperband has the paper's brackets, keeps places for those that go on, survives failures."""

import collections
import math

import tensorflow as tf
from absl.testing import parameterized

from tests.tuning.oracles.searching import Folder, make, run
from tests.tuning.spaces import classifier
from tuning.oracles import HyperbandOracle


class HyperbandTest(tf.test.TestCase, parameterized.TestCase):
    def run_search(self, at_a_time=1, score=None, **arguments):
        oracle = make("hyperband", classifier(), Folder(self).new(), **arguments)
        run(oracle, at_a_time, score or (lambda values: values["learning_rate"]))
        self.trials = [oracle.trials[trial_id] for trial_id in oracle.start_order]
        return oracle

    def rungs(self):
        """Trials by bracket and round."""
        rungs = collections.defaultdict(list)
        for trial in self.trials:
            values = trial.hyperparameters.values
            rungs[values["tuner/bracket"], values["tuner/round"]].append(trial)
        return rungs

    def test_brackets_are_the_papers(self):
        oracle = HyperbandOracle("val_accuracy", max_epochs=81)
        self.assertEqual(
            [oracle.bracket_sizes(bracket) for bracket in (4, 3, 2, 1, 0)],
            [[81, 27, 9, 3, 1], [34, 11, 3, 1], [15, 5, 1], [8, 2], [5]],
        )

    @parameterized.parameters(1, 3, 50)
    def test_one_sweep_without_a_budget(self, at_a_time):
        self.run_search(at_a_time, max_trials=None)
        sizes = {place: len(trials) for place, trials in self.rungs().items()}
        self.assertEqual(sizes, {(2, 0): 9, (2, 1): 3, (2, 2): 1, (1, 0): 5, (1, 1): 1, (0, 0): 3})

    @parameterized.parameters(1, 4, 100)
    def test_a_budget_keeps_places_for_the_trials_that_go_on(self, at_a_time):
        self.run_search(at_a_time, max_trials=32)
        self.assertLen(self.trials, 32)
        rungs = self.rungs()
        self.assertGreaterEqual(len(rungs[2, 1]), 3)
        self.assertGreaterEqual(len(rungs[2, 2]), 1)

    @parameterized.parameters(*range(1, 14))
    def test_however_small_the_budget_something_is_trained_to_the_end(self, max_trials):
        self.run_search(3, max_trials=max_trials)
        self.assertLen(self.trials, max_trials)
        longest = max(trial.hyperparameters.values["tuner/epochs"] for trial in self.trials)
        self.assertEqual(longest, 9)

    def test_the_best_go_on_from_where_they_were(self):
        oracle = self.run_search(9, max_trials=13)
        first, second = self.rungs()[2, 0], self.rungs()[2, 1]
        best = sorted(first, key=lambda trial: trial.score)[-3:]
        past = {trial.hyperparameters.values["tuner/trial_id"] for trial in second}
        self.assertEqual(past, {trial.trial_id for trial in best})
        for trial in second:
            values = trial.hyperparameters.values
            before = oracle.trials[values["tuner/trial_id"]].hyperparameters.values
            self.assertEqual(values["tuner/initial_epoch"], before["tuner/epochs"])
            self.assertEqual(values["learning_rate"], before["learning_rate"])
            self.assertEqual((before["tuner/epochs"], values["tuner/epochs"]), (1, 3))

    @parameterized.parameters(1, 9)
    def test_failures_count_as_worst_and_the_others_go_on(self, at_a_time):
        self.run_search(
            at_a_time, lambda v: math.nan if v["learning_rate"] < 0.02 else 1.0, max_trials=13
        )
        statuses = [trial.status for trial in self.rungs()[2, 0]]
        self.assertGreater(statuses.count("FAILED"), 2)
        self.assertLen(self.rungs()[2, 1], min(3, statuses.count("COMPLETED")))

    @parameterized.parameters(
        ({"max_epochs": 0}, "max_epochs must be a positive integer. Received: max_epochs=0"),
        ({"max_trials": 0}, "max_trials must be a positive integer. Received: max_trials=0"),
    )
    def test_what_cannot_be_is_refused(self, arguments, message):
        with self.assertRaisesRegex(ValueError, message):
            HyperbandOracle("val_accuracy", **arguments)
