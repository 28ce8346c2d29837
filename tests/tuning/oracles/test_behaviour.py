"""What every oracle does, with made-up scores and no training."""

import itertools
import math

import keras_tuner
import tensorflow as tf
from absl.testing import parameterized

from tests.tuning.oracles.searching import (
    ORACLES,
    Folder,
    bowl,
    end,
    hand_out,
    is_json,
    make,
    run,
    values_of,
)
from tests.tuning.spaces import CLASSIFIER, classifier, foreign, small
from tuning import own_values
from tuning.oracles import unit_cube

NAMES = tuple(ORACLES)
BAD = (math.nan, math.inf, -math.inf)
each_oracle = parameterized.parameters(*NAMES)


class BehaviourTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Folder(self)

    def make(self, name, hp=None, **arguments):
        return make(name, hp or classifier(), self.folder.new(), **arguments)

    @each_oracle
    def test_stays_in_the_space(self, name):
        for values in values_of(run(self.make(name, max_trials=40), 4)):
            hp = classifier()
            hp.values = values
            for own, value in CLASSIFIER.values(hp).items():
                in_range = CLASSIFIER[own].range.contains(value)
                self.assertTrue(in_range or value == CLASSIFIER[own].default, f"{own}={value}")

    @parameterized.product(name=NAMES, at_a_time=(1, 4, 100), max_trials=(1, 7, 30))
    def test_keeps_the_budget(self, name, at_a_time, max_trials):
        oracle = run(self.make(name, max_trials=max_trials), at_a_time)
        if name == "grid":
            self.assertBetween(len(oracle.trials), max_trials / 2, max_trials)
        else:
            self.assertLen(oracle.trials, max_trials)
        self.assertEqual({trial.status for trial in oracle.trials.values()}, {"COMPLETED"})

    @parameterized.product(name=NAMES, at_a_time=(1, 5))
    def test_the_same_seed_gives_the_same_trials(self, name, at_a_time):
        one, other = (run(self.make(name, seed=3), at_a_time) for _ in range(2))
        self.assertEqual(values_of(one), values_of(other))

    @parameterized.parameters("random", "quasi_random", "grid")
    def test_trials_do_not_depend_on_how_many_are_handed_out_at_a_time(self, name):
        one, many, all_at_once = (run(self.make(name), number) for number in (1, 6, 50))
        self.assertEqual(values_of(one), values_of(many))
        self.assertEqual(values_of(one), values_of(all_at_once))

    @parameterized.product(
        name=("coarse_to_fine", "by_priority"), numbers=((1, 3), (4, 50)), objective=("min", "max")
    )
    def test_a_round_does_not_depend_on_how_many_are_handed_out_at_a_time(
        self, name, numbers, objective
    ):
        objective = keras_tuner.Objective("score", objective)
        one, other = (run(self.make(name, objective=objective), number) for number in numbers)
        self.assertEqual(values_of(one), values_of(other))

    @parameterized.product(name=NAMES, at_a_time=(1, 5))
    def test_to_minimise_is_to_maximise_the_negative(self, name, at_a_time):
        small_is_good = self.make(name, objective=keras_tuner.Objective("score", "min"))
        run(small_is_good, at_a_time, lambda values: -bowl(values))
        large_is_good = run(self.make(name), at_a_time)
        self.assertEqual(values_of(small_is_good), values_of(large_is_good))

    @each_oracle
    def test_zero_is_a_seed(self, name):
        one, other = (self.make(name, seed=0) for _ in range(2))
        self.assertEqual(one.seed, 0)
        self.assertEqual(values_of(run(one)), values_of(run(other)))

    @each_oracle
    def test_different_seeds_do_not_overlap(self, name):
        searches = [values_of(run(self.make(name, seed=seed))) for seed in (0, 1, 2, 3)]
        for one, other in itertools.combinations(searches, 2):
            self.assertNotEqual(one, other)
            if name != "grid":  # a seed only shuffles it
                self.assertFalse(any(values in other for values in one))

    @each_oracle
    def test_no_seed_draws_one_and_keeps_it(self, name):
        oracle = self.make(name, seed=None)
        self.assertEqual(oracle.get_state()["seed"], oracle.seed)

    @parameterized.product(name=NAMES, seed=(-1, 2**32, 1.5, "1", True))
    def test_a_seed_that_is_none_is_refused(self, name, seed):
        with self.assertRaisesRegex(
            ValueError, r"seed must be an integer from 0 .* Received: seed="
        ):
            self.make(name, seed=seed)

    @parameterized.product(name=NAMES, bad=BAD, direction=("min", "max"))
    def test_a_score_that_is_not_finite_is_a_failed_trial_with_its_reason(
        self, name, bad, direction
    ):
        objective = keras_tuner.Objective("score", direction)
        count = itertools.count()
        oracle = self.make(name, objective=objective)
        run(oracle, 3, lambda values: bad if next(count) % 3 == 1 else bowl(values))
        failed = [trial for trial in oracle.trials.values() if trial.status == "FAILED"]
        self.assertGreaterEqual(len(failed), 4)
        for trial in failed:
            self.assertRegex(trial.message, rf"score must be finite. Received: score={bad}\.")
            self.assertIsNone(trial.score)
        self.assertTrue(math.isfinite(oracle.get_best_trials()[0].score))

    @parameterized.parameters("val_accuracy", "loss")
    def test_metrics_have_the_directions_and_the_order_that_keras_tuner_gives_them(self, objective):
        reported = {"loss": 1.0, "accuracy": 0.5, "own": 2.0, "val_loss": 1.0, "val_accuracy": 0.5}
        objective = keras_tuner.Objective(objective, "max")
        ours = self.make("random", objective=objective)
        theirs = keras_tuner.oracles.RandomSearchOracle(objective, 20, hyperparameters=classifier())
        theirs._set_project_dir(self.folder.new(), "search")
        metrics = []
        for oracle in (ours, theirs):
            trial = oracle.create_trial("tuner")
            metrics.append(oracle.update_trial(trial.trial_id, reported).metrics.metrics)
        directions = [[(name, own.direction) for name, own in each.items()] for each in metrics]
        self.assertEqual(*directions)
        self.assertLen(directions[0], len(reported))

    @parameterized.product(name=NAMES, bad=BAD)
    def test_ten_such_scores_in_a_row_do_not_end_the_search(self, name, bad):
        count = itertools.count()
        oracle = self.make(name, max_trials=30)
        run(oracle, 2, lambda values: bad if next(count) < 10 else bowl(values))
        self.assertGreater(len(oracle.trials), 20)
        self.assertEqual(sum(t.status == "FAILED" for t in oracle.trials.values()), 10)

    @parameterized.product(name=NAMES, at_a_time=(1, 8))
    def test_a_search_of_failures_only_comes_to_its_end(self, name, at_a_time):
        oracle = run(self.make(name), at_a_time, lambda _: math.nan)
        self.assertGreaterEqual(len(oracle.trials), 16)

    @each_oracle
    def test_an_epoch_that_is_not_finite_does_not_hide_the_others(self, name):
        oracle = self.make(name)
        (trial,), _ = hand_out(oracle, 1)
        for step, score in enumerate([math.nan, 0.25, math.inf, 0.5, 0.125]):
            oracle.update_trial(trial.trial_id, {"score": score}, step=step)
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
        trial = oracle.trials[trial.trial_id]
        self.assertEqual((trial.status, trial.score, trial.best_step), ("COMPLETED", 0.5, 3))

    @each_oracle
    def test_trials_that_crash_in_a_row_end_the_search(self, name):
        oracle = self.make(name)
        trials, _ = hand_out(oracle, 3)
        with self.assertRaisesRegex(RuntimeError, "max_consecutive_failed_trials must be .*\nhere"):
            for trial in trials:
                trial.status, trial.message = "INVALID", "here"
                oracle.end_trial(trial)

    @parameterized.product(name=NAMES, ended=(0, 1, 5, 9, 14), running=(0, 3))
    def test_a_search_restored_at_any_point_has_the_same_future(self, name, ended, running):
        oracle = self.make(name, seed=7, saves=True)
        for _ in range(ended):
            (trial,), _ = hand_out(oracle, 1)
            end(oracle, trial, bowl(own_values(trial.hyperparameters)))
        interrupted, _ = hand_out(oracle, running)
        oracle.save()
        self.assertTrue(is_json(oracle.get_state()))
        copy = make(name, classifier(), self.folder.copy(oracle._directory), seed=1)
        copy.reload()
        again, _ = hand_out(copy, len(interrupted))
        self.assertCountEqual([t.trial_id for t in again], [t.trial_id for t in interrupted])
        for each in (oracle, copy):
            for trial in interrupted:
                trial = each.trials[trial.trial_id]
                end(each, trial, bowl(own_values(trial.hyperparameters)))
            run(each)
        self.assertEqual(values_of(copy), values_of(oracle))
        scores = ([t.trials[i].score for i in t.start_order] for t in (oracle, copy))
        self.assertAllEqual(*scores)

    @each_oracle
    def test_a_reloaded_search_with_more_trials_goes_on(self, name):
        oracle = run(self.make(name, max_trials=10, saves=True))
        oracle.save()
        more = make(name, classifier(), self.folder.copy(oracle._directory), max_trials=25)
        more.reload()
        first, everything = values_of(oracle), values_of(run(more))
        self.assertEqual(everything[: len(first)], first)
        if name != "grid":
            self.assertLen(everything, 25)

    @parameterized.product(name=NAMES, at_a_time=(1, 7))
    def test_trials_are_distinct_where_the_space_allows_it(self, name, at_a_time):
        oracle = run(self.make(name, small(), max_trials=30), at_a_time)
        tried = [
            tuple(sorted(own_values(trial.hyperparameters).items()))
            for trial in oracle.trials.values()
            if "tuner/trial_id" not in trial.hyperparameters.values
        ]
        self.assertLen(set(tried), len(tried))

    @parameterized.product(name=NAMES, at_a_time=(1, 7))
    def test_a_small_discrete_space_is_covered_completely_and_then_the_search_stops(
        self, name, at_a_time
    ):
        oracle = run(self.make(name, small(), max_trials=500), at_a_time)
        tried = {
            tuple(sorted(own_values(trial.hyperparameters).items()))
            for trial in oracle.trials.values()
        }
        self.assertLen(tried, 36)
        if name != "hyperband":
            self.assertLen(oracle.trials, 36)

    @parameterized.product(name=NAMES, at_a_time=(1, 5))
    def test_a_foreign_builder_with_conditions_is_served(self, name, at_a_time):
        oracle = run(self.make(name, foreign(), max_trials=30), at_a_time)
        self.assertGreaterEqual(len(oracle.trials), 15)
        for trial in oracle.trials.values():
            hp = trial.hyperparameters
            active = {each.name for each in hp.space if unit_cube.is_active(each, hp.values)}
            self.assertEqual({n for n in hp.values if not n.startswith("tuner/")}, active)
            own = own_values(hp)
            self.assertEqual(own["classes"], 10)
            self.assertIn(own.get("rate", 0.1), (0.1, 0.2, 0.30000000000000004, 0.4, 0.5))
            self.assertBetween(own.get("units", 16), 16, 1024)
            self.assertBetween(own.get("momentum", 0.9), 0.9, 0.999)

    @parameterized.parameters(*(name for name in NAMES if name != "grid"))
    def test_what_a_builder_shows_late_joins_the_search(self, name):
        hp = keras_tuner.HyperParameters()
        hp.Float("learning_rate", 1e-4, 1.0, sampling="log")
        oracle = self.make(name, hp, max_trials=30)
        for _ in range(30):
            (trial,), _ = hand_out(oracle, 1)
            trial.hyperparameters.Int("units", 1, 1000)
            end(oracle, trial, bowl(trial.hyperparameters.values))
        units = {values["units"] for values in values_of(oracle)}
        self.assertGreater(len(units), 5)

    @each_oracle
    def test_a_builder_without_hyperparameters_is_tried_once(self, name):
        oracle = run(self.make(name, keras_tuner.HyperParameters(), max_trials=5), 3)
        fresh = [t for t in oracle.trials.values() if "tuner/trial_id" not in t.hyperparameters]
        self.assertLen(fresh, 1)

    @each_oracle
    def test_idle_means_that_trials_are_running(self, name):
        oracle = self.make(name, max_trials=40)
        trials, status = hand_out(oracle, 100)
        self.assertIn(status, ("IDLE", "STOPPED"))
        self.assertNotEmpty(trials)
        asked_again = oracle.create_trial("another")
        self.assertEqual(asked_again.status, status)
        for trial in reversed(trials):
            end(oracle, trial, 1.0)
        run(oracle, 100)
