"""`WorkersTuner` comes to what `StackedTuner` comes to."""

from pathlib import Path

import keras
import keras_tuner
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

from tests.tuning.search_files import rows_of
from tests.tuning.workers import searches
from tests.tuning.workers.searches import OBJECTIVE
from tuning import OneByOneTuner, StackedTuner, WorkersTuner
from tuning.oracles import (
    CoarseToFineOracle,
    GivenOracle,
    GridOracle,
    HyperbandOracle,
    QuasiRandomOracle,
    RandomOracle,
)
from tuning.pruning import MedianRule

VALUES = [{"units": units, "learning_rate": 0.05} for units in (3, 4, 5, 6)]
ORACLES = {
    "random": lambda: RandomOracle(OBJECTIVE, max_trials=8, seed=1),
    "quasi_random": lambda: QuasiRandomOracle(OBJECTIVE, max_trials=5, seed=1),
    "grid": lambda: GridOracle(OBJECTIVE, max_trials=6, seed=1),
    "given": lambda: GivenOracle(OBJECTIVE, values=VALUES, seed=1),
}


class Careless(searches.Tame):
    """Raises for five units."""

    def misbehave(self, units):
        if units == 5:
            raise keras_tuner.errors.FailedTrialError("five is not liked")


class Choosy(searches.Tame):
    """Raises for all but the default values."""

    def build(self, hp):
        if hp.Float("learning_rate", 0.01, 0.1, sampling="log") != 0.01:
            raise ValueError("it is not liked")
        return super().build(hp)


class Fatal(searches.Tame):
    """Ends the search of whoever builds four units."""

    def misbehave(self, units):
        if units == 4:
            raise keras_tuner.errors.FatalError("no search can go on with four")


