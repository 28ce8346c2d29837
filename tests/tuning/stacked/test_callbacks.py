"""Callbacks that `search` is given: in a stack each trial's do what they would do in its `fit`."""

import contextlib
import csv
import unittest.mock
from pathlib import Path

import keras
import keras_tuner
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tuning import OneByOneTuner, StackedTuner
from tuning.oracles import HyperbandOracle, RandomOracle
from tuning.pruning import MedianRule
from tuning.stacked import groups

TUNERS = StackedTuner, OneByOneTuner


def build(hp, rate=None):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(hp.Int("units", 2, 6), "tanh")])
    model.add(keras.layers.Dense(3, "softmax"))
    rate = rate or hp.Float("rate", 0.01, 0.1)
    loss = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.SGD(rate), loss, metrics=["accuracy"], jit_compile=False)
    return model


def decaying(hp):
    return build(hp, keras.optimizers.schedules.ExponentialDecay(hp.Float("rate", 0.1, 1), 5, 0.5))


class Noting(keras.callbacks.Callback):
    """Notes what it is told, and changes the training by `self.model` as people do."""

    told = []  # noqa: RUF012 - tuners copy callbacks; this all copies share

    def note(self, hook, *what):
        self.own = [*getattr(self, "own", []), (hook, *what)]

    def on_train_begin(self, logs=None):
        params = dict(self.params) | {"verbose": 0}
        self.note("begin", params, self.model.name.partition("_")[0], logs)

    def on_epoch_begin(self, epoch, logs=None):
        self.note("epoch", epoch, logs)
        self.model.optimizer.learning_rate = float(self.model.optimizer.learning_rate) * 0.8

    def on_epoch_end(self, epoch, logs=None):
        self.note("end", epoch, sorted(logs), f"{logs['val_loss']:.4f}")
        if logs["loss"] < 1.2:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        self.note("over", sorted(logs))
        self.told.append(self.own)


class Failing(keras.callbacks.Callback):
    def __init__(self, hook, error):
        super().__init__()
        setattr(self, hook, self.fail)
        self.error = error

    def fail(self, number=None, logs=None):
        del logs
        if number != 0 and float(self.model.optimizer.learning_rate) > 0.055:
            raise self.error


class Asking(keras.callbacks.Callback):
    """Asks in some epoch for what a stack does not have."""

    def __init__(self, epoch, ask):
        super().__init__()
        self.epoch, self.ask = epoch, ask

    def on_epoch_end(self, epoch, logs=None):
        del logs
        if epoch == self.epoch:
            self.ask(self.model)


class Telling(keras.callbacks.Callback):
    """Tells which hooks it was called by, with what."""

    told = []  # noqa: RUF012 - tuners copy callbacks; this all copies share

    def tell(self, hook, logs, epoch=None):
        numbers = sorted((name, f"{value:.3f}") for name, value in logs.items())
        self.told.append((hook, epoch, numbers, self.model.stop_training))

    def on_epoch_begin(self, epoch, logs=None):
        self.tell("begin", logs, epoch)

    def on_epoch_end(self, epoch, logs=None):
        self.tell("end", logs, epoch)

    def on_train_end(self, logs=None):
        self.tell("over", logs)


class Adding(keras.callbacks.Callback):
    """Adds a metric of its own, and changes another."""

    def on_epoch_end(self, epoch, logs=None):
        del epoch
        logs["gap"] = logs["val_loss"] - logs["loss"]
        logs["val_loss"] = 1 / logs["val_loss"]


