"""`StackedTuner` does all that `OneByOneTuner` does, many trials at a time."""

import collections
import csv
import math
import os
import unittest.mock
from pathlib import Path

import keras
import keras_tuner
import numpy as np
import pandas
import pytest
import tensorflow as tf
from absl.testing import parameterized

from recipes.ingredients.batches import ShuffledBatches
from tuning import OneByOneTuner, StackedTuner
from tuning.oracles import GivenOracle, HyperbandOracle, RandomOracle
from tuning.pruning import MedianRule, SuccessiveHalving
from tuning.stacked import Stack, groups

OBJECTIVE = keras_tuner.Objective("val_loss", "min")


def build(hp):
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(hp.Int("units", 3, 6), use_bias=False),
            keras.layers.BatchNormalization(momentum=0.9),
            keras.layers.ReLU(),
            keras.layers.Dense(2),
        ]
    )
    model.compile(
        keras.optimizers.SGD(hp.Float("learning_rate", 0.01, 0.1, sampling="log"), momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,  # XLA has its own tests; this is quicker
    )
    return model


class StackedTunerTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)
        self.x = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
        self.labels = (self.x[:, 0] > 0).astype(np.int64)

    def tuner(self, oracle=None, builder=build, kind=StackedTuner, **arguments):
        oracle = oracle or RandomOracle(OBJECTIVE, max_trials=4, seed=1)
        where = {"directory": self.folder, "project_name": "search"}
        if kind is StackedTuner:
            arguments = {"jit_compile": False} | arguments
        return kind(oracle, builder, **where | arguments)

    def search(self, tuner, **arguments):
        data = {"validation_data": (self.x, self.labels), "epochs": 2}
        tuner.search(self.x, self.labels, verbose=0, **data | arguments)
        return tuner

    def records(self, tuner):
        """The records of all trials by their names: stacks end in any order."""
        return sorted(tuner.records.trials, key=lambda record: record.trial)

    def rows(self, name="curves.csv", project="search"):
        with (self.folder / project / name).open(newline="") as file:
            return list(csv.DictReader(file))

    def test_trials_are_those_of_training_one_by_one(self):
        order = {"shuffle": False, "batch_size": 16}
        stacked = self.search(self.tuner(), **order)
        alone = self.search(self.tuner(kind=OneByOneTuner, project_name="alone"), **order)
        self.assertEqual(stacked.report.ways, {"stacked": 4})
        for one, other in zip(self.records(stacked), self.records(alone), strict=True):
            self.assertEqual(one.values, other.values)
            self.assertAllClose(one.score, other.score, rtol=1e-4)
        for one, other in zip(self.rows(), self.rows(project="alone"), strict=True):
            self.assertEqual((one["trial"], one["epoch"]), (other["trial"], other["epoch"]))
            for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
                self.assertAllClose(float(one[name]), float(other[name]), rtol=1e-4)

    def test_the_best_models_are_those_that_were_trained(self):
        tuner = self.search(self.tuner(checkpoints=2))
        best = sorted(tuner.records.trials, key=lambda record: record.score)
        models = tuner.get_best_models(2)
        for model, record in zip(models, best[:2], strict=True):
            loss, _ = model.evaluate(self.x, self.labels, verbose=0)
            self.assertAllClose(loss, record.score, rtol=1e-5)
        self.assertLen(list(self.folder.glob("search/trial_*/checkpoint*")), 2)

    def test_models_that_wait_for_data_are_trained_kept_and_promoted_like_others(self):
        def waiting(hp):
            known = build(hp)
            model = keras.Sequential(known.layers)  # without `Input`, as in many a guide
            model.compile(known.optimizer, known.loss, metrics=["accuracy"])
            return model

        oracles = [
            HyperbandOracle(OBJECTIVE, max_epochs=4, factor=2, max_trials=8, seed=0)
            for _ in range(2)
        ]
        tuner = self.search(self.tuner(oracles[0], waiting))
        known = self.search(self.tuner(oracles[1], project_name="known"))
        self.assertEqual(tuner.report.ways, {"stacked": 8})
        self.assertIn("4", {row["epoch"] for row in self.rows()})
        self.assertEqual(self.rows(), self.rows(project="known"))
        again = self.tuner(oracles[0], waiting)
        for kept in (tuner, again):
            loss, _ = kept.get_best_models()[0].evaluate(self.x, self.labels, verbose=0)
            self.assertAllClose(loss, min(r.score for r in known.records.trials), rtol=1e-5)

    def test_there_are_as_many_best_models_as_trials_with_a_score(self):
        def wild(hp):
            model = build(hp)
            if hp.get("units") != 3:
                model.optimizer.learning_rate = float("nan")
            return model

        oracle = RandomOracle(OBJECTIVE, max_trials=8, seed=1)
        tuner = self.search(self.tuner(oracle, wild))
        scored = [record for record in tuner.records.trials if record.values["units"] == 3]
        self.assertBetween(len(scored), 1, 7)
        self.assertLen(tuner.get_best_models(8), len(scored))

    @parameterized.parameters(StackedTuner, OneByOneTuner)
    def test_an_objective_that_no_epoch_has_ends_the_search_with_what_was_meant(self, kind):
        oracle = RandomOracle(keras_tuner.Objective("val_acuracy", "max"), max_trials=2, seed=1)
        said = "accuracy, loss, val_accuracy, val_loss. Received: objective=val_acuracy. Perhaps "
        with self.assertRaisesRegex(ValueError, f"{said}you meant val_accuracy."):
            self.search(self.tuner(oracle, kind=kind))
        several = [keras_tuner.Objective(name, "min") for name in ("val_loss", "val_los")]
        oracle = keras_tuner.oracles.RandomSearchOracle(several, max_trials=2, seed=1)
        with self.assertRaisesRegex(ValueError, "objective=val_los. Perhaps you meant val_loss."):
            self.search(self.tuner(oracle, kind=kind, project_name="several"))

    def test_a_promoted_trial_goes_on_as_if_it_had_never_stopped(self):
        oracle = HyperbandOracle(OBJECTIVE, max_epochs=9, factor=3, max_trials=13, seed=0)
        tuner = self.search(self.tuner(oracle))
        self.assertEqual(tuner.report.ways, {"stacked": 13})
        longest = max(self.rows(), key=lambda row: int(row["epoch"]))["trial"]
        losses = [float(row["loss"]) for row in self.rows() if row["trial"] == longest]
        self.assertLen(losses, 9)
        fixed = keras_tuner.HyperParameters()
        for name, value in tuner.oracle.trials[longest].hyperparameters.values.items():
            if not name.startswith("tuner/"):
                fixed.Fixed(name, value)
        once = OneByOneTuner(
            RandomOracle(OBJECTIVE, max_trials=1, hyperparameters=fixed),
            build,
            directory=self.folder,
            project_name="once",
        )
        once._seed_of = lambda *_: tuner._seed_of(tuner.oracle.trials[longest])
        batches = ShuffledBatches(self.x, self.labels, batch_size=32, seed=0)
        batches.epoch -= 1  # `fit` tells it once before the first epoch that one has ended
        validation = (self.x, self.labels)
        once.search(batches, validation_data=validation, epochs=9, shuffle=False, verbose=0)
        undisturbed = [float(row["loss"]) for row in self.rows(project="once")]
        self.assertAllClose(losses, undisturbed, rtol=1e-4)

    def test_trials_of_keras_tuners_own_hyperband_go_on_to_its_last_round(self):
        oracle = keras_tuner.oracles.HyperbandOracle(OBJECTIVE, max_epochs=4, factor=2, seed=1)
        tuner = self.search(self.tuner(oracle))
        self.assertEqual({trial.status for trial in oracle.trials.values()}, {"COMPLETED"})
        self.assertIn(2, {trial.hyperparameters["tuner/round"] for trial in oracle.trials.values()})
        self.assertEmpty(list(self.folder.glob("search/trial_*/state-*.npz")))
        self.assertEqual(tuner.report.ways, {"stacked": len(oracle.trials)})

    def test_executions_keep_their_own_curves_and_scores(self):
        tuner = self.search(self.tuner(executions_per_trial=2))
        self.assertEqual(tuner.report.ways, {"stacked": 4})
        for record in tuner.records.trials:
            self.assertLen(set(record.scores), 2)
            self.assertAllClose(record.score, np.mean(record.scores))
        self.assertLen([row for row in self.rows() if row["execution"] == "2"], 8)

    def test_a_trial_whose_executions_are_in_two_stacks_ends_once(self):
        with unittest.mock.patch.dict(groups.MOST, CPU=4):
            tuner = self.search(self.tuner(executions_per_trial=3))
        self.assertCountEqual(tuner.oracle.end_order, ["0", "1", "2", "3"])
        self.assertEqual(tuner.report.ways, {"stacked": 4})

    def test_a_trial_that_diverges_ends_with_its_reason_and_harms_no_other(self):
        def wild(hp):
            model = build(hp)
            if hp.get("units") == 3:
                model.optimizer.learning_rate = float("nan")
            return model

        oracle = RandomOracle(OBJECTIVE, max_trials=8, seed=1)
        tuner = self.search(self.tuner(oracle, wild))
        tame = RandomOracle(OBJECTIVE, max_trials=8, seed=1)
        calm = self.search(self.tuner(tame, project_name="calm"))
        for record, other in zip(self.records(tuner), self.records(calm), strict=True):
            if record.values["units"] == 3:
                self.assertEqual(record.status, "FAILED")
                self.assertIn("must be finite", record.reason)
            else:
                self.assertAllClose(record.score, other.score, rtol=1e-5)
        self.assertIn("FAILED", {record.status for record in tuner.records.trials})

    def test_a_builder_that_raises_fails_its_trial_only(self):
        def careless(hp):
            model = build(hp)
            if hp.get("units") == 4:
                raise keras_tuner.errors.FailedTrialError("four is not liked")
            return model

        oracle = RandomOracle(OBJECTIVE, max_trials=8, seed=1)
        for record in self.search(self.tuner(oracle, careless)).records.trials:
            failed = record.values["units"] == 4
            self.assertEqual(record.status, "FAILED" if failed else "COMPLETED")
            self.assertEqual("four is not liked" in record.reason, failed)

    def test_builders_that_raise_again_when_tried_once_more_end_no_search_that_goes_well(self):
        def stubborn(hp):
            model = build(hp)
            if hp.get("units") == 4:
                raise ValueError("four is not liked")
            return model

        oracle = RandomOracle(OBJECTIVE, max_trials=8, seed=1, max_retries_per_trial=1)
        records = self.search(self.tuner(oracle, stubborn), epochs=1).records.trials
        statuses = collections.Counter(record.status for record in records)
        self.assertEqual(statuses, {"COMPLETED": 3, "FAILED": 5})

    @parameterized.parameters(
        ({"callbacks": [keras.callbacks.CSVLogger(os.devnull)]}, "callbacks.*CSVLogger"),
        ({"steps_per_epoch": 1}, "steps_per_epoch"),
        ({"validation_freq": 2}, "validation_freq"),
    )
    def test_what_a_stack_does_not_do_is_done_by_fit_and_said(self, arguments, reason):
        oracle = RandomOracle(keras_tuner.Objective("loss", "min"), max_trials=2, seed=1)
        tuner = self.search(self.tuner(oracle), **arguments)
        self.assertEqual(tuner.report.ways, {"fit": 2})
        self.assertRegex(str(tuner.report), reason)

    def test_a_layer_that_hides_its_width_is_trained_otherwise_and_said(self):
        class Hiding(keras.layers.Layer):
            def __init__(self, width=5, **kwargs):
                super().__init__(**kwargs)
                self.width = width

            def build(self, input_shape):
                self.weight = self.add_weight(shape=(input_shape[-1], self.width))

            def call(self, inputs):
                return keras.ops.matmul(inputs, self.weight)

            def get_config(self):
                return {"name": self.name}  # without its width

        def hiding(hp):
            known = build(hp)
            layers = keras.Input((2,)), Hiding(hp.get("units")), keras.layers.Dense(2)
            model = keras.Sequential(layers)
            model.compile(known.optimizer, known.loss, jit_compile=False)
            return model

        tuner = self.search(self.tuner(builder=hiding))
        self.assertNotIn("one program", tuner.report.ways)  # made anew, it would have another width
        self.assertIn("cannot be vectorised: Invalid variable value", str(tuner.report))
        self.assertEqual([r.status for r in tuner.records.trials], ["COMPLETED"] * 4)

    def test_a_fit_of_the_hypermodels_own_is_used(self):
        class Own(keras_tuner.HyperModel):
            def build(self, hp):
                return build(hp)

            def fit(self, hp, model, *args, **kwargs):  # noqa: ARG002
                kwargs["epochs"] = 3
                return model.fit(*args, **kwargs)

        tuner = self.search(self.tuner(builder=Own()))
        self.assertEqual(tuner.report.ways, {"fit": 4})
        self.assertLen(self.rows(), 12)

    @pytest.mark.long
    def test_hyperparameters_that_only_a_fit_of_ones_own_reads_are_searched(self):
        class Own(keras_tuner.HyperModel):
            def build(self, hp):
                return build(hp)

            def fit(self, hp, model, *args, **kwargs):
                return model.fit(*args, batch_size=hp.Choice("own", [4, 20, 40]), **kwargs)

        stacked = self.search(self.tuner(builder=Own()))
        alone = self.search(self.tuner(builder=Own(), kind=OneByOneTuner, project_name="alone"))
        values = [record.values for record in self.records(stacked)]
        self.assertEqual(values, [record.values for record in self.records(alone)])
        self.assertGreater(len({each["own"] for each in values}), 1)

    @parameterized.parameters(
        ((keras.layers.IntegerLookup(vocabulary=[0, 1]), keras.layers.Embedding(3, 2)), "stacked"),
        ((keras.layers.Reshape((2, 1)), keras.layers.SimpleRNN(3)), "one program"),
    )
    def test_what_the_compiler_cannot_do_in_a_stack_is_trained_otherwise(self, layers, way):
        def unusual(hp):
            others = [type(layer).from_config(layer.get_config()) for layer in layers]
            hidden = [*others, keras.layers.Flatten(), keras.layers.Dense(2)]
            model = keras.Sequential([keras.Input((2,)), *hidden])
            model.compile(build(hp).optimizer, build(hp).loss, metrics=["accuracy"])
            return model

        tuner = self.search(self.tuner(builder=unusual, jit_compile=True))
        self.assertEqual(tuner.report.ways, {way: 4}, str(tuner.report))

    def test_models_that_cannot_be_vectorised_share_one_program_one_after_another(self):
        class Lonely(keras.layers.Layer):
            """Has an operation that neither the vectoriser nor XLA knows."""

            def call(self, inputs):
                first = tf.raw_ops.Unique(x=tf.reshape(tf.stop_gradient(inputs), [-1]))[0][0]
                return inputs + 1e-6 * first

            def compute_output_shape(self, shape):
                return shape

        def lonely(hp):
            model = build(hp)
            first, *others = model.layers
            lonely = keras.Sequential([keras.Input((2,)), first, Lonely(), *others])
            lonely.compile(model.optimizer, model.loss, metrics=["accuracy"], jit_compile=False)
            return lonely

        order = {"shuffle": False, "batch_size": 16}
        tuner = self.search(self.tuner(builder=lonely, jit_compile=True), **order)
        self.assertEqual(tuner.report.ways, {"one program": 4}, str(tuner.report))
        self.assertRegex(str(tuner.report), "it cannot be vectorised")
        alone = self.search(
            self.tuner(builder=lonely, kind=OneByOneTuner, project_name="alone"), **order
        )
        for one, other in zip(self.records(tuner), self.records(alone), strict=True):
            self.assertAllClose(one.score, other.score, rtol=1e-4)

    def test_a_stack_that_runs_out_of_memory_is_trained_one_after_another(self):
        train_epoch, epochs = Stack.train_epoch, []

        def exhausted(stack, order, seed):
            epochs.append(len(stack))
            if len(stack) > 1 and len(epochs) > 1:
                raise tf.errors.ResourceExhaustedError(None, None, "out of memory\nand so on")
            return train_epoch(stack, order, seed)

        with unittest.mock.patch.object(Stack, "train_epoch", exhausted):
            tuner = self.search(self.tuner())
        self.assertEqual(tuner.report.ways, {"one program": 4})
        self.assertIn("(its stack failed: out of memory: 4)", str(tuner.report))
        whole = self.search(self.tuner(project_name="whole"))
        for one, other in zip(self.records(tuner), self.records(whole), strict=True):
            self.assertAllClose(one.score, other.score, rtol=1e-4)
        self.assertLen(self.rows(), 8)

    def test_models_that_cannot_be_stacked_are_trained_by_fit_beside_those_that_can(self):
        def sometimes(hp):
            model = build(hp)
            if hp.get("units") == 4:
                model.compile(
                    keras.optimizers.Adafactor(0.01),
                    model.loss,
                    metrics=["accuracy"],
                    jit_compile=False,
                )
            return model

        oracle = RandomOracle(OBJECTIVE, max_trials=8, seed=1)
        tuner = self.search(self.tuner(oracle, sometimes))
        four = sum(record.values["units"] == 4 for record in tuner.records.trials)
        self.assertEqual(tuner.report.ways, {"fit": four, "stacked": 8 - four})
        self.assertIn("Adafactor", str(tuner.report))
        self.assertEqual({record.status for record in tuner.records.trials}, {"COMPLETED"})

    @parameterized.parameters(
        {"validation_split": 0.25, "validation_data": None},
        {"sample_weight": np.linspace(0, 1, 40)},
        {"class_weight": {0: 1.0, 1: 3.0}},
    )
    @pytest.mark.long(but=1)
    def test_what_fit_does_with_its_data_is_done(self, **arguments):
        order = {"shuffle": False, "batch_size": 16}
        stacked = self.search(self.tuner(), **order | arguments)
        self.assertEqual(stacked.report.ways, {"stacked": 4})
        self.search(self.tuner(kind=OneByOneTuner, project_name="alone"), **order | arguments)
        for one, other in zip(self.rows(), self.rows(project="alone"), strict=True):
            for name in ("loss", "val_loss"):
                self.assertAllClose(float(one[name]), float(other[name]), rtol=1e-4)

    @pytest.mark.long
    def test_an_optimizer_of_the_tuners_own_is_taken_and_the_metrics_stay(self):
        order = {"shuffle": False, "batch_size": 16}
        own = {"optimizer": keras.optimizers.SGD(0.05)}
        stacked = self.search(self.tuner(**own), **order)
        self.assertEqual(stacked.report.ways, {"stacked": 4})
        self.search(self.tuner(kind=OneByOneTuner, project_name="alone", **own), **order)
        for one, other in zip(self.rows(), self.rows(project="alone"), strict=True):
            for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
                self.assertAllClose(float(one[name]), float(other[name]), rtol=1e-4)

    def test_tables_of_pandas_are_taken_as_fit_takes_them(self):
        table, labels = pandas.DataFrame(self.x), pandas.Series(self.labels)
        order = {"shuffle": False, "batch_size": 16, "epochs": 2, "verbose": 0}
        tuner, alone = self.tuner(), self.tuner(kind=OneByOneTuner, project_name="alone")
        for each in (tuner, alone):
            each.search(table, labels, sample_weight=labels + 1.0, validation_split=0.25, **order)
        self.assertEqual(tuner.report.ways, {"stacked": 4})
        for one, other in zip(self.rows(), self.rows(project="alone"), strict=True):
            self.assertAllClose(float(one["val_loss"]), float(other["val_loss"]), rtol=1e-4)

    @pytest.mark.long
    def test_early_stopping_ends_each_trial_by_its_own_curve(self):
        stop = [keras.callbacks.EarlyStopping("val_loss", patience=1, min_delta=0.02)]
        order = {"shuffle": False, "batch_size": 16, "epochs": 8, "callbacks": stop}
        stacked = self.search(self.tuner(), **order)
        self.assertEqual(stacked.report.ways, {"stacked": 4})
        self.search(self.tuner(kind=OneByOneTuner, project_name="alone"), **order)
        epochs = [
            [(r["trial"], r["epoch"]) for r in self.rows(project=p)] for p in ("search", "alone")
        ]
        self.assertEqual(*epochs)
        self.assertLess(len(epochs[0]), 32)

    @parameterized.parameters(StackedTuner, OneByOneTuner)
    @pytest.mark.long(but=1)
    def test_pruning_ends_the_hopeless_and_says_by_which_rule(self, kind):
        oracle = RandomOracle(OBJECTIVE, max_trials=8, seed=1)
        tuner = self.search(self.tuner(oracle, kind=kind, pruning=MedianRule(1, 2)), epochs=4)
        trained = collections.Counter(row["trial"] for row in self.rows())
        pruned = [record for record in tuner.records.trials if "median" in record.reason]
        self.assertBetween(len(pruned), 2, 6)
        for record in tuner.records.trials:
            self.assertEqual(record.status, "COMPLETED")
            self.assertEqual(trained[record.trial] < 4, record in pruned)
        best = min(tuner.records.trials, key=lambda record: record.score)
        self.assertNotIn(best, pruned)

    def test_a_stack_is_compacted_where_that_pays_and_the_others_train_on_as_before(self):
        def search(project, seconds):
            oracle = RandomOracle(OBJECTIVE, max_trials=8, seed=1)
            arguments = {"pruning": SuccessiveHalving(2), "jit_compile": True}
            tuner = self.tuner(oracle, project_name=project, **arguments)
            sizes = []

            def look(training):
                training._stack.program.seconds_to_compile = seconds
                sizes.append(len(training._stack))

            tuner.on_epoch = look
            self.search(tuner, epochs=6, batch_size=40)  # one size, compiled for each stack
            return sizes, self.rows(project=project)

        sizes, compacted = search("compacted", -1.0)
        self.assertEqual(sizes, [8, 4, 2, 2, 1, 1])
        sizes, others = search("not", math.inf)
        self.assertEqual(set(sizes), {8})
        self.assertLen(compacted, 8 + 4 + 2 + 2 + 1 + 1)
        for one, other in zip(compacted, others, strict=True):
            self.assertEqual(one["trial"], other["trial"])
            self.assertAllClose(float(one["loss"]), float(other["loss"]), rtol=1e-5)

    @parameterized.parameters(1, 10**6)
    def test_a_data_set_is_streamed_through_the_same_program(self, bytes_at_once):
        def dataset():
            return tf.data.Dataset.from_tensor_slices((self.x, self.labels)).batch(16)

        with unittest.mock.patch("tuning.stacked.stream.BYTES_AT_ONCE", bytes_at_once):
            streamed = self.tuner()
            streamed.search(
                dataset(), validation_data=dataset(), epochs=2, shuffle=False, verbose=0
            )
        self.assertEqual(streamed.report.ways, {"stacked": 4}, str(streamed.report))
        order = {"shuffle": False, "batch_size": 16}
        arrays = self.search(self.tuner(project_name="arrays"), **order)
        for one, other in zip(self.records(streamed), self.records(arrays), strict=True):
            self.assertAllClose(one.score, other.score, rtol=1e-5)

    def test_a_group_that_needs_more_memory_than_there_may_be_used_is_trained_in_parts(self):
        sizes = []
        oracle = RandomOracle(OBJECTIVE, max_trials=7, seed=1)
        tuner = self.tuner(oracle, memory=1, on_epoch=lambda t: sizes.append(len(t.members)))
        self.search(tuner, epochs=1)
        self.assertEqual(sizes, [1] * 7)
        self.assertEqual(tuner.report.ways, {"stacked": 7})

    def test_more_trials_than_places_are_trained_stack_after_stack(self):
        oracle = RandomOracle(OBJECTIVE, max_trials=7, seed=1)
        tuner = self.search(self.tuner(oracle, stack_size=3))
        self.assertEqual(tuner.report.ways, {"stacked": 7})
        self.assertLen(tuner.records.trials, 7)

    @parameterized.parameters(1, 3)
    @pytest.mark.long(but=1)
    def test_a_search_stopped_within_a_stack_goes_on_from_its_last_checkpoint(self, stop_after):
        trained = []

        def interrupt(training):
            trained.append(training.next_epoch)
            if len(trained) == stop_after:
                raise KeyboardInterrupt

        def wild(hp):
            model = build(hp)
            if hp.get("units") == 3:
                model.optimizer.learning_rate = float("nan")
            return model

        def tuner(**arguments):
            oracle = RandomOracle(OBJECTIVE, max_trials=6, seed=1)
            return self.tuner(oracle, wild, checkpoint_seconds=0, **arguments)

        with self.assertRaises(KeyboardInterrupt):
            self.search(tuner(on_epoch=interrupt), epochs=4)
        again = self.search(tuner(on_epoch=interrupt), epochs=4)
        self.assertEqual(trained, [1, 2, 3, 4])  # no epoch twice
        whole = self.search(tuner(project_name="whole"), epochs=4)
        curves = [
            sorted(self.rows(project=project), key=lambda row: (row["trial"], int(row["epoch"])))
            for project in ("search", "whole")
        ]
        for one, other in zip(*curves, strict=True):
            self.assertEqual((one["trial"], one["epoch"]), (other["trial"], other["epoch"]))
            self.assertAllClose(float(one["loss"]), float(other["loss"]), rtol=1e-6)
        models = again.get_best_models(2) + whole.get_best_models(2)
        outputs = [model.predict(self.x, verbose=0) for model in models]
        self.assertAllClose(outputs[:2], outputs[2:], rtol=1e-5)
        self.assertEmpty(list(self.folder.glob("search/stack-*")))

    def test_hyperband_stopped_between_the_ends_of_a_stack_goes_on_to_the_same_trials(self):
        def search(name, on_trial=None):
            oracle = HyperbandOracle(OBJECTIVE, max_epochs=2, factor=2, max_trials=6, seed=0)
            more = {"project_name": name, "stack_size": 2, "on_trial": on_trial}
            tuner = self.search(self.tuner(oracle, **more))
            return [trial.hyperparameters.values for trial in tuner.oracle.trials.values()]

        def stop(_):
            raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            search("stopped", stop)
        self.assertEqual(search("stopped"), search("undisturbed"))

    def test_a_damaged_checkpoint_costs_no_more_than_its_stack(self):
        (self.folder / "search").mkdir()
        (self.folder / "search/stack-0-1.pickle").write_bytes(b"garbage")
        self.assertEqual(self.search(self.tuner()).report.ways, {"stacked": 4})

    def test_nothing_is_left_of_a_stack_if_a_kill_came_after_its_last_trial(self):
        self.search(self.tuner())
        (self.folder / "search/stack-0-1.pickle").touch()
        self.search(self.tuner())
        self.assertEmpty(list(self.folder.glob("search/stack-*")))

    def test_a_search_stopped_between_stacks_goes_on(self):
        def interrupt(record):
            if record.trial == "4":
                raise KeyboardInterrupt

        def oracle():
            return RandomOracle(OBJECTIVE, max_trials=7, seed=1)

        with self.assertRaises(KeyboardInterrupt):
            self.search(self.tuner(oracle(), stack_size=3, on_trial=interrupt))
        again = self.search(self.tuner(oracle(), stack_size=3)).records.trials
        whole = self.search(self.tuner(oracle(), stack_size=3, project_name="whole")).records
        self.assertEqual([r.values for r in again], [r.values for r in whole.trials])
        self.assertAllClose([r.score for r in again], [r.score for r in whole.trials], rtol=1e-5)

    def test_a_dropout_drops_the_same_when_the_widest_trial_ended_before_a_stop(self):
        def interrupt(_):
            raise KeyboardInterrupt

        def dropping(hp):
            rate, model = hp.Float("learning_rate", 0.01, 0.1), keras.Sequential()
            model.add(keras.Input((2,)))
            model.add(keras.layers.Dense(hp.Int("units", 3, 6)))
            model.add(keras.layers.Dropout(0.5))
            model.add(keras.layers.Dense(2, "softmax"))
            model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy")
            return model

        def searched(project_name, **arguments):
            values = [{"units": units, "learning_rate": 0.1} for units in (6, 4, 3)]
            oracle = GivenOracle(OBJECTIVE, values=values, seed=1)
            tuner = self.tuner(oracle, dropping, project_name=project_name, **arguments)
            return [record.score for record in self.records(self.search(tuner))]

        with self.assertRaises(KeyboardInterrupt):
            searched("search", on_trial=interrupt)
        self.assertAllClose(searched("search"), searched("whole"), rtol=1e-5)


if __name__ == "__main__":
    tf.test.main()
