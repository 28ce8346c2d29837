"""Recurrent layers of any width train one after another through one program, padded."""

import keras
import keras_tuner
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

from tests.tuning.stacked.side_by_side import fit, orders, relative
from tuning import OneByOneTuner, StackedTuner
from tuning.oracles import RandomOracle
from tuning.stacked import Data, Grouping, Stack
from tuning.stacked.gathering import Gathering
from tuning.stacked.member import Member
from tuning.stacked.report import ONE_PROGRAM

L = keras.layers
STEPS = 5


def lstm(units):
    return L.LSTM(units, kernel_regularizer="l2", recurrent_constraint="unit_norm")


def gru(units):
    return L.GRU(units, return_sequences=True), L.LayerNormalization(), L.GRU(4)


def old_gru(units):
    return L.GRU(units, reset_after=False, use_bias=False), L.BatchNormalization(momentum=0.5)


def two_of_many_widths(units):
    sequences = L.LSTM(units, activation="sigmoid", return_sequences=True, go_backwards=True)
    return sequences, L.Dropout(0.0), L.LSTM(21 - units, unit_forget_bias=False), L.Dense(units)


def simple(units):
    return L.Dense(units), L.SimpleRNN(units + 1, activation="relu"), L.ReLU()


def convolutional(units):
    return L.Reshape((STEPS, 4, 1)), L.ConvLSTM1D(units, 2), L.Flatten()


def masked(units):
    return L.Masking(), L.LSTM(units)


def divided(inputs):
    """Counts the units, padding too."""
    return keras.ops.tanh(inputs) / tf.cast(tf.shape(inputs)[-1], inputs.dtype)


def counting(units):
    return L.LSTM(units, activation=divided)


def model_of(hidden, rate=0.1):
    hidden = hidden if isinstance(hidden, tuple) else (hidden,)
    head = L.Dense(3, activation="softmax")
    model = keras.Sequential([keras.Input((STEPS, 4)), *hidden, head])
    optimizer = keras.optimizers.SGD(rate, 0.9, clipnorm=0.5)
    loss = "sparse_categorical_crossentropy"
    model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)
    return model


def data_for(examples=32):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(examples, STEPS, 4)).astype("float32")
    x[::3, 3:] = 0  # masked, where that is asked for
    return x, draw.integers(0, 3, examples)


class RecurrentTest(tf.test.TestCase, parameterized.TestCase):
    def one_group(self, models, x, y):
        grouping = Grouping(Data(x, y))
        (group,), reasons = grouping.group(models, [8] * len(models))
        self.assertEmpty(reasons)
        group.is_padded = True
        return grouping, group

    @parameterized.parameters(lstm, gru, old_gru, two_of_many_widths, simple, convolutional, masked)
    def test_padded_to_one_width_each_trains_as_alone(self, hidden):
        models = [model_of(hidden(units)) for units in ((5, 5) if hidden is gru else (3, 9))]
        x, y = data_for()
        grouping, group = self.one_group(models, x, y)
        programs, (order,) = set(), orders(len(x), 1)
        for trial, model in enumerate(models):
            alone = group.part([trial])
            program = grouping.program(alone, vectorized=False)
            programs.add(program)
            self.assertIsNone(grouping.objection(program, alone))
            stack = Stack(program, [model], alone.skeletons, 8, Data(x, y), jit_compile=False)
            (before,) = stack.states()
            logs = stack.train_epoch(order, 0)
            (after,) = stack.states()
            own = fit(model, x, y, [order])
            (theirs,) = Stack(program, [model], alone.skeletons, 8, Data(x, y)).states()
            self.assertLess(relative(after.weights, theirs.weights, before.weights), 1e-4)
            for ours, other, entry in zip(
                after.others, theirs.others, program.template.others, strict=True
            ):
                if entry.kind == "state":
                    self.assertAllClose(ours, other, rtol=1e-4)
            self.assertAllClose(logs["loss"], own["loss"], rtol=1e-5)
        self.assertLen(programs, 1)

    @parameterized.parameters(
        (16, 1, True), (10**7, 1, False), (10**5, 1, True), (10**5, 64, False)
    )
    def test_they_are_padded_where_that_costs_less_than_compiling(self, examples, more, padded):
        grouping = Grouping(Data(*data_for()))
        gathering = Gathering(grouping, 10**9, examples, trials=4 * more)
        for units in (4, 12, 16, 8):
            gathering.add([Member(None, 1, model_of(lstm(units)), 32, 0, 2)])
        (stack,) = gathering.rest()
        alone = stack.alone()
        self.assertEqual([part.group.is_padded for part in alone], [padded] * 4)
        programs = {grouping.program(part.group, vectorized=False) for part in alone}
        self.assertLen(programs, 1 if padded else 4)

    def test_small_ones_are_worth_compiling_for_the_steps_of_their_loops(self):
        for hidden, compiled in ((lstm(2), True), ((L.Flatten(), L.Dense(60)), False)):
            gathering = Gathering(Grouping(Data(*data_for())), 10**9, 10**6)
            gathering.add([Member(None, 1, model_of(hidden), 100, 0, 1)])
            (stack,) = gathering.rest()
            self.assertEqual(bool(stack.jit_compile), compiled)

    def test_the_first_padded_trial_is_checked_even_if_one_that_is_not_was(self):
        models = [model_of(counting(units)) for units in (8, 4)]
        grouping, group = self.one_group(models, *data_for())
        program = grouping.program(group, vectorized=False)
        self.assertIsNone(grouping.objection(program, group.part([0])))
        self.assertIn("than its own model", grouping.objection(program, group.part([1])))

    @parameterized.parameters((L.GRU, True), (counting, False))
    @pytest.mark.long(but=1)
    def test_a_search_of_their_width_has_the_trials_of_fit(self, kind, may_be_padded):
        def build(hp):
            units = hp.Choice("units", [3, 6, 9])
            return model_of(kind(units), hp.Float("rate", 0.01, 0.1))

        x, y = data_for()
        tuners = []
        for tuner in (StackedTuner, OneByOneTuner):
            oracle = RandomOracle(keras_tuner.Objective("val_loss", "min"), max_trials=5, seed=1)
            tuners.append(tuner(oracle, build, directory=self.create_tempdir().full_path))
            tuners[-1].search(x, y, validation_data=(x, y), epochs=2, verbose=0)
        report = tuners[0].report
        self.assertEqual(report.ways, {ONE_PROGRAM: 5})
        trials = tuners[0].oracle.trials.values()
        widths = {trial.hyperparameters.get("units") for trial in trials}
        self.assertLen(report.programs, 1 if may_be_padded else len(widths))
        scores = [[t.score for t in each.oracle.trials.values()] for each in tuners]
        self.assertAllClose(*scores, rtol=1e-4)
        best = tuners[0].get_best_models()[0]
        loss = best.evaluate(x, y, verbose=0, return_dict=True)["loss"]
        self.assertAllClose(loss, min(scores[0]), rtol=1e-4)


if __name__ == "__main__":
    tf.test.main()
