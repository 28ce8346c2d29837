"""The range test suggests a learning rate that is good, and leaves the model as it was."""

import math
import os
import signal

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from layers import BatchNorm
from tests.tuning.panda.models import Own, assert_untouched, classifier, everything, normed
from tests.tuning.panda.real_runs import ADAM, Kind, build, digits, train
from tests.tuning.stacked.side_by_side import examples
from tuning.panda.learning_rate_range import find_learning_rate
from tuning.panda.passes import passes
from tuning.pictures import pixels
from tuning.stacked import Data

SHORT = {"batch_size": 8, "steps": 12}


class Interrupted:
    """Seeds of which the second comes with a Ctrl-C."""

    def __len__(self):
        return 2

    def __iter__(self):
        yield 0
        os.kill(os.getpid(), signal.SIGINT)
        yield 1


def pair(optimizer):
    """A model of two inputs."""
    inputs = {"a": keras.Input((6,), name="a"), "b": keras.Input((6,), name="b")}
    outputs = keras.layers.Dense(3)(keras.layers.Concatenate()([inputs["a"], inputs["b"]]))
    model = keras.Model(inputs, outputs)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


class FindLearningRateTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.product(has_trained=(False, True), seeds=((0, 1), Interrupted()))
    def test_everything_is_bit_by_bit_as_it_was(self, has_trained, seeds):
        model = classifier(keras.optimizers.Adam(0.01), normed(5, dropout=0.5))
        x, y = examples()
        if has_trained:
            model.fit(x, y, verbose=0)
        before = everything(model)
        if isinstance(seeds, Interrupted):
            with self.assertRaises(KeyboardInterrupt):
                find_learning_rate(model, x, y, seeds=seeds, **SHORT)
        else:
            find_learning_rate(model, x, y, seeds=seeds, **SHORT)
        assert_untouched(self, model, before)

    def test_a_model_whose_loss_fails_is_as_it_was(self):
        def fails(y, outputs):  # noqa: ARG001
            raise RuntimeError("no loss")

        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])
        model.compile("sgd", fails)
        before = everything(model)
        with self.assertRaisesRegex(RuntimeError, "no loss"):
            find_learning_rate(model, *examples(), **SHORT)
        assert_untouched(self, model, before)

    @parameterized.parameters(False, True)
    def test_losses_are_those_of_training_at_these_rates_by_keras(self, has_trained):
        model = classifier(keras.optimizers.SGD(0.1, 0.9), normed(5))
        x, y = examples()
        if has_trained:
            model.fit(x, y, verbose=0)
        model.jit_compile = True
        found = find_learning_rate(model, x, y, seeds=(4,), lowest=1e-3, highest=1.0, **SHORT)
        theirs = []
        for rows in passes(Data(x, y), 4, 12 * 8).reshape(12, 8):
            model.optimizer.learning_rate = found.learning_rates[len(theirs)]
            model.reset_metrics()
            theirs.append(model.train_on_batch(x[rows], y[rows], return_dict=True)["loss"])
        self.assertAllClose(found.losses[0], theirs, rtol=1e-4)
        self.assertAllClose(found.learning_rates, np.geomspace(1e-3, 1, 12))

    @parameterized.named_parameters(
        ("batch norm and momentum", Kind(2, BatchNorm), {"momentum": 0.9}, (-3.0, 0.0)),
        ("plain and Adam", Kind(2, optimizer=ADAM), {}, (-4.0, -1.0)),
    )
    def test_the_suggestion_is_among_the_best_of_a_grid(self, kind, numbers, decades):
        (x, y), _ = digits()
        model = build(kind, {"learning_rate": 1.0} | numbers)
        suggested = find_learning_rate(model, x, y, batch_size=kind.batch_size).suggested
        rates = [*np.logspace(*decades, 7), suggested]
        runs = train(kind, [{"learning_rate": float(rate)} | numbers for rate in rates], 20)
        *grid, own = (np.mean(run.curves["val_accuracy"][-3:]) for run in runs)
        good = [rate for rate, score in zip(rates, grid, strict=False) if score > max(grid) - 0.01]
        self.assertBetween(suggested, min(good) / 3, 3 * max(good))
        self.assertGreater(own, max(grid) - 0.02)

    @parameterized.parameters(1e8, 1e30)
    def test_rates_at_which_everything_diverges_do_not_count(self, highest):
        model = classifier(keras.optimizers.SGD(1.0), normed(5))
        with_them = find_learning_rate(model, *examples(200), highest=highest)
        self.assertFalse(np.isfinite(with_them.losses).all() and highest > 1e8)
        self.assertBetween(with_them.suggested, 1e-3, 1.0)
        self.assertTrue(math.isfinite(pixels(with_them.figure()).mean()))

    def test_for_a_model_that_has_learnt_all_the_edge_is_where_the_loss_rises(self):
        (x, y), _ = digits(300)
        model = build(Kind(2), {"learning_rate": 0.1, "momentum": 0.9})
        model.fit(x, y, batch_size=64, epochs=60, verbose=0)
        found = find_learning_rate(model, x, y)
        self.assertBetween(found.suggested, 1e-3, 0.3)
        self.assertRegex(found.reason, "the loss did not fall clearly from .* and rose beyond")

    def test_several_seeds_are_one_program(self):
        calls = []

        def counted(y, outputs):
            calls.append(1)
            return keras.losses.sparse_categorical_crossentropy(y, outputs)

        counts = []
        for seeds in ((0,), (0, 1, 2)):
            model = classifier("sgd")
            model.compile("sgd", counted)
            calls.clear()
            found = find_learning_rate(model, *examples(), seeds=seeds, **SHORT)
            counts.append(len(calls))
            self.assertEqual(found.losses.shape, (len(seeds), 12))
        self.assertEqual(*counts)
        self.assertNotAllClose(found.losses[0], found.losses[1])

    @parameterized.named_parameters(
        ("a schedule", lambda: keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)),
        ("a number", lambda: 0.1),
    )
    def test_all_optimisers_with_a_learning_rate_can_be_tested(self, rate):
        inner = keras.optimizers.RMSprop(rate(), momentum=0.5, clipnorm=1.0)
        for optimizer in (inner, keras.optimizers.LossScaleOptimizer(inner)):
            found = find_learning_rate(classifier(optimizer), *examples(), **SHORT)
            self.assertBetween(found.suggested, 1e-7, 1.0)

    def test_models_of_any_kind_can_be_tested(self):
        x, y = examples()
        own = Own()
        own.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        self.assertBetween(find_learning_rate(own, x, y, **SHORT).suggested, 1e-7, 1.0)
        two, weights = pair("sgd"), np.ones(len(x), "float32")
        found = find_learning_rate(two, {"a": x, "b": x}, y, sample_weight=weights, **SHORT)
        none = find_learning_rate(two, {"a": x, "b": x}, y, sample_weight=0 * weights, **SHORT)
        self.assertGreater(found.losses.min(), 0)
        self.assertEqual(none.losses.max(), 0)

    def test_the_reason_names_what_was_seen(self):
        found = find_learning_rate(classifier("adam"), *examples(), **SHORT)
        self.assertIn(f"{found.suggested:.2g}", found.reason)
        self.assertEndsWith(found.reason, ".")
        self.assertEqual(found.reason.count("\n"), 0)

    @parameterized.parameters(
        ({"batch_size": 0}, "batch_size must be a whole number, 1 or more"),
        ({"steps": 9}, "steps must be a whole number, 10 or more"),
        ({"seeds": ()}, "seeds must be one or more integers"),
        ({"lowest": 0.0}, "lowest and highest must be numbers with 0 < lowest < highest"),
        ({"lowest": 1.0, "highest": 1.0}, "0 < lowest < highest"),
        ({"highest": math.nan}, "0 < lowest < highest"),
    )
    def test_arguments_out_of_range_are_refused(self, wrong, message):
        with self.assertRaisesRegex(ValueError, message):
            find_learning_rate(classifier("sgd"), *examples(), **wrong)

    def test_models_and_data_that_do_not_do_are_refused(self):
        x, y = examples()
        with self.assertRaisesRegex(ValueError, "equally many examples.*36.*37"):
            find_learning_rate(classifier("sgd"), x, y[:-1])
        uncompiled = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])
        with self.assertRaisesRegex(ValueError, "model must be compiled"):
            find_learning_rate(uncompiled, x, y)
        with self.assertRaisesRegex(ValueError, "must have a finite loss to begin with"):
            find_learning_rate(classifier("sgd"), np.full_like(x, np.nan), y)


if __name__ == "__main__":
    tf.test.main()
