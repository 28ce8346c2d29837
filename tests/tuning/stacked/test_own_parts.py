"""Searches with parts of people's own come to what training each trial by `fit` comes to."""

import csv
import pickle
from pathlib import Path

import keras
import keras_tuner
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tests.tuning.stacked.test_description import Focal, Limit
from tests.tuning.stacked.test_measures import rmse
from tuning import OneByOneTuner, StackedTuner
from tuning.oracles import RandomOracle

L = keras.layers


def compiled(hp, *layers, loss="mse", metrics=()):
    model = keras.Sequential([keras.Input((4,)), *layers, L.Dense(1)])
    rate = hp.Float("learning_rate", 1e-4, 1e-3)
    model.compile(keras.optimizers.SGD(rate, 0.9), loss, metrics=list(metrics))
    return model


def wave(a):
    return keras.ops.sin(a) + a


def activated(hp):
    inputs = keras.Input((4,))
    slope = hp.Choice("slope", [0.0, 0.5, 0.9])
    a = keras.activations.leaky_relu(L.Dense(5)(inputs), negative_slope=slope)
    model = keras.Model(inputs, L.Dense(1)(a))
    model.compile(keras.optimizers.SGD(hp.Float("learning_rate", 1e-4, 1e-2)), "mse")
    return model


def of_two_outputs(hp):
    inputs = keras.Input((4,))
    a = L.Dense(hp.Int("units", 3, 6), activation="tanh")(inputs)
    model = keras.Model(inputs, [L.Dense(1, name="left")(a), L.Dense(1, name="right")(a)])
    rate = hp.Float("learning_rate", 1e-4, 1e-2)
    model.compile(keras.optimizers.SGD(rate), ["mse", "mae"])
    return model


class Tracking(L.Layer):
    """Keeps a metric, as the layers of variational autoencoders do."""

    def __init__(self):
        super().__init__()
        self.mean = keras.metrics.Mean(name="size")

    def call(self, inputs):
        self.mean.update_state(keras.ops.mean(keras.ops.abs(inputs)))
        return inputs


BUILDERS = {
    "loss": lambda hp: compiled(hp, L.Dense(5), loss=Focal(hp.Choice("gamma", [2.0, 4.0]))),
    "operation": activated,
    "constraint": lambda hp: compiled(
        hp, L.Dense(5, kernel_constraint=Limit(hp.Choice("limit", [0.1, 0.4])))
    ),
    "activation": lambda hp: compiled(hp, L.Dense(hp.Int("units", 3, 6), activation=wave)),
    "rmse": lambda hp: compiled(hp, L.Dense(hp.Int("units", 3, 6)), metrics=[rmse]),
    "sum": lambda hp: compiled(
        hp,
        L.Dense(hp.Int("units", 3, 6)),
        loss=keras.losses.MeanSquaredError(reduction="sum"),
    ),
    "two_outputs": of_two_outputs,
    "value_for_each_class": lambda hp: compiled(
        hp, L.Dense(hp.Int("units", 3, 6)), metrics=[keras.metrics.F1Score(), "r2_score"]
    ),
    "in_a_loop": lambda hp: compiled(
        hp, *(L.Dense(hp.Int(f"units_{i}", 2, 40)) for i in range(hp.Int("layers", 1, 3)))
    ),
}


class OwnPartsTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)
        draw = np.random.default_rng(0)
        self.x = draw.normal(size=(40, 4)).astype("float32")
        self.y = (self.x[:, :1] > 0).astype("float32")

    def tuner(self, kind, build, project=None, trials=3, **arguments):
        oracle = RandomOracle(keras_tuner.Objective("val_loss", "min"), max_trials=trials, seed=2)
        where = {"directory": self.folder, "project_name": project or kind.__name__}
        return kind(oracle, build, **where | arguments)

    def searched(self, kind, build, project=None, trials=3, executions_per_trial=1, **arguments):
        tuner = self.tuner(kind, build, project, trials, executions_per_trial=executions_per_trial)
        given = {"validation_split": 0.3, "epochs": 2, "batch_size": 8, "shuffle": False}
        data = self.x, [self.y, self.y] if build is of_two_outputs else self.y
        tuner.search(*data, verbose=0, **given | arguments)
        return tuner

    def rows(self, tuner):
        with (Path(tuner.project_dir) / "curves.csv").open(newline="") as file:
            rows = csv.DictReader(file)
            return sorted(rows, key=lambda r: (r["trial"], r.get("execution"), int(r["epoch"])))

    def assert_same(self, one, other):
        self.assertEqual(
            {r.trial: r.values for r in one.records.trials},
            {r.trial: r.values for r in other.records.trials},
        )
        for own, expected in zip(self.rows(one), self.rows(other), strict=True):
            self.assertEqual(own.keys(), expected.keys())
            for name in own:
                self.assertAllClose(float(own[name]), float(expected[name]), rtol=1e-3, atol=1e-5)

    @parameterized.named_parameters(BUILDERS.items())
    def test_a_search_with_ones_own(self, build):
        stacked, alone = (self.searched(kind, build) for kind in (StackedTuner, OneByOneTuner))
        self.assertEqual(stacked.report.ways, {"stacked": 3}, str(stacked.report))
        if build not in (BUILDERS["operation"], BUILDERS["in_a_loop"]):  # these are other graphs
            self.assertLen(stacked.report.programs, 1)
        self.assert_same(stacked, alone)

    @parameterized.parameters(
        {"class_weight": {0: 1.0, 1: 5.0}},
        {"validation_batch_size": 3},
        {"callbacks": [keras.callbacks.EarlyStopping("val_rmse", patience=1, mode="min")]},
        {
            "callbacks": [
                keras.callbacks.ReduceLROnPlateau("val_loss", 0.5, patience=0, min_delta=0.05),
                keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9**epoch),
            ],
            "epochs": 4,
        },
    )
    def test_a_search_given(self, **arguments):
        build = BUILDERS["rmse"]
        stacked, alone = (
            self.searched(kind, build, **arguments) for kind in (StackedTuner, OneByOneTuner)
        )
        self.assertEqual(stacked.report.ways, {"stacked": 3}, str(stacked.report))
        self.assert_same(stacked, alone)

    def test_a_base_that_trials_share_and_some_of_them_train_is_left_to_fit(self):
        base = keras.Sequential([keras.Input((4,)), L.Dense(5, activation="tanh")])
        first = base.get_weights()

        def build(hp):
            base.trainable = hp.Choice("fine_tune", [True, False])
            base.set_weights(first)
            model = compiled(hp, base)
            model.jit_compile = False  # XLA has its own tests; this is quicker
            return model

        stacked, alone = (
            self.searched(kind, build, epochs=1) for kind in (StackedTuner, OneByOneTuner)
        )
        self.assertLen({r.values["fine_tune"] for r in alone.records.trials}, 2)
        self.assertEqual(stacked.report.ways, {"fit": 3}, str(stacked.report))
        self.assertIn("shares weights with another trial", str(stacked.report))
        self.assert_same(stacked, alone)

    def test_executions_begin_as_alone(self):
        stacked, alone = (
            self.searched(kind, BUILDERS["rmse"], trials=2, executions_per_trial=2)
            for kind in (StackedTuner, OneByOneTuner)
        )
        self.assert_same(stacked, alone)
        self.assertLen({row["loss"] for row in self.rows(stacked)}, 8)

    def test_what_only_some_models_ask_for_is_searched(self):
        tuner = self.searched(StackedTuner, BUILDERS["in_a_loop"], trials=8, epochs=1)
        second = {r.values["units_1"] for r in tuner.records.trials if "units_1" in r.values}
        self.assertGreater(len(second), 2)  # not the default, 2, for all

    def test_callbacks_learn_from_metrics_whether_more_is_better(self):
        def build(hp):
            return compiled(hp, L.Dense(hp.Int("units", 3, 6)), metrics=["binary_accuracy"])

        stop = [keras.callbacks.EarlyStopping("val_binary_accuracy", patience=1)]
        how = {"callbacks": stop, "epochs": 6}
        stacked, alone = (
            self.searched(kind, build, **how) for kind in (StackedTuner, OneByOneTuner)
        )
        self.assertEqual(stacked.report.ways, {"stacked": 3}, str(stacked.report))
        self.assert_same(stacked, alone)
        self.assertLess(len(self.rows(stacked)), 18)

    def test_what_callbacks_came_to_survives_a_stop(self):
        def build(hp):
            return compiled(hp, L.Dense(5), metrics=["binary_accuracy"])

        def interrupt(training):
            if training.next_epoch == 3:
                raise KeyboardInterrupt

        plateau = keras.callbacks.ReduceLROnPlateau("val_binary_accuracy", 0.5, patience=0)
        given = {"callbacks": [plateau], "epochs": 6, "validation_split": 0.3, "shuffle": False}

        def search(project, on_epoch=None):
            tuner = StackedTuner(
                RandomOracle(keras_tuner.Objective("val_loss", "min"), max_trials=3, seed=2),
                build,
                directory=self.folder,
                project_name=project,
                checkpoint_seconds=0,
                on_epoch=on_epoch,
            )
            tuner.search(self.x, self.y, verbose=0, **given)
            return tuner

        with self.assertRaises(KeyboardInterrupt):
            search("stopped", interrupt)
        stopped, whole = search("stopped"), search("whole")
        self.assert_same(stopped, whole)
        rates = {float(row["learning_rate"]) for row in self.rows(whole)}
        self.assertGreater(len(rates), 6)  # of three trials: they were cut

    def test_a_checkpoint_of_another_version_is_not_gone_on_from(self):
        def search(**arguments):
            oracle = RandomOracle(keras_tuner.Objective("val_loss", "min"), max_trials=3, seed=2)
            tuner = StackedTuner(
                oracle, BUILDERS["rmse"], directory=self.folder, checkpoint_seconds=0, **arguments
            )
            given = {"validation_split": 0.3, "epochs": 3, "shuffle": False, "verbose": 0}
            tuner.search(self.x, self.y, **given)
            return tuner

        def interrupt(training):
            if training.next_epoch == 2:
                raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            search(on_epoch=interrupt)
        (path,) = self.folder.glob("*/stack-*.pickle")
        kept = pickle.loads(path.read_bytes())
        for one in kept.values():
            del one["measured"], one["iterations"]
        path.write_bytes(pickle.dumps(kept))
        whole = search(project_name="whole")
        self.assert_same(search(), whole)

    def test_a_schedule_that_a_callback_would_set_is_left_to_fit(self):
        def build(hp):
            model = BUILDERS["rmse"](hp)
            rate = keras.optimizers.schedules.CosineDecay(0.01, 9)
            model.compile(keras.optimizers.SGD(rate), "mse")
            return model

        plateau = [keras.callbacks.ReduceLROnPlateau("val_loss", patience=9)]
        tuner = self.searched(StackedTuner, build, trials=1, callbacks=plateau)
        self.assertIn("ReduceLROnPlateau cannot set a learning rate that is", str(tuner.report))
        self.assertEqual([record.status for record in tuner.records.trials], ["COMPLETED"])

    def test_a_hyperparameter_decides_the_batch_size_whatever_search_is_given(self):
        def build(hp):
            hp.Choice("batch_size", [4, 16])
            return compiled(hp, L.Dense(5))

        stacked, alone = (self.searched(kind, build) for kind in (StackedTuner, OneByOneTuner))
        self.assert_same(stacked, alone)
        given = self.x, self.y, 8
        again = OneByOneTuner(
            RandomOracle(stacked.oracle.objective, max_trials=3, seed=2),
            build,
            directory=self.folder,
            project_name="by position",
        )
        again.search(*given, validation_split=0.3, epochs=2, shuffle=False, verbose=0)
        self.assert_same(again, alone)

    @parameterized.parameters((0.5, "FAILED"), (0, "COMPLETED"))
    def test_a_batch_size_that_is_none_is_left_to_fit(self, size, status):
        def build(hp):
            hp.Choice("batch_size", [size])
            return compiled(hp, L.Dense(5))

        tuner = self.searched(StackedTuner, build, trials=1)
        self.assertEqual([record.status for record in tuner.records.trials], [status])
        self.assertIn(f"batch_size is {size}: 1", str(tuner.report))

    @parameterized.named_parameters(
        ("metric", Tracking, "its layer Tracking keeps metrics of its own"),
        (
            "weights",
            lambda: L.SpectralNormalization(L.Dense(4)),
            "sets its trainable weights when it is called",
        ),
    )
    def test_what_a_stack_would_lose_is_trained_by_fit(self, make, reason):
        tuner = self.searched(StackedTuner, lambda hp: compiled(hp, make()), trials=1)
        self.assertEqual(tuner.report.ways, {"fit": 1})
        self.assertIn(reason, str(tuner.report))

    def test_a_tuner_with_a_run_trial_of_its_own_is_asked(self):
        class Own(StackedTuner):
            def run_trial(self, trial, *arguments, **named):
                named["batch_size"] = trial.hyperparameters.Choice("batch_size", [4, 20])
                return super().run_trial(trial, *arguments, **named)

        tuner = self.searched(Own, BUILDERS["rmse"], trials=2)
        self.assertIn("the tuner has a run_trial of its own", str(tuner.report))
        self.assertAllInSet([r.values["batch_size"] for r in tuner.records.trials], [4, 20])

    def test_methods_that_an_object_was_given_are_asked(self):
        class Own(keras_tuner.HyperModel):
            def build(self, hp):
                return BUILDERS["rmse"](hp)

        own = Own()
        own.fit = lambda *_, **__: 0.5
        given = self.tuner(StackedTuner, BUILDERS["rmse"], "given", trials=1)
        given.run_trial = lambda *_, **__: 0.5
        for tuner in (self.tuner(StackedTuner, own, "own", trials=1), given):
            tuner.search(self.x, self.y)
            self.assertEqual([record.score for record in tuner.records.trials], [0.5])

    @parameterized.parameters(StackedTuner, OneByOneTuner)
    def test_hooks_of_ones_own_need_not_call_those_of_the_tuner(self, kind):
        calls, saved = [], []

        class Own(kind):
            def pre_create_trial(self):
                calls.append("pre")

            def on_trial_begin(self, trial):
                calls.append(trial.trial_id)

            def on_search_begin(self):
                saved.append(Path(self._get_tuner_fname()).exists())

            def on_search_end(self):
                saved.append(True)

        def careless(hp):
            if hp.values:
                hp.Float("learning_rate", 1e-4, 1e-3)
                raise keras_tuner.errors.FailedTrialError("none is liked")
            return BUILDERS["rmse"](hp)

        tuner = self.searched(Own, careless, trials=2)
        self.assertEqual([record.status for record in tuner.records.trials], ["FAILED"] * 2)
        self.assertEqual(calls[:4], ["pre", "0", "pre", "1"])
        self.assertEqual(saved, [True, True])

    @parameterized.parameters(StackedTuner, OneByOneTuner)
    def test_the_curve_of_a_tuner_with_hooks_of_its_own_is_kept(self, kind):
        class Own(kind):
            def on_epoch_end(self, trial, model, epoch, logs=None):  # noqa: ARG002
                seen.append((trial.trial_id, epoch, logs["val_loss"]))

            def on_search_end(self):
                seen.append("over")

        seen = []
        tuner = self.searched(Own, BUILDERS["rmse"], trials=2)
        curve = [(r["trial"], r["epoch"] - 1, r["val_loss"]) for r in tuner.records.curves()]
        self.assertEqual(seen.pop(), "over")
        self.assertLen(curve, len(seen))
        self.assertAllClose([row[2] for row in curve], [row[2] for row in seen])

    def test_what_a_run_trial_returns_is_taken_as_by_keras_tuner(self):
        class Own(StackedTuner):
            def run_trial(self, trial, *_, **__):
                if returned == "told":
                    self.oracle.update_trial(trial.trial_id, {"val_loss": 0.5})
                    return None
                return returned

        def searched():
            tuner = self.tuner(Own, BUILDERS["rmse"], "search", trials=1, overwrite=True)
            tuner.search(self.x, self.y)
            return tuner.records.trials[0].score

        returned = "told"
        self.assertEqual(searched(), 0.5)
        for returned, said in (  # noqa: B007  read by `run_trial`
            (None, "Did you forget to return the metrics"),
            ("text", "to be one of float, dict"),
            ((1.0, 2), "to be one of float, dict"),
            ({"loss": 0.5}, "the specified objective, val_loss"),
        ):
            with self.assertRaisesRegex(keras_tuner.errors.FatalError, said):
                searched()

    def test_the_state_of_a_tuner_of_ones_own_is_kept(self):
        class Counting(StackedTuner):
            ended = 0

            def on_trial_end(self, trial):
                self.ended += 1
                super().on_trial_end(trial)

            def run_trial(self, *_, **__):
                return 0.5

            def get_state(self):
                return {"ended": self.ended}

            def set_state(self, state):
                self.ended = state["ended"]

        self.tuner(Counting, BUILDERS["rmse"], trials=2).search(self.x, self.y)
        self.assertEqual(self.tuner(Counting, BUILDERS["rmse"], trials=2).ended, 2)

    def test_what_a_run_trial_of_ones_own_is_given_need_not_be_data(self):
        class Own(StackedTuner):
            def run_trial(self, trial, training, validation):  # noqa: ARG002
                return len(training) / len(validation)

        tuner = self.tuner(Own, BUILDERS["rmse"], trials=1)
        tuner.search(self.x, self.x[:20])
        self.assertEqual(tuner.records.trials[0].score, 2.0)

    @parameterized.parameters(
        (lambda x: (x, None), "validation_data that is no array"),
        (lambda x: tf.data.Dataset.from_tensors((x,)), r"does not stream: .* yield \(x, y\)"),
    )
    def test_validation_data_without_labels_are_left_to_fit(self, validation, reason):
        class Own(keras.Sequential):
            def compute_loss(self, x, y, y_pred, *_, **__):  # noqa: ARG002
                return keras.ops.mean((y_pred - keras.ops.sum(x, -1, keepdims=True)) ** 2)

        def build(hp):
            model = Own([keras.Input((4,)), L.Dense(1)])
            model.compile(keras.optimizers.SGD(hp.Float("learning_rate", 1e-4, 1e-3)), "mse")
            return model

        validation = validation(self.x)
        tuner = self.searched(StackedTuner, build, trials=1, validation_data=validation)
        self.assertEqual([record.status for record in tuner.records.trials], ["COMPLETED"])
        self.assertRegex(str(tuner.report), reason)

    def test_the_size_of_a_model_is_that_of_its_trainable_weights(self):
        def build(hp):
            return compiled(hp, L.BatchNormalization(), L.Dense(4))  # 8 + 20 + 5, and 8 averages

        for size, status in ((33, "COMPLETED"), (32, "FAILED")):
            tuner = self.tuner(StackedTuner, build, trials=1, max_model_size=size, overwrite=True)
            tuner.search(self.x, self.y, validation_split=0.3, verbose=0)
            self.assertEqual([record.status for record in tuner.records.trials], [status])

    def test_a_tuner_that_builds_its_own_model_needs_no_hypermodel(self):
        class Own(StackedTuner):
            def run_trial(self, trial, x, y, **_):
                model = compiled(
                    trial.hyperparameters, L.Dense(trial.hyperparameters.Int("units", 2, 9))
                )
                return {"val_loss": model.fit(x, y, verbose=0).history["loss"][0]}

        tuner = self.searched(Own, None, trials=2)
        self.assertEqual({r.status for r in tuner.records.trials}, {"COMPLETED"})

    def test_a_tuner_that_has_its_own_data_needs_none(self):
        class Own(StackedTuner):
            def run_trial(self, trial, **_):
                return trial.hyperparameters.Float("number", -1.0, 1.0) ** 2

        tuner = Own(RandomOracle(max_trials=3, seed=1), directory=self.folder)
        tuner.search()
        self.assertIn("the tuner has a run_trial of its own: 3", str(tuner.report))
        self.assertLen({record.values["number"] for record in tuner.records.trials}, 3)


if __name__ == "__main__":
    tf.test.main()
