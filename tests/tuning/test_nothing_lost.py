"""What keras-tuner loses around a search, and `OneByOneTuner` does not."""

import csv
import errno
import json
import resource
import warnings
from pathlib import Path

import keras
import keras_tuner
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

from tuning import OneByOneTuner
from tuning.garbage import frozen_heap
from tuning.oracles import HyperbandOracle, QuasiRandomOracle, RandomOracle

OBJECTIVE = keras_tuner.Objective("val_loss", "min")


def build(hp):
    """A model with all that a state must hold: momentum, moving averages, a seed generator."""
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(4, use_bias=False),
            keras.layers.BatchNormalization(momentum=0.9),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(2),
        ]
    )
    model.compile(
        keras.optimizers.SGD(hp.Float("learning_rate", 0.01, 0.1, sampling="log"), momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=True,  # a few steps are not worth tracing
    )
    return model


class NothingLostTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)
        self.x = np.random.default_rng(0).normal(size=(32, 2)).astype(np.float32)
        self.labels = (self.x[:, 0] > 0).astype(np.int64)

    def tuner(self, oracle=None, builder=build, **arguments):
        oracle = oracle or RandomOracle(OBJECTIVE, max_trials=3, seed=1)
        where = {"directory": self.folder, "project_name": "search"}
        return OneByOneTuner(oracle, builder, **where | arguments)

    def search(self, tuner, x=None, **arguments):
        x = self.x if x is None else x
        data = {"validation_data": (self.x, self.labels), "epochs": 2, "shuffle": False}
        tuner.search(x, self.labels, verbose=0, **data | arguments)
        return tuner

    def curves(self):
        with (self.folder / "search" / "curves.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    def hyperband(self):
        return HyperbandOracle(OBJECTIVE, max_epochs=9, factor=3, max_trials=13, seed=0)

    @parameterized.parameters(1, 2)
    @pytest.mark.long(but=1)
    def test_a_promoted_trial_trains_as_if_it_had_never_stopped(self, executions):
        tuner = self.search(self.tuner(self.hyperband(), executions_per_trial=executions))
        longest = max(self.curves(), key=lambda row: int(row["epoch"]))["trial"]
        rows = [row for row in self.curves() if row["trial"] == longest]
        trial = tuner.oracle.trials[longest]
        generator = np.random.default_rng([0, int(longest)])
        keras.utils.set_random_seed(int(generator.integers(2**31)))
        undisturbed = build(trial.hyperparameters)
        history = undisturbed.fit(self.x, self.labels, epochs=9, shuffle=False, verbose=0)
        for execution in range(1, executions + 1):
            mine = [r for r in rows if r.get("execution", str(execution)) == str(execution)]
            losses = [float(row["loss"]) for row in mine]
            self.assertLen(losses, 9)
            if execution == 1:  # what the second one draws depends on where the first stopped
                self.assertAllClose(losses, history.history["loss"], rtol=1e-5)

    @pytest.mark.long
    def test_keras_tuner_alone_loses_the_optimisers_state_of_a_promoted_trial(self):
        begun_with = []

        class Look(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):  # noqa: ARG002
                if self.first:
                    begun_with.append((epoch, int(self.model.optimizer.iterations)))
                self.first = False

            def on_train_begin(self, logs=None):  # noqa: ARG002
                self.first = True

            def __deepcopy__(self, memo):
                return Look()

        where = {"directory": self.folder, "project_name": "search"}
        alone = keras_tuner.Hyperband(build, OBJECTIVE, max_epochs=9, seed=1, **where)
        alone.oracle.max_trials = 13  # one bracket, as below
        with frozen_heap(), warnings.catch_warnings(action="ignore"):  # what is not loaded
            self.search(alone, callbacks=[Look()], epochs=9)
        self.assertEqual(begun_with.count((1, 0)), 3)  # an epoch here is a step
        begun_with.clear()
        where = {"directory": self.folder, "project_name": "ours"}
        ours = OneByOneTuner(self.hyperband(), build, **where)
        self.search(ours, callbacks=[Look()])
        self.assertEqual(begun_with.count((1, 1)), 3)
        self.assertIn((3, 3), begun_with)

    def test_states_are_there_while_needed_and_gone_in_the_end(self):
        seen = []

        def look(_):
            seen.append(len(list(self.folder.glob("search/trial_*/state-*.npz"))))

        self.search(self.tuner(self.hyperband(), on_trial=look))
        self.assertBetween(max(seen), 3, 9)
        self.assertLess(seen[11], max(seen))
        self.assertEmpty(list(self.folder.glob("search/trial_*/state-*.npz")))

    def test_executions_keep_their_own_curves_and_scores(self):
        tuner = self.search(self.tuner(executions_per_trial=2))
        for record in tuner.records.trials:
            rows = [row for row in self.curves() if row["trial"] == record.trial]
            own = [
                min(float(row["val_loss"]) for row in rows if row["execution"] == execution)
                for execution in ("1", "2")
            ]
            self.assertNotEqual(*own)
            self.assertAllClose(record.scores, own)
            self.assertAllClose(record.score, np.mean(own))
        again = self.tuner(executions_per_trial=2)
        self.assertEqual(again.records.trials, tuner.records.trials)

    def test_only_the_best_few_keep_their_weights(self):
        oracle = RandomOracle(OBJECTIVE, max_trials=6, seed=1)
        tuner = self.search(self.tuner(oracle, checkpoints=2))
        kept = {path.parent.name for path in self.folder.glob("search/trial_*/checkpoint*")}
        best = sorted(tuner.records.trials, key=lambda record: record.score)[:2]
        self.assertEqual(kept, {f"trial_{record.trial}" for record in best})
        models = tuner.get_best_models(2)
        for model, record in zip(models, best, strict=True):
            loss = model.evaluate(self.x, self.labels, verbose=0)
            self.assertAllClose(loss, record.score, rtol=1e-5)
        with self.assertRaisesRegex(ValueError, "num_models must be at most checkpoints=2"):
            tuner.get_best_models(3)

    def test_checkpoints_stay_the_best_few_over_several_sittings(self):
        for trials in (2, 4, 6):
            oracle = RandomOracle(OBJECTIVE, max_trials=trials, seed=1)
            tuner = self.search(self.tuner(oracle, checkpoints=2))
        kept = {path.parent.name for path in self.folder.glob("search/trial_*/checkpoint*")}
        best = sorted(tuner.records.trials, key=lambda record: record.score)[:2]
        self.assertEqual(kept, {f"trial_{record.trial}" for record in best})

    def test_more_trials_extend_a_finished_search(self):
        self.search(self.tuner())
        more = RandomOracle(OBJECTIVE, max_trials=5, seed=1)
        extended = self.search(self.tuner(more)).records.trials
        whole = self.search(
            self.tuner(RandomOracle(OBJECTIVE, max_trials=5, seed=1), project_name="whole")
        )
        self.assertEqual([r.values for r in extended], [r.values for r in whole.records.trials])
        self.assertAllClose(
            [r.score for r in extended], [r.score for r in whole.records.trials], rtol=1e-5
        )

    def test_another_strategy_or_space_is_refused_with_the_difference(self):
        self.search(self.tuner())
        with self.assertRaisesRegex(
            ValueError, "strategy: RandomOracle there, QuasiRandomOracle now.*overwrite=True"
        ):
            self.tuner(QuasiRandomOracle(OBJECTIVE, max_trials=3))
        with self.assertRaisesRegex(ValueError, "direction: min there, max now"):
            self.tuner(RandomOracle(keras_tuner.Objective("val_loss", "max"), max_trials=3))
        with self.assertRaisesRegex(ValueError, "executions_per_trial: 1 there, 2 now"):
            self.tuner(executions_per_trial=2)

        def wider(hp):
            hp.Float("learning_rate", 0.001, 0.1, sampling="log")
            hp.Int("units", 1, 3)
            return build(hp)

        with self.assertRaisesRegex(
            ValueError, "learning_rate.low: 0.01 there, 0.001 now; units: only now"
        ):
            self.tuner(builder=wider)
        self.tuner(builder=wider, overwrite=True)

    def test_keras_tuner_alone_silently_ignores_a_changed_space(self):
        def search(low):
            def narrow(hp):
                hp.Float("learning_rate", low, 1.0, sampling="log")
                return build(hp)

            where = {"directory": self.folder, "project_name": "search"}
            tuner = keras_tuner.RandomSearch(narrow, OBJECTIVE, max_trials=1, seed=1, **where)
            return self.search(tuner).oracle.hyperparameters.space[0].min_value

        self.assertEqual((search(0.01), search(0.1)), (0.01, 0.01))

    def test_other_data_or_epochs_are_refused_with_the_difference(self):
        self.search(self.tuner())
        with self.assertRaisesRegex(ValueError, r"data: .* there, .* now"):
            self.search(self.tuner(), x=self.x + 1)
        with self.assertRaisesRegex(ValueError, r'fit: \{"epochs": 2.* there'):
            self.search(self.tuner(), epochs=3)
        self.search(self.tuner(), callbacks=[keras.callbacks.TerminateOnNaN()])

    def test_a_disk_that_is_full_ends_the_search_and_is_no_failed_trial(self):
        class Full(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):  # noqa: ARG002
                raise OSError(errno.ENOSPC, "No space left on device")

        with self.assertRaisesRegex(OSError, "No space left"):
            self.search(self.tuner(), callbacks=[Full()])
        again = self.search(self.tuner())
        self.assertEqual([r.status for r in again.records.trials], ["COMPLETED"] * 3)

    def test_a_disk_that_is_full_of_weights_ends_the_search_and_not_the_process(self):
        def heavy(hp):
            model = build(hp)
            model.add(keras.layers.Dense(2_500))
            model.add(keras.layers.Dense(20, use_bias=False))
            return model

        unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, unlimited[1]))
        try:
            with self.assertRaisesRegex(OSError, "too large"):
                self.search(self.tuner(builder=heavy))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        self.assertEmpty(list(self.folder.glob("search/trial_*/*weights*")))
        again = self.search(self.tuner(builder=heavy))
        self.assertEqual([r.status for r in again.records.trials], ["COMPLETED"] * 3)
        again.get_best_models()

    def test_a_file_that_a_builder_cannot_find_fails_its_trial_only(self):
        def careless(hp):
            model = build(hp)
            if hp.get("learning_rate") > 0.03:
                Path("/no such file").read_text()
            return model

        oracle = RandomOracle(OBJECTIVE, max_trials=5, seed=1)
        trials = self.search(self.tuner(oracle, careless)).records.trials
        self.assertEqual({record.status for record in trials}, {"COMPLETED", "FAILED"})
        self.assertIn("No such file", " ".join(record.reason for record in trials))

    def test_a_garbage_mark_of_the_tuner_and_a_garbage_state_do_no_harm(self):
        first = self.search(self.tuner()).records.trials
        for name in ("tuner0.json", "oracle.json"):
            (self.folder / "search" / name).write_text('{"half": ')
        self.assertEqual(self.tuner().records.trials, first)
        with self.assertRaises(json.JSONDecodeError):
            keras_tuner.RandomSearch(build, OBJECTIVE, directory=self.folder, project_name="search")

    @parameterized.parameters("[]", '{"hyperparameters": 3}', '{"hyperparameters": [3]}')
    def test_a_garbage_description_of_the_search_does_no_harm(self, content):
        self.search(self.tuner())
        path = self.folder / "search" / "search.json"
        whole = path.read_text()
        path.write_text(content)
        self.search(self.tuner())
        self.assertEqual(path.read_text(), whole)

    def test_weights_that_are_damaged_or_gone_are_named(self):
        tuner = self.search(self.tuner(checkpoints=1))
        (path,) = self.folder.glob("search/trial_*/checkpoint*")
        path.write_text("garbage")
        with self.assertRaisesRegex(ValueError, "checkpoint.weights.h5 does not hold .* damaged"):
            tuner.get_best_models()
        path.unlink()
        with self.assertRaisesRegex(ValueError, "files were removed"):
            self.tuner(checkpoints=1).get_best_models()

    def test_a_trial_that_is_retried_is_recorded_once(self):
        failures = []

        def moody(hp):
            model = build(hp)
            if len(failures) < 1 and hp.get("learning_rate") != 0.01:
                failures.append(1)
                raise ValueError("not today")
            return model

        oracle = RandomOracle(OBJECTIVE, max_trials=2, seed=1, max_retries_per_trial=1)
        trials = self.search(self.tuner(oracle, moody)).records.trials
        self.assertEqual([record.status for record in trials], ["COMPLETED"] * 2)
        self.assertLen(self.curves(), 4)

    def test_reload_shows_what_another_process_did_even_if_its_builder_showed_more_since(self):
        def reticent(hp):
            model = build(hp)
            if hp.get("learning_rate") != 0.01:  # the first value, of which it is asked its space
                hp.Int("late", 1, 3)
            return model

        looking = self.tuner(builder=reticent)
        first = self.search(self.tuner(builder=reticent)).records.trials
        for _ in range(2):
            looking.reload()
            self.assertEqual(looking.records.trials, first)

    def test_any_keras_tuner_oracle_is_served(self):
        oracle = keras_tuner.oracles.RandomSearchOracle(OBJECTIVE, max_trials=2, seed=1)
        first = self.search(self.tuner(oracle)).records.trials
        oracle = keras_tuner.oracles.RandomSearchOracle(OBJECTIVE, max_trials=3, seed=1)
        again = self.search(self.tuner(oracle)).records.trials
        self.assertEqual([r.values for r in again[:2]], [r.values for r in first])
        self.assertLen(again, 3)


if __name__ == "__main__":
    tf.test.main()
