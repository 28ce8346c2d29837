"""A space is checked when made, changed by copies, and speaks to keras-tuner."""

import dataclasses
import itertools
import tempfile
from pathlib import Path

import keras_tuner
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tests.tuning.spaces import CLASSIFIER
from tuning import (
    Choices,
    Fixed,
    Hyperparameter,
    Integers,
    Linear,
    Logarithmic,
    SearchSpace,
    log_complement,
    own_name,
    own_values,
)
from tuning.oracles import QuasiRandomOracle, RandomOracle

RATE = Hyperparameter("rate", Logarithmic(1e-4, 1.0), 0.01)


class SpaceTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        (lambda: SearchSpace(()), r"hyperparameters must hold at least one"),
        (lambda: SearchSpace((RATE, RATE)), r"names must be distinct. Received: 'rate'"),
        (lambda: Hyperparameter("", Linear(0, 1), 0.5), r"name must be a non-empty string"),
        (lambda: Hyperparameter("one_minus_a", Linear(0, 1), 0.5), r"name must not begin with"),
        (lambda: Hyperparameter("a", (0, 1), 0.5), r"a.range must be a scale"),
        (lambda: Hyperparameter("a", Linear(0, 1), 0.5, 5), r"a.priority must be 1, 2, 3 or 4"),
        (
            lambda: Hyperparameter("a", Linear(0, 1), 2.0),
            r"a.default must be in its range .*declared outside it. Received: default=2\.0\.",
        ),
        (lambda: Hyperparameter("a", Linear(0, 1)), r"a.default must be .* default=None\."),
        (lambda: Hyperparameter("a", Integers(1, 3), 1.5), r"a.default must be in its range"),
        (
            lambda: Hyperparameter("a", Choices((1, 2)), 3, default_outside_range=True),
            r"a.default must be in its range",
        ),
        (
            lambda: Hyperparameter("a", Linear(0, 1), float("nan"), default_outside_range=True),
            r"value must be finite",
        ),
    )
    def test_what_cannot_be_is_refused_when_made(self, make, message):
        with self.assertRaisesRegex(ValueError, message):
            make()

    def test_a_space_is_frozen(self):
        with self.assertRaises(dataclasses.FrozenInstanceError):
            CLASSIFIER.hyperparameters = ()
        with self.assertRaises(dataclasses.FrozenInstanceError):
            CLASSIFIER["learning_rate"].default = 1.0

    def test_defaults_and_priorities_are_read_by_name(self):
        self.assertEqual(CLASSIFIER.defaults["learning_rate_decay"], 0.0)
        self.assertEqual(CLASSIFIER.priorities["hidden_layers"], 3)
        self.assertIn("batch_size", CLASSIFIER)
        with self.assertRaisesRegex(ValueError, "name must be one of .* name='rate'"):
            CLASSIFIER["rate"]

    def test_narrowing_keeps_the_scale_and_moves_the_default_to_the_nearest_value(self):
        space = CLASSIFIER.narrow("learning_rate", low=0.1)
        self.assertEqual(space["learning_rate"].range, Logarithmic(0.1, 1.0))
        self.assertEqual(space["learning_rate"].default, 0.1)
        self.assertEqual(space.narrow("hidden_units", 90).defaults["hidden_units"], 90)
        self.assertEqual(CLASSIFIER["learning_rate"].range.low, 1e-4)

    def test_narrowing_does_not_widen(self):
        with self.assertRaisesRegex(ValueError, r"learning_rate.high must be in .* high=2\.0"):
            CLASSIFIER.narrow("learning_rate", high=2.0)
        with self.assertRaisesRegex(ValueError, "batch_size must have a range with two ends"):
            CLASSIFIER.narrow("batch_size", 32, 64)

    def test_replacing_widens(self):
        space = CLASSIFIER.replace("learning_rate", Logarithmic(1e-6, 10.0), priority=2)
        self.assertEqual(space["learning_rate"].range.high, 10.0)
        self.assertEqual(space.defaults["learning_rate"], 0.01)
        self.assertEqual(space.priorities["learning_rate"], 2)
        self.assertEqual(
            CLASSIFIER.replace("learning_rate_decay", Linear(0.5, 1.0)).defaults,
            CLASSIFIER.defaults,
        )

    def test_a_fixed_hyperparameter_is_not_searched(self):
        space = CLASSIFIER.fix("hidden_units", 200)
        self.assertFalse(space["hidden_units"].is_searched)
        self.assertNotIn("hidden_units", space.priorities)
        hp = keras_tuner.HyperParameters()
        self.assertEqual(space.declare(hp)["hidden_units"], 200)
        with self.assertRaisesRegex(ValueError, "hidden_units must be fixed at a value like"):
            CLASSIFIER.fix("hidden_units", "many")

    def test_only_some_tiers_leaves_the_rest_at_defaults(self):
        space = CLASSIFIER.only((1, 2))
        self.assertEqual(set(space.priorities.values()), {1, 2})
        self.assertEqual(space["learning_rate_decay"].range, Fixed(0.0))
        with self.assertRaisesRegex(ValueError, "tiers must be some of 1, 2, 3, 4"):
            CLASSIFIER.only((0,))


