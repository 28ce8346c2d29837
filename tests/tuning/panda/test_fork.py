"""Forked copies train as if alone; the model stays as it was until one of them is adopted."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

from tests.tuning.panda.models import (
    Own,
    assert_untouched,
    classifier,
    everything,
    normed,
)
from tests.tuning.stacked.side_by_side import examples, relative
from tuning.panda.fork import fork_and_look
from tuning.panda.look import SHORT_LOOK
from tuning.panda.passes import passes
from tuning.pictures import pixels
from tuning.stacked import Data, NotStackable

TOLERANCE = 1e-4  # of the distance travelled, in float32
SHORT = {"steps": 12, "batch_size": 8, "looks": 4}
SGD, AdamW = keras.optimizers.SGD, keras.optimizers.AdamW


def trained(optimizer, dropout=0.0):
    """A live model, in the midst of its training."""
    model = classifier(optimizer, normed(5, dropout))
    model.fit(*examples(), batch_size=8, epochs=2, verbose=0)
    return model


def copy_of(model, numbers):
    """The same by Keras's own means: another model, in the same state, with other numbers."""
    config = model.optimizer.get_config() | numbers
    copy = classifier(type(model.optimizer).from_config(config), normed(5))
    copy.optimizer.build(copy.trainable_variables)
    copy.set_weights(model.get_weights())
    rate = copy.optimizer.learning_rate.numpy()
    for variable, value in zip(copy.optimizer.variables, model.optimizer.variables, strict=True):
        variable.assign(value)
    copy.optimizer.learning_rate = rate
    return copy


def numbers_in(model):
    return [np.array(variable) for variable in [*model.variables, *model.optimizer.variables]]


class ForkTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        (
            lambda: SGD(0.02, 0.9),
            [{}, {"learning_rate": 0.1}, {"momentum": 0.5}, {"learning_rate": 0.05}],
        ),
        (
            lambda: AdamW(0.002, weight_decay=0.01),
            [{"weight_decay": 0.3}, {"learning_rate": 0.005, "beta_1": 0.8}],
        ),
    )
    @pytest.mark.long(but=1)
    def test_copies_are_what_keras_makes_of_the_model_alone(self, optimizer, variations):
        model, (x, y) = trained(optimizer()), examples()
        look = fork_and_look(model, x, y, variations, seed=3, validation=(x, y), **SHORT)
        rows = passes(Data(x, y), 3, 12 * 8)
        for copy, numbers in enumerate(variations):
            alone, adopted = copy_of(model, numbers), copy_of(model, {})
            before = numbers_in(alone)
            alone.fit(x[rows], y[rows], batch_size=8, shuffle=False, verbose=0)
            ends = alone.evaluate(x, y, verbose=0, return_dict=True)
            look.adopt(adopted, copy)
            self.assertLess(
                relative(numbers_in(adopted), numbers_in(alone), before), TOLERANCE, msg=numbers
            )
            for name, value in ends.items():
                self.assertAllClose(look.curves[f"val_{name}"][-1, copy], value, rtol=1e-4)

    def test_the_model_is_bit_by_bit_as_it_was(self):
        model = trained(SGD(0.02, 0.9), dropout=0.3)
        model.compile(
            model.optimizer, model.loss, metrics=[keras.metrics.SparseCategoricalAccuracy()]
        )
        x, y = examples()
        model.train_on_batch(x, y)
        before = everything(model)
        fork_and_look(model, x, y, [{}, {"learning_rate": 0.3}], **SHORT)
        assert_untouched(self, model, before)

    def test_going_on_after_a_fork_is_as_if_there_had_been_none(self):
        ends, (x, y) = [], examples()
        for forks in (False, True):
            keras.utils.set_random_seed(3)
            model = trained(SGD(0.02, 0.9), dropout=0.3)
            if forks:
                fork_and_look(model, x, y, [{}, {"learning_rate": 0.3}], **SHORT)
            model.fit(x, y, batch_size=8, verbose=0)
            ends.append([*model.get_weights(), np.array(random.random())])
        for own, other in zip(*ends, strict=True):
            self.assertAllEqual(own, other)

    def test_a_copy_that_diverges_harms_none_and_never_wins(self):
        model, (x, y) = trained(SGD(0.02, 0.9)), examples()
        tame = [{}, {"learning_rate": 0.05}]
        alone = fork_and_look(model, x, y, tame, **SHORT)
        beside = fork_and_look(model, x, y, [{"learning_rate": 1e30}, *tame], **SHORT)
        self.assertFalse(np.isfinite(beside.curves["loss"][:, 0]).all())
        self.assertEqual(beside.winner, alone.winner + 1)
        for copy in range(2):
            pairs = zip(alone.states[copy].weights, beside.states[copy + 1].weights, strict=True)
            for own, other in pairs:
                self.assertAllClose(own, other, rtol=1e-5, atol=1e-6)

    def test_if_all_copies_diverge_nothing_can_be_adopted(self):
        model, (x, y) = trained(SGD(0.02, 0.9)), examples()
        before = everything(model)
        look = fork_and_look(model, x, y, [{"learning_rate": 1e30}], validation=(x, y), **SHORT)
        self.assertIsNone(look.winner)
        self.assertIn("all of them diverged", look.sentence)
        with self.assertRaisesRegex(ValueError, "copy must be named, since all diverged"):
            look.adopt(model)
        assert_untouched(self, model, before)
        self.assertGreater(pixels(look.figure()).std(), 0)

    @parameterized.parameters(True, False)
    def test_the_lowest_loss_at_the_end_wins_of_validation_if_there_is_one(self, has_validation):
        model, (x, y) = trained(SGD(0.02, 0.9)), examples()
        opposite = (x, (y + 1) % 3)  # what helps in training hurts here
        rates = [{"learning_rate": rate} for rate in (1e-6, 0.02, 0.1)]
        validation = opposite if has_validation else None
        look = fork_and_look(model, x, y, rates, validation=validation, **SHORT)
        self.assertEqual(look.winner, 0 if has_validation else 2)
        self.assertEqual(look.curves[look.objective].shape, (4, 3))
        self.assertAllEqual(look.steps, [3, 6, 9, 12])
        look.adopt(model)
        self.assertAllClose(
            float(model.optimizer.learning_rate), rates[look.winner]["learning_rate"]
        )

    def test_the_sentence_says_what_short_looks_favour(self):
        look = fork_and_look(
            trained(SGD(0.02, 0.9)), *examples(), [{}, {"learning_rate": 0.5}], **SHORT
        )
        self.assertIn("small learning rates", SHORT_LOOK)
        self.assertIn(SHORT_LOOK, look.sentence)
        self.assertIn("learning_rate 0.5", look.sentence)
        self.assertIn("unchanged", look.sentence)
        self.assertIn("12 steps", look.sentence)

    def test_an_adopted_momentum_counts_in_the_next_step(self):
        model, (x, y) = trained(SGD(0.02, 0.9)), examples()
        look = fork_and_look(model, x, y, [{"momentum": 0.0001}], **SHORT)
        look.adopt(model)
        velocity = np.array(model.optimizer.momentums[0])
        model.optimizer.learning_rate = 0.0
        model.fit(x, y, batch_size=len(x), verbose=0)
        self.assertAllClose(model.optimizer.momentums[0], velocity * 0.0001)

    def test_each_copy_is_a_line_and_the_winner_is_thick(self):
        variations = [{}, {"learning_rate": 0.5}, {"momentum": 0.1}]
        look = fork_and_look(trained(SGD(0.02, 0.9)), *examples(), variations, **SHORT)
        lines = look.figure().axes[0].get_lines()
        self.assertLen(lines, 3)
        for copy, line in enumerate(lines):
            self.assertAllClose(line.get_ydata(), look.curves["loss"][:, copy])
        self.assertEqual(np.argmax([line.get_linewidth() for line in lines]), look.winner)

    def test_few_examples_and_uneven_looks_do(self):
        model, (x, y) = trained(SGD(0.02, 0.9)), examples(5)
        look = fork_and_look(model, x, y, [{}, {}], steps=5, looks=3, batch_size=64)
        self.assertAllEqual(look.steps, [2, 4, 5])
        self.assertEqual(look.states[0].iterations, int(model.optimizer.iterations) + 5)
        for own, other in zip(look.states[0].weights, look.states[1].weights, strict=True):
            self.assertAllEqual(own, other)

    def test_a_model_that_cannot_be_stacked_is_refused_with_the_reason(self):
        x, y = examples()
        model = classifier(keras.optimizers.Adafactor(0.01), normed(5))
        with self.assertRaisesRegex(NotStackable, "the optimiser Adafactor is none of"):
            fork_and_look(model, x, y, [{}], **SHORT)
        own = Own()
        own.compile("sgd", "sparse_categorical_crossentropy")
        own(x)
        with self.assertRaisesRegex(NotStackable, "cannot be forked: a Own is neither"):
            fork_and_look(own, x, y, [{}], **SHORT)

    @pytest.mark.long
    def test_what_xla_cannot_compile_is_forked_without_it(self):
        layers = [keras.layers.Reshape((2, 3)), keras.layers.SimpleRNN(3)]
        model = classifier(SGD(0.1), layers)
        look = fork_and_look(model, *examples(), [{}, {"learning_rate": 0.5}], **SHORT)
        self.assertTrue(np.isfinite(look.curves["loss"]).all())

    @parameterized.parameters(
        ([], {}, "variations must be one or more"),
        ([{"learning_rat": 0.1}], {}, "numbers must be SGD's own: .*learning_rate.*learning_rat"),
        ([{"momentum": 0.0}], {}, "variations must leave a momentum"),
        ([{"nesterov": 1.0}], {}, "numbers must be SGD's own"),
        ([{"learning_rate": float("nan")}], {}, "learning_rate must be a finite number"),
        ([{}], {"steps": 0}, "steps must be a whole number, 1 or more"),
        ([{}], {"looks": 1.5}, "looks must be a whole number, 1 or more"),
    )
    def test_arguments_out_of_range_are_refused(self, variations, arguments, message):
        with self.assertRaisesRegex(ValueError, message):
            fork_and_look(classifier(SGD(0.1, 0.9)), *examples(), variations, **arguments)

    def test_a_learning_rate_by_a_schedule_is_refused(self):
        schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
        with self.assertRaisesRegex(ValueError, "learning_rate must be a number"):
            fork_and_look(classifier(SGD(schedule)), *examples(), [{}])


if __name__ == "__main__":
    tf.test.main()
