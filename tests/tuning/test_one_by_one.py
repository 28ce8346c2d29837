import csv
import gc
import warnings
from pathlib import Path
from unittest import mock

import keras
import keras_tuner
import numpy as np
import tensorflow as tf

from tuning import OneByOneTuner, garbage
from tuning.oracles import HyperbandOracle, RandomOracle
from tuning.pruning import Pruning

OBJECTIVE = keras_tuner.Objective("val_accuracy", "max")


def build(hp):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, activation="softmax")])
    learning_rate = hp.Float("learning_rate", 1e-2, 1.0, sampling="log")
    hp.Choice("batch_size", [8, 16])
    model.compile(
        keras.optimizers.SGD(learning_rate, momentum=0.9),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        run_eagerly=True,  # a few steps are not worth tracing
    )
    return model


class DivergeAt(keras.callbacks.Callback):
    """Makes the loss of an epoch NaN for real: by weights that are no numbers."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):  # noqa: ARG002
        if epoch == self.epoch:
            self.model.set_weights([np.full_like(w, np.nan) for w in self.model.get_weights()])


class OneByOneTunerTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)
        self.x = np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)
        self.labels = (self.x[:, 0] > 0).astype(np.int64)

    def tuner(self, oracle=None, **arguments):
        oracle = oracle or RandomOracle(OBJECTIVE, max_trials=3, seed=1)
        where = {"directory": self.folder, "project_name": "search"}
        return OneByOneTuner(oracle, build, **where | arguments)

    def search(self, tuner, **arguments):
        data = {"validation_data": (self.x, self.labels), "epochs": 3}
        tuner.search(self.x, self.labels, verbose=0, **data | arguments)
        return tuner.records.trials

    def rows(self, name):
        with (self.folder / "search" / name).open(newline="") as file:
            return list(csv.DictReader(file))

    def test_trials_are_recorded_with_their_curves(self):
        seen = []
        trials = self.search(self.tuner(on_trial=seen.append))
        self.assertEqual(seen, trials)
        self.assertLen(trials, 3)
        curves = self.rows("curves.csv")
        for row, trial in zip(self.rows("trials.csv"), trials, strict=True):
            curve = [float(c["val_accuracy"]) for c in curves if c["trial"] == row["trial"]]
            self.assertLen(curve, 3)
            self.assertAllClose(float(row["score"]), max(curve))
            self.assertEqual(int(row["best_epoch"]), 1 + int(np.argmax(curve)))
            self.assertEqual(set(trial.values), {"learning_rate", "batch_size"})

    def test_the_same_seed_gives_the_same_scores(self):
        def losses(name):
            self.search(self.tuner(project_name=name))
            with (self.folder / name / "curves.csv").open() as file:
                return [float(row["loss"]) for row in csv.DictReader(file)]

        self.assertAllClose(losses("a"), losses("b"), rtol=1e-5)

    def test_a_trial_that_diverges_at_once_has_failed_and_ends_no_search(self):
        trials = self.search(self.tuner(), callbacks=[DivergeAt(0)])
        self.assertEqual([trial.status for trial in trials], ["FAILED"] * 3)
        self.assertEqual([trial.score for trial in trials], [None] * 3)
        self.assertIn("val_accuracy must be finite", trials[0].reason)
        self.assertLen(self.rows("curves.csv"), 3)  # no epoch after the first
        again = self.tuner()
        with self.assertRaisesRegex(ValueError, "no trial has a score; .*trials.csv says why"):
            again.get_best_models()

    def test_a_trial_that_diverges_later_keeps_its_best_epoch(self):
        trials = self.search(self.tuner(), callbacks=[DivergeAt(2)])
        curves = self.rows("curves.csv")
        for trial in trials:
            accuracies = [float(c["val_accuracy"]) for c in curves if c["trial"] == trial.trial]
            self.assertEqual(trial.status, "COMPLETED")
            self.assertAllClose(trial.score, max(accuracies[:2]))

    def test_the_score_is_that_of_an_epoch_after_which_it_was_measured(self):
        trials = self.search(self.tuner(), epochs=5, validation_freq=2)
        for trial in trials:
            rows = [row for row in self.rows("curves.csv") if row["trial"] == trial.trial]
            measured = {int(row["epoch"]): row["val_accuracy"] for row in rows}
            self.assertEqual([epoch for epoch in measured if measured[epoch]], [2, 4])
            best = max(float(measured[epoch]) for epoch in (2, 4))
            self.assertAllClose([trial.score, float(measured[trial.best_epoch])], [best, best])

    def test_a_fit_of_the_hypermodels_own_may_train_in_two_parts(self):
        class Own(keras_tuner.HyperModel):
            def build(self, hp):
                return build(hp)

            def fit(self, hp, model, *args, **kwargs):  # noqa: ARG002
                histories.extend(model.fit(*args, **kwargs).history["loss"] for _ in range(2))
                return {"val_accuracy": 0.5}

        histories = []
        where = {"directory": self.folder, "project_name": "search"}
        oracle = RandomOracle(OBJECTIVE, max_trials=1, seed=1)
        self.search(OneByOneTuner(oracle, Own(), **where))
        losses = [float(row["loss"]) for row in self.rows("curves.csv")]
        self.assertAllClose(losses, np.concatenate(histories))

    def test_a_fit_of_the_hypermodels_own_may_leave_the_callbacks_out(self):
        class Own(keras_tuner.HyperModel):
            def build(self, hp):
                return build(hp)

            def fit(self, hp, model, *args, callbacks, **kwargs):  # noqa: ARG002
                histories.append(model.fit(*args, **kwargs))
                return histories[-1]

        histories = []
        oracle = RandomOracle(OBJECTIVE, max_trials=2, seed=1)
        tuner = OneByOneTuner(oracle, Own(), directory=self.folder, project_name="search")
        for trial, own in zip(self.search(tuner), histories, strict=True):
            self.assertAllClose(trial.score, max(own.history["val_accuracy"]))

    def test_the_best_epoch_has_its_number_on_the_curve(self):
        for trial in self.search(self.tuner(), initial_epoch=4, epochs=7):
            rows = [row for row in self.rows("curves.csv") if row["trial"] == trial.trial]
            measured = {int(row["epoch"]): float(row["val_accuracy"]) for row in rows}
            self.assertEqual(sorted(measured), [5, 6, 7])
            self.assertAllClose(measured[trial.best_epoch], trial.score)

    def test_metrics_that_the_tuner_is_given_begin_anew_in_each_trial(self):
        def accuracies(name, metrics):
            self.search(self.tuner(project_name=name, metrics=metrics))
            with (self.folder / name / "curves.csv").open() as file:
                return [row["accuracy"] for row in csv.DictReader(file)]

        one = keras.metrics.SparseCategoricalAccuracy("accuracy")
        self.assertEqual(accuracies("shared", [one]), accuracies("own", ["accuracy"]))

    def test_a_search_of_no_epoch_is_refused(self):
        for named in ({"epochs": 0}, {"epochs": 2, "initial_epoch": 2}, {"epochs": float("nan")}):
            with self.assertRaisesRegex(ValueError, "epochs must be more than initial_epoch="):
                self.search(self.tuner(), **named)

    def test_a_model_with_a_call_of_its_own_is_kept(self):
        class Own(keras.Model):
            def __init__(self, units):
                super().__init__()
                self.hidden, self.head = keras.layers.Dense(units), keras.layers.Dense(2)

            def call(self, inputs):
                return self.head(self.hidden(inputs))

        def build_own(hp):
            model = Own(hp.Int("units", 2, 4))
            model.compile("sgd", loss, metrics=["accuracy"], run_eagerly=True)
            return model

        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        oracle = RandomOracle(OBJECTIVE, max_trials=2, seed=1)
        tuner = OneByOneTuner(oracle, build_own, directory=self.folder, project_name="search")
        best = max(trial.score for trial in self.search(tuner))
        model = tuner.get_best_models()[0]
        self.assertAllClose(model.evaluate(self.x, self.labels, verbose=0)[1], best)

    def test_a_builder_that_raises_fails_its_trial_with_the_reason(self):
        def fail(hp):
            model = build(hp)
            if hp.get("batch_size") == 16:
                raise keras_tuner.errors.FailedTrialError("sixteen is not liked")
            return model

        oracle = RandomOracle(OBJECTIVE, max_trials=4, seed=3)
        tuner = OneByOneTuner(oracle, fail, directory=self.folder, project_name="search")
        for trial in self.search(tuner):
            failed = trial.values["batch_size"] == 16
            self.assertEqual(trial.status, "FAILED" if failed else "COMPLETED")
            self.assertEqual("sixteen is not liked" in trial.reason, failed)

    def test_hyperbands_epochs_are_trained_and_its_trials_go_on_from_the_earlier_ones(self):
        oracle = HyperbandOracle(OBJECTIVE, max_epochs=3, factor=3, max_trials=5, seed=0)
        self.search(self.tuner(oracle), epochs=100)
        last_epochs = {}
        for trial in oracle.trials.values():
            values = trial.hyperparameters.values
            row = values.get("tuner/trial_id", trial.trial_id)
            last_epochs[row] = max(last_epochs.get(row, 0), values["tuner/epochs"])
        self.assertLess(len(last_epochs), len(oracle.trials))  # some went on, and kept their row
        self.assertEqual([row["trial"] for row in self.rows("trials.csv")], [*last_epochs])
        curves = self.rows("curves.csv")
        for row, last in last_epochs.items():
            epochs = [int(each["epoch"]) for each in curves if each["trial"] == row]
            self.assertEqual(epochs, list(range(1, last + 1)))

    def test_a_search_stopped_in_a_trial_goes_on_with_the_trials_it_would_have_had(self):
        def interrupt(record):
            if record.trial == "1":
                raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            self.search(self.tuner(on_trial=interrupt))
        again = self.tuner()
        self.assertLen(again.records.trials, 2)
        self.search(again)
        self.assertLen(self.rows("trials.csv"), 3)
        undisturbed = self.tuner(project_name="undisturbed")
        self.search(undisturbed)
        self.assertEqual(
            [trial.values for trial in again.records.trials],
            [trial.values for trial in undisturbed.records.trials],
        )

    def test_curves_that_damage_has_lost_are_told_and_those_that_are_there_are_not(self):
        self.search(self.tuner())
        path = self.folder / "search" / "curves.csv"
        with warnings.catch_warnings(action="error", category=UserWarning):
            self.search(self.tuner())
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with self.assertWarnsRegex(UserWarning, r"curves.csv was damaged: .* 2 trials.*: 1, 2"):
            self.search(self.tuner())
        self.assertNotEmpty(self.rows("curves.csv"))

    def test_a_pruning_rule_knows_again_what_it_was_told_of_earlier_trials(self):
        class Listening(Pruning):
            def __init__(self):
                super().__init__()
                self.told = []

            def note(self, *epoch):
                self.told.append(epoch)

            def objection(self, trial, epoch):  # noqa: ARG002
                return None

        objectives = [keras_tuner.Objective("val_loss", "min"), OBJECTIVE]
        first, second = (
            self.tuner(RandomOracle(objectives, max_trials=2, seed=1), pruning=Listening())
            for _ in range(2)
        )
        self.search(first, callbacks=[DivergeAt(2)])
        self.search(second)
        self.assertLen(first.pruning.told, 4)  # the epochs before those that diverged
        self.assertEqual(second.pruning.told, first.pruning.told)

    def test_the_heap_is_frozen_while_it_searches_so_that_collecting_is_quick(self):
        counts = []

        def counting(hp):
            counts.append(gc.get_freeze_count())
            return build(hp)

        oracle = RandomOracle(OBJECTIVE, max_trials=1, seed=1)
        tuner = OneByOneTuner(oracle, counting, directory=self.folder, project_name="search")
        gc.unfreeze()
        self.addCleanup(gc.freeze)
        self.enterContext(mock.patch.object(garbage, "_is_frozen_for_good", False))
        self.search(tuner)
        self.assertGreater(counts[-1], 50_000)
        self.assertEqual(gc.get_freeze_count(), 0)

    def test_a_heap_that_is_frozen_for_good_stays_frozen(self):
        before = gc.get_freeze_count()
        self.assertGreater(before, 50_000)  # by `import recipes`
        with garbage.frozen_heap():
            self.assertEqual(gc.get_freeze_count(), before)
        self.assertEqual(gc.get_freeze_count(), before)


if __name__ == "__main__":
    tf.test.main()