class AddingLate(keras.callbacks.Callback):
    """Adds a metric from the third epoch on."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch >= 2:
            logs["gap"] = logs["val_loss"] - logs["loss"]


class Stopping(keras.callbacks.Callback):
    """Ends the training in a hook, and keeps the model where it likes."""

    def __init__(self, hook):
        super().__init__()
        setattr(self, hook, self.stop)

    def set_model(self, model):
        self.mine = model

    def stop(self, epoch=None, logs=None):
        del logs
        if epoch != 0:
            self.mine.stop_training = True


class Swallowing(keras.callbacks.Callback):
    """Asks for what a stack does not have, and minds no exception."""

    def on_epoch_end(self, epoch, logs=None):
        del epoch
        try:
            logs["size"] = self.model.count_params()
        except Exception:
            logs["size"] = -1


class Shared(Stopping):
    """Is the same one in all trials."""

    def __init__(self):
        super().__init__("on_epoch_end")

    def __deepcopy__(self, memo):
        return self


class AskingLast(keras.callbacks.Callback):
    def on_train_end(self, logs=None):
        del logs
        self.model.get_weights()


def bursting(hp):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(hp.Int("units", 2, 6))])
    model.add(keras.layers.Dense(1))
    model.compile(keras.optimizers.SGD(hp.Choice("rate", [1e18, 0.05])), "mse", jit_compile=False)
    return model


def functional(hp):
    layers = build(hp)
    model = keras.Model(layers.inputs[0], layers.outputs[0])
    model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=False)
    return model


def unheard(batch, logs):
    del batch, logs


def took_long(program, seconds):
    """So that no stack is compacted: compiling for another size seems to cost too much."""
    del seconds
    program.seconds_to_compile = 1e9


class CallbacksTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)
        generator = np.random.default_rng(0)
        self.x = generator.normal(size=(40, 4)).astype(np.float32)
        self.y = generator.integers(3, size=40)

    def searched(
        self, kind, callbacks, build=build, trials=3, objective="val_loss", epochs=3, **arguments
    ):
        compiles = arguments.pop("jit_compile", False)
        if kind is StackedTuner:
            arguments["jit_compile"] = compiles
        oracle = RandomOracle(keras_tuner.Objective(objective, "min"), max_trials=trials, seed=1)
        named = {"oracle": oracle, "project_name": kind.__name__} | arguments
        tuner = kind(hypermodel=build, directory=self.folder, **named)
        given = {"validation_split": 0.2, "batch_size": 8, "epochs": epochs, "shuffle": False}
        tuner.search(self.x, self.y, verbose=0, callbacks=callbacks, **given)
        return tuner

    def rows(self, tuner):
        with (Path(tuner.project_dir) / "curves.csv").open(newline="") as file:
            return sorted(csv.DictReader(file), key=lambda row: (row["trial"], int(row["epoch"])))

    def assert_same(self, one, other):
        statuses = [sorted((r.trial, r.status) for r in t.records.trials) for t in (one, other)]
        self.assertEqual(*statuses)
        self.assertEqual(sorted(one.oracle.end_order), sorted(other.oracle.end_order))
        for own, expected in zip(self.rows(one), self.rows(other), strict=True):
            self.assertEqual(own.keys(), expected.keys())
            for name in own:
                numbers = [float(row[name] or "nan") for row in (own, expected)]
                self.assertAllClose(*numbers, rtol=1e-4)

    def test_ones_own_is_told_what_fit_tells_and_may_stop_and_set_the_rate(self):
        told, tuners = [], []
        for kind in TUNERS:
            Noting.told = []
            tuners.append(self.searched(kind, [Noting()]))
            told.append(sorted(Noting.told, key=repr))
        self.assertEqual(tuners[0].report.ways, {"stacked": 3}, str(tuners[0].report))
        self.assert_same(*tuners)
        self.assertEqual(*told)
        self.assertBetween(len(self.rows(tuners[0])), 4, 8)  # some were stopped

    def told_by_both(self, callbacks, **arguments):
        """What each kind of tuner came to, and what it has told a callback."""
        told, tuners = [], []
        for kind in TUNERS:
            Telling.told = []
            tuners.append(self.searched(kind, callbacks, **arguments))
            told.append(sorted(Telling.told, key=repr))
        self.assert_same(*tuners)
        self.assertEqual(*told)
        self.assertEqual(set(tuners[0].report.ways), {"stacked"}, str(tuners[0].report))
        return tuners

    @parameterized.parameters("gap", "val_loss")
    def test_what_callbacks_do_to_metrics_counts(self, objective):
        tuners = self.told_by_both([Telling(), Adding(), Telling()], objective=objective)
        for own, expected in zip(*(tuner.records.trials for tuner in tuners), strict=True):
            self.assertAllClose(own.score, expected.score, rtol=1e-4)
            self.assertEqual(own.best_epoch, expected.best_epoch)

    def test_an_objective_may_be_added_by_a_callback_from_a_later_epoch_on(self):
        pruning = {"pruning": MedianRule(warm_up=3, least_trials=3)}
        tuners = self.told_by_both([AddingLate(), Telling()], objective="gap", epochs=5, **pruning)
        for own, expected in zip(*(tuner.records.trials for tuner in tuners), strict=True):
            self.assertAllClose(own.score, expected.score, rtol=1e-3)
            self.assertEqual(own.best_epoch, expected.best_epoch)

    @parameterized.parameters(*TUNERS)
    def test_an_objective_that_no_callback_adds_ends_the_search(self, kind):
        with self.assertRaisesRegex(ValueError, "Received: objective=gap"):
            self.searched(kind, [AddingLate()], objective="gap", epochs=2)

    def test_callbacks_see_that_another_one_stops(self):
        stopping = keras.callbacks.EarlyStopping("val_loss", patience=0, min_delta=0.05)
        stacked, _ = self.told_by_both([Telling(), stopping, Telling()])
        self.assertLen(self.rows(stacked), 6)

    @parameterized.parameters(lambda one: one, lambda one: (one,))
    def test_they_may_be_one_alone_or_a_tuple(self, given):
        stacked, _ = self.told_by_both(given(Telling()), trials=1, epochs=1)
        self.assertLen(self.rows(stacked), 1)

    def test_one_may_keep_the_model_where_it_likes(self):
        self.told_by_both([Stopping("on_epoch_end")])

    @parameterized.parameters("on_train_begin", "on_epoch_begin")
    @pytest.mark.long(but=1)
    def test_what_ends_within_an_epoch_is_trained_by_fit(self, hook):
        stacked, alone = (self.searched(kind, [Stopping(hook)]) for kind in TUNERS)
        self.assertEqual(stacked.report.ways, {"fit": 3})
        self.assert_same(stacked, alone)

    def test_callbacks_are_told_of_the_epoch_that_diverges(self):
        self.told_by_both([Telling()], build=bursting)

    def test_callbacks_are_told_of_the_last_epoch_of_the_pruned(self):
        rules = {"pruning": MedianRule(warm_up=1, least_trials=1)}
        stacked, _ = self.told_by_both([Telling()], trials=6, **rules)
        self.assertLess(len(self.rows(stacked)), 18)

    def test_callbacks_of_a_trial_that_has_ended_are_told_no_more(self):
        stopping = keras.callbacks.EarlyStopping("val_loss", patience=0, min_delta=0.01)
        with unittest.mock.patch("tuning.stacked.program.Program.took", took_long):
            self.told_by_both([Telling(), stopping], epochs=4, jit_compile=True)

    @parameterized.parameters(Swallowing, AskingLast)
    @pytest.mark.long(but=1)
    def test_whatever_comes_of_asking_it_is_by_fit(self, kind):
        stacked, alone = (self.searched(each, [kind()]) for each in TUNERS)
        self.assertEqual(stacked.report.ways, {"fit": 3})
        self.assertIn(f"{kind.__name__}, which asks", str(stacked.report))
        self.assert_same(stacked, alone)

    def test_one_that_all_trials_share_is_by_fit(self):
        stacked, alone = (self.searched(kind, [Shared()]) for kind in TUNERS)
        self.assertEqual(stacked.report.ways, {"fit": 3})
        self.assertIn("Shared, which all trials share", str(stacked.report))
        self.assert_same(stacked, alone)

    def went_on(self, callbacks, **arguments):
        """A search that was stopped within a stack and has gone on, and one by `fit`."""

        def stop(training):
            if training.next_epoch == 2:
                raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            stopping = {"on_epoch": stop, "checkpoint_seconds": 0}
            self.searched(StackedTuner, callbacks, epochs=6, **stopping, **arguments)
        return [self.searched(kind, callbacks, epochs=6, **arguments) for kind in TUNERS]

    @parameterized.parameters(1, 2)
    @pytest.mark.long(but=1)
    def test_those_that_were_stopped_before_a_kill_keep_their_best_weights(self, executions):
        stopping = keras.callbacks.EarlyStopping("val_loss", patience=0, min_delta=0.01)
        stacked, alone = self.went_on([stopping], executions_per_trial=executions)
        self.assertEqual(stacked.report.ways, {"stacked": 3}, str(stacked.report))
        self.assertLess(len(self.rows(stacked)), 18 * executions)
        self.assert_same(stacked, alone)
        for own, expected in zip(stacked.get_best_models(3), alone.get_best_models(3), strict=True):
            for weight, other in zip(own.get_weights(), expected.get_weights(), strict=True):
                self.assertAllClose(weight, other, atol=1e-4)

    def promoted(self, kind, restores, **arguments):
        """Three trials of two epochs; the best of them goes on from what early stopping left."""
        objective = keras_tuner.Objective("loss", "min")
        arguments = {"project_name": f"{kind.__name__} {restores}"} | arguments
        return self.searched(
            kind,  # the first of two epochs has the highest loss
            [keras.callbacks.EarlyStopping("loss", mode="max", restore_best_weights=restores)],
            oracle=HyperbandOracle(objective, max_epochs=6, factor=3, max_trials=4, seed=1),
            **arguments,
        )

    @parameterized.parameters({}, {"executions_per_trial": 2})
    @pytest.mark.long(but=1)
    def test_a_promoted_trial_goes_on_from_the_weights_that_early_stopping_restored(self, **given):
        rows = []
        for restores in (True, False):
            stacked = self.promoted(StackedTuner, restores, stack_size=6, **given)
            self.assertEqual(set(stacked.report.ways), {"stacked"}, str(stacked.report))
            self.assert_same(stacked, self.promoted(OneByOneTuner, restores, **given))
            rows.append(self.rows(stacked))
        self.assertNotEqual(*rows)

    @parameterized.parameters(1, 2)
    @pytest.mark.long(but=1)
    def test_so_it_does_after_a_kill(self, epoch):
        def stop(training):
            if training.next_epoch == epoch:
                raise KeyboardInterrupt

        for on_epoch in (stop, None):
            killed = {"stack_size": 3, "on_epoch": on_epoch, "checkpoint_seconds": 0}
            with contextlib.suppress(KeyboardInterrupt):
                stacked = self.promoted(StackedTuner, True, **killed)
        self.assert_same(stacked, self.promoted(OneByOneTuner, True))

    @pytest.mark.long
    def test_those_that_failed_before_a_kill_have_failed(self):
        stacked, alone = self.went_on([Failing("on_epoch_begin", RuntimeError("no"))])
        statuses = {record.status for record in stacked.records.trials}
        self.assertEqual(statuses, {"COMPLETED", "FAILED"})
        self.assert_same(stacked, alone)

    def test_functions_of_a_lambda_callback_are_called(self):
        seen = []

        def note(epoch, logs):
            seen.append((epoch, round(logs["loss"], 4)))

        callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=note)]
        stacked, alone = (self.searched(kind, callbacks) for kind in TUNERS)
        self.assertEqual(stacked.report.ways, {"stacked": 3}, str(stacked.report))
        self.assertLen(seen, 18)
        self.assertCountEqual(seen[:9], seen[9:])
        self.assert_same(stacked, alone)

    @parameterized.parameters(
        (keras.callbacks.LambdaCallback(on_train_batch_end=unheard), "Callback with on_train_ba"),
        (keras.callbacks.CSVLogger("/dev/null"), "need fit: CSVLogger"),
        (keras.callbacks.TensorBoard(histogram_freq=1), "TensorBoard with histogram_freq"),
        (keras.callbacks.TensorBoard(update_freq=3), "TensorBoard with update_freq"),
    )
    def test_what_a_stack_cannot_call_is_called_by_fit_and_said(self, callback, reason):
        if isinstance(callback, keras.callbacks.TensorBoard):
            callback.log_dir = str(self.folder / "logs")
        tuner = self.searched(StackedTuner, [callback], trials=1)
        self.assertEqual(tuner.report.ways, {"fit": 1})
        self.assertIn(reason, str(tuner.report))
        self.assertEqual([record.status for record in tuner.records.trials], ["COMPLETED"])

    @parameterized.parameters(
        (0, lambda model: model.get_weights(), "Asking, which asks for the model's get_weights"),
        (1, lambda model: model.optimizer.iterations, "the model's optimizer.iterations"),
    )
    @pytest.mark.long(but=1)
    def test_who_asks_for_what_a_stack_does_not_have_gets_it_by_fit(self, epoch, ask, reason):
        with unittest.mock.patch.dict(groups.MOST, CPU=3):  # a trial's executions in two stacks
            stacked, alone = (
                self.searched(kind, [Asking(epoch, ask)], trials=2, executions_per_trial=2)
                for kind in TUNERS
            )
        self.assertEqual(stacked.report.ways, {"fit": 2})
        self.assertIn(reason, str(stacked.report))
        self.assert_same(stacked, alone)

    @parameterized.parameters("on_train_begin", "on_epoch_begin", "on_epoch_end", "on_train_end")
    @pytest.mark.long(but=2)
    def test_one_that_raises_fails_its_own_trial(self, hook):
        callback = Failing(hook, RuntimeError("not on my watch"))
        stacked, alone = (self.searched(kind, [callback], trials=6) for kind in TUNERS)
        self.assertEqual(set(stacked.report.ways), {"stacked"}, str(stacked.report))
        reasons = {record.status: record.reason for record in stacked.records.trials}
        self.assertEqual(reasons, {"COMPLETED": "", "FAILED": "RuntimeError: not on my watch"})
        self.assert_same(stacked, alone)

    def test_one_that_raises_a_fatal_error_ends_the_search(self):
        callback = Failing("on_epoch_end", keras_tuner.errors.FatalValueError("enough"))
        for kind in TUNERS:
            with self.assertRaisesRegex(keras_tuner.errors.FatalValueError, "enough"):
                self.searched(kind, [callback], trials=6)

    @parameterized.parameters((build, 1), (decaying, 2))
    @pytest.mark.long(but=1)
    def test_tensorboard_has_the_curves_of_keras_and_keras_tuner(self, build, executions):
        stacked, alone = self.boards([], build, trials=2, executions_per_trial=executions)
        self.assertLen(stacked, 6 * executions)
        self.assert_same_boards(stacked, alone)

    def test_tensorboard_has_what_others_have_not_added_yet(self):
        self.assert_same_boards(*self.boards([Adding()], functional, trials=2))

    def test_tensorboard_has_the_epochs_of_what_has_failed(self):
        stacked, alone = self.boards([Failing("on_epoch_end", RuntimeError("no"))])
        for run in alone:
            stacked[run].pop("_hparams_/session_end_info", None)
            alone[run].pop("_hparams_/session_end_info", None)
        self.assert_same_boards(stacked, alone)

    def boards(self, callbacks, build=build, **arguments):
        """`{run: {tag: points}}` of each kind of tuner."""
        found = []
        for kind in TUNERS:
            logs = self.folder / f"logs of {kind.__name__}"
            given = [keras.callbacks.TensorBoard(logs), *callbacks]
            tuner = self.searched(kind, given, build, **arguments)
            found.append({str(p.parent.relative_to(logs)): said(p) for p in logs.rglob("*tfev*")})
            if kind is StackedTuner:
                self.assertEqual(set(tuner.report.ways), {"stacked"}, str(tuner.report))
        return found

    def assert_same_boards(self, stacked, alone):
        self.assertEqual(stacked.keys(), alone.keys())
        for run, curves in stacked.items():
            self.assertEqual(curves.keys(), alone[run].keys(), run)
            for tag, points in curves.items():
                self.assertAllClose(points, alone[run][tag], rtol=1e-4, msg=f"{run} {tag}")


def said(path):
    """`{tag: points}` of an event file; of what is no curve no points."""
    events = EventAccumulator(str(path), {"tensors": 0, "scalars": 0})
    events.Reload()
    plain = events.scalars.Keys()
    curves = {tag: [(each.step, each.value) for each in events.Scalars(tag)] for tag in plain}
    for tag in events.tensors.Keys():
        metadata, points = events.SummaryMetadata(tag), events.Tensors(tag)
        is_curve = metadata.plugin_data.plugin_name == "scalars"
        numbers = [(e.step, tf.make_ndarray(e.tensor_proto).item()) for e in points if is_curve]
        curves[tag] = numbers
    return curves


if __name__ == "__main__":
    tf.test.main()