class TomlTest(tf.test.TestCase, parameterized.TestCase):
    def read(self, text):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "space.toml")
            path.write_text(text, encoding="utf-8")
            return SearchSpace.from_toml(path, CLASSIFIER)

    def test_a_file_narrows_widens_and_fixes(self):
        space = self.read(
            """
            hidden_layers = 3
            batch_size = [64, 512]
            [learning_rate]
            low = 1e-3
            default = 0.1
            [sgd_momentum]
            scale = "linear"
            low = 0.5
            high = 0.95
            priority = 1
            [hidden_units]
            high = 500
            scale = "logarithmic"
            [learning_rate_decay]
            fixed = 0.5
            """
        )
        self.assertEqual(space["hidden_layers"].range, Fixed(3))
        self.assertEqual(space["batch_size"].range, Choices((64, 512)))
        self.assertEqual(space["learning_rate"].range, Logarithmic(1e-3, 1.0))
        self.assertEqual(space.defaults["learning_rate"], 0.1)
        self.assertEqual(space["sgd_momentum"].range, Linear(0.5, 0.95))
        self.assertEqual(space.priorities["sgd_momentum"], 1)
        self.assertEqual(space["hidden_units"].range, Integers(50, 500, Logarithmic))
        self.assertEqual(space.defaults["learning_rate_decay"], 0.5)

    def test_choices_become_a_range_when_both_ends_are_named(self):
        space = self.read("[batch_size]\nlow = 16\nhigh = 32")
        self.assertEqual(space["batch_size"].range, Integers(16, 32))
        space = self.read('[batch_size]\nlow = 16\nhigh = 32\nscale = "linear"')
        self.assertEqual(space["batch_size"].range, Linear(16, 32))

    @parameterized.parameters(
        ("rate = 1", r"rate: name must be one of learning_rate, .* Received: name='rate'\."),
        ("[learning_rate]\nlo = 1", r"learning_rate: key must be one of low, .* key='lo'\."),
        ("[learning_rate]\nlow = 0", r"learning_rate: low must be greater than 0 on a log"),
        ("[learning_rate]\nlow = 2.0", r"learning_rate: high must be greater than low=2\.0"),
        ('[learning_rate]\nscale = "log"', r"scale must be one of linear, .* scale='log'\."),
        ("[learning_rate]\nfixed = 1\nlow = 0.1", r"entry must have one of fixed, values, or low"),
        ("[batch_size]\nlow = 16", r"batch_size: entry must have both low and high"),
        ("[batch_size]\nvalues = 3", r"values must be a list. Received: values=3\."),
        ("batch_size = []", r"batch_size: values must hold at least one"),
        ("hidden_layers = inf", r"hidden_layers: value must be finite"),
        ("[learning_rate]\npriority = 9", r"priority must be 1, 2, 3 or 4"),
        ("learning_rate = 2026-01-01", r"learning_rate: value must be int, float, str or bool"),
        ("low = ", r"space must be a TOML file. Received: .*space.toml: Invalid value"),
    )
    def test_a_mistake_is_told_with_file_and_name(self, text, message):
        with self.assertRaisesRegex(ValueError, message):
            self.read(text)