class WorkersTunerTest(searches.WithWorkers, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.others = Path(self.create_tempdir().full_path)

    def both(self, make_oracle=ORACLES["random"], hypermodel=searches.Tame, epochs=3, **arguments):
        """The same search with workers and without."""
        ours, theirs = (
            searches.search(
                searches.tuner_in(folder, kind, make_oracle(), hypermodel(folder), **arguments),
                epochs,
            )
            for folder, kind in ((self.folder, WorkersTuner), (self.others, StackedTuner))
        )
        return ours, theirs

    def rows(self, folder):
        rows = rows_of(folder, "curves.csv")
        return sorted(rows, key=lambda r: (r["trial"], r.get("execution"), int(r["epoch"])))

    def assert_equal_searches(self, ours, theirs):
        by_name = [{r.trial: r for r in tuner.records.trials} for tuner in (ours, theirs)]
        self.assertEqual({*by_name[0]}, {*by_name[1]})
        for name, record in by_name[0].items():
            other = by_name[1][name]
            for field in ("status", "values", "best_epoch", "reason"):
                self.assertEqual(getattr(record, field), getattr(other, field))
            self.assertAllClose(record.scores, other.scores, rtol=1e-4)
        for row, other in zip(self.rows(self.folder), self.rows(self.others), strict=True):
            self.assertEqual((row["trial"], row["epoch"]), (other["trial"], other["epoch"]))
            self.assertAllClose(float(row["val_loss"]), float(other["val_loss"]), rtol=1e-4)
        self.assertEqual(ours.report, theirs.report)

    @parameterized.parameters(*ORACLES)
    @pytest.mark.long(but=1)
    def test_trials_scores_and_curves_are_those_without_workers(self, oracle):
        ours, theirs = self.both(ORACLES[oracle])
        self.assertNotEmpty(searches.processes_of(self.folder))
        self.assert_equal_searches(ours, theirs)

    def test_executions_and_the_best_models_are_those_without_workers(self):
        ours, theirs = self.both(executions_per_trial=2, checkpoints=2)
        self.assert_equal_searches(ours, theirs)
        for one, other in zip(ours.get_best_models(2), theirs.get_best_models(2), strict=True):
            self.assertAllClose(one.get_weights(), other.get_weights(), rtol=1e-3, atol=1e-5)
        self.assertLen(list(self.folder.glob("search/trial_*/checkpoint*")), 2)

    @pytest.mark.long
    def test_a_promoted_trial_goes_on_from_its_state_in_whatever_worker(self):
        def hyperband():
            return HyperbandOracle(OBJECTIVE, max_epochs=9, factor=3, max_trials=13, seed=0)

        ours = searches.search(searches.tuner_in(self.folder, oracle=hyperband()))
        longest = max(self.rows(self.folder), key=lambda row: int(row["epoch"]))["trial"]
        losses = [float(r["loss"]) for r in self.rows(self.folder) if r["trial"] == longest]
        self.assertLen(losses, 9)
        values = ours.oracle.trials[longest].hyperparameters.values
        fixed = keras_tuner.HyperParameters()
        for name in ("units", "learning_rate"):
            fixed.Fixed(name, values[name])
        once = searches.tuner_in(
            self.others,
            StackedTuner,
            RandomOracle(OBJECTIVE, max_trials=1, hyperparameters=fixed),
        )
        once._seed_of = lambda *_: ours._seed_of(ours.oracle.trials[longest])
        searches.search(once, epochs=9)
        undisturbed = [float(row["loss"]) for row in self.rows(self.others)]
        self.assertAllClose(losses, undisturbed, rtol=1e-4)
        self.assertEmpty(list(self.folder.glob("search/trial_*/state-*.npz")))

    @pytest.mark.long
    def test_an_oracle_that_learns_keeps_its_budget(self):
        oracle = CoarseToFineOracle(OBJECTIVE, max_trials=12, seed=1)
        tuner = searches.search(searches.tuner_in(self.folder, oracle=oracle))
        self.assertLen({record.trial for record in tuner.records.trials}, 12)

    def test_trials_that_cannot_be_built_fail_with_their_own_reason(self):
        ours, theirs = self.both(hypermodel=Careless)
        self.assert_equal_searches(ours, theirs)
        self.assertIn("five is not liked", {r.reason.split(": ")[-1] for r in ours.records.trials})

    @pytest.mark.long
    def test_a_search_whose_trials_all_crash_ends_before_it_has_tried_them_all(self):
        oracle = RandomOracle(OBJECTIVE, max_trials=12, seed=1)
        hypermodel = Choosy(self.folder)
        tuner = searches.tuner_in(self.folder, WorkersTuner, oracle, hypermodel, stack_size=2)
        with self.assertRaisesRegex(RuntimeError, "3 trials in a row crashed"):
            searches.search(tuner)
        self.assertLess(len(oracle.start_order), 12)

    def test_what_is_fatal_to_a_search_ends_it(self):
        tuner = searches.tuner_in(self.folder, hypermodel=Fatal(self.folder))
        with self.assertRaisesRegex(keras_tuner.errors.FatalError, "no search can go on"):
            searches.search(tuner)

    @pytest.mark.long
    def test_what_cannot_be_stacked_is_trained_by_fit_and_said(self):
        tuner = searches.search(
            searches.tuner_in(self.folder), validation_freq=1, steps_per_epoch=2
        )
        self.assertEqual(tuner.report.ways, {"fit": 8})
        self.assertRegex(str(tuner.report), "steps_per_epoch")
        self.assertLen(self.rows(self.folder), 8 * 3)

    @pytest.mark.long
    def test_a_pruning_rule_ends_the_hopeless_of_each_worker(self):
        oracle = RandomOracle(OBJECTIVE, max_trials=16, seed=1)
        tuner = searches.tuner_in(self.folder, oracle=oracle, pruning=MedianRule(1, 2))
        pruned = [r for r in searches.search(tuner, 4).records.trials if "median" in r.reason]
        self.assertBetween(len(pruned), 2, 14)

    @pytest.mark.long
    def test_early_stopping_is_heeded(self):
        stop = [keras.callbacks.EarlyStopping("val_loss", patience=1, min_delta=0.02)]
        ours = searches.search(searches.tuner_in(self.folder), 8, callbacks=stop)
        theirs = searches.undisturbed(self.others, epochs=8, callbacks=stop)
        self.assert_equal_searches(ours, theirs)
        self.assertLess(len(self.rows(self.folder)), 8 * 8)

    @pytest.mark.long
    def test_a_search_with_workers_goes_on_without_and_the_other_way_round(self):
        for trials, kind in ((4, WorkersTuner), (8, StackedTuner), (12, WorkersTuner)):
            oracle = RandomOracle(OBJECTIVE, max_trials=trials, seed=1)
            tuner = searches.search(searches.tuner_in(self.folder, kind, oracle))
        whole = RandomOracle(OBJECTIVE, max_trials=12, seed=1)
        theirs = searches.search(searches.tuner_in(self.others, StackedTuner, whole))
        scores = [{int(r.trial): r.score for r in t.records.trials} for t in (tuner, theirs)]
        self.assertEqual({*scores[0]}, {*range(12)})
        for trial, score in scores[0].items():
            self.assertAllClose(score, scores[1][trial], rtol=1e-4)

    @parameterized.parameters(lambda data: (batch for batch in data), lambda data: data)
    def test_what_does_not_pickle_is_refused_in_one_sentence(self, given):
        data = tf.data.Dataset.from_tensors((searches.X, searches.LABELS))
        with self.assertRaisesRegex(ValueError, "hypermodel, data and callbacks must be picklable"):
            searches.tuner_in(self.folder).search(given(data), steps_per_epoch=1)

    @parameterized.parameters({"workers": 0}, {"worker_gpus": -1}, {"stack_seconds": -1})
    def test_what_makes_no_sense_is_refused(self, **arguments):
        (name,) = arguments
        with self.assertRaisesRegex(ValueError, f"{name} must be . or more. Received: {name}="):
            searches.tuner_in(self.folder, **arguments)

    def test_it_is_a_tuner_like_the_others(self):
        self.assertIsInstance(searches.tuner_in(self.folder), OneByOneTuner)
        np.testing.assert_array_less(1, searches.tuner_in(self.folder).stack_size)


if __name__ == "__main__":
    tf.test.main()