class KerasTunerTest(tf.test.TestCase, parameterized.TestCase):
    def test_declared_values_are_the_defaults_under_their_own_names(self):
        hp = keras_tuner.HyperParameters()
        self.assertAllClose(CLASSIFIER.declare(hp), CLASSIFIER.defaults, rtol=1e-12)
        self.assertAllClose(own_values(hp), CLASSIFIER.defaults, rtol=1e-12)
        self.assertIn("one_minus_sgd_momentum", hp.values)

    def test_declaring_again_keeps_a_trials_values(self):
        hp = keras_tuner.HyperParameters()
        hp.values = {"learning_rate": 0.5, "one_minus_sgd_momentum": 0.01}
        values = CLASSIFIER.declare(hp)
        self.assertEqual(values["learning_rate"], 0.5)
        self.assertEqual(values["sgd_momentum"], 0.99)

    def test_booleans_stay_booleans(self):
        space = SearchSpace((Hyperparameter("use", Choices((False, True)), True),))
        self.assertIs(space.declare(keras_tuner.HyperParameters())["use"], True)

    def test_own_names_drop_what_keras_tuner_sees(self):
        self.assertEqual(own_name("block/one_minus_momentum"), "block/momentum")
        hp = keras_tuner.HyperParameters()
        hp.values = {"tuner/epochs": 3, "one_minus_momentum": 0.25, "units": 3}
        self.assertEqual(own_values(hp), {"momentum": 0.75, "units": 3})

    def test_one_line_gives_a_foreign_builder_the_complement(self):
        hp = keras_tuner.HyperParameters()
        self.assertEqual(log_complement(hp, "momentum", 0.9, 0.999), 0.9)
        hp.values["one_minus_momentum"] = 0.001
        self.assertEqual(log_complement(hp, "momentum", 0.9, 0.999), 0.999)

    def test_a_complement_in_an_inactive_scope_is_none(self):
        hp = keras_tuner.HyperParameters()
        hp.Choice("kind", ["a", "b"])
        with hp.conditional_scope("kind", ["b"]):
            self.assertIsNone(log_complement(hp, "momentum", 0.9, 0.999))

    @parameterized.parameters(
        RandomOracle, QuasiRandomOracle, keras_tuner.oracles.RandomSearchOracle
    )
    def test_sampled_shares_follow_the_scales(self, oracle_class):
        hp = keras_tuner.HyperParameters()
        CLASSIFIER.declare(hp)
        oracle = oracle_class(objective="val_accuracy", seed=1, hyperparameters=hp)
        drawn = []
        for trial in range(2000):
            hp.values = oracle.populate_space(str(trial))["values"]
            oracle.start_order.append(str(trial))
            drawn.append(CLASSIFIER.values(hp))
        column = {name: np.array([each[name] for each in drawn]) for name in CLASSIFIER.defaults}
        for name, value in itertools.chain.from_iterable(each.items() for each in drawn):
            self.assertTrue(CLASSIFIER[name].range.contains(value), f"{name}={value}")
        self.assertAllClose(np.mean(column["sgd_momentum"] > 0.99), 0.5, atol=0.04)
        decades = np.histogram(np.log10(column["learning_rate"]), bins=[-4, -3, -2, -1, 0])[0]
        self.assertAllClose(decades / 2000, [0.25] * 4, atol=0.04)
        depths = [np.mean(column["hidden_layers"] == depth) for depth in (2, 3, 4)]
        self.assertAllClose(depths, [1 / 3] * 3, atol=0.04)
        self.assertEqual(set(column["hidden_units"]), set(range(50, 101)))

    def test_keras_tuners_reverse_log_is_why_the_complement_is_needed(self):
        hp = keras_tuner.engine.hyperparameters.Float("m", 0.9, 0.999, sampling="reverse_log")
        units = (np.arange(1000) + 0.5) / 1000
        self.assertLess(np.mean([hp.prob_to_value(unit) > 0.99 for unit in units]), 0.12)
