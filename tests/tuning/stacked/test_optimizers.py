"""The stacked updates are Keras's own, each trial's with its own numbers."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tests.tuning.stacked.side_by_side import relative
from tuning.stacked.errors import NotStackable
from tuning.stacked.optimizers import apply, numbers_of, rule_of
from tuning.stacked.schedules import LearningRates

SGD, RMSprop = keras.optimizers.SGD, keras.optimizers.RMSprop
Adam, AdamW, Nadam = keras.optimizers.Adam, keras.optimizers.AdamW, keras.optimizers.Nadam
Adagrad, Adadelta = keras.optimizers.Adagrad, keras.optimizers.Adadelta
Adamax, Lamb = keras.optimizers.Adamax, keras.optimizers.Lamb
Lion, Ftrl = keras.optimizers.Lion, keras.optimizers.Ftrl
SHAPES = (4, 3), (3,)
STEPS = 5
# Each with what it would be without the feature, two trials of different numbers.
CASES = {
    "sgd": (SGD, [{"learning_rate": 0.1}, {"learning_rate": 0.02}], None),
    "momentum": (SGD, [{"momentum": 0.9}, {"momentum": 0.5}], {"momentum": 0.0}),
    "nesterov": (
        SGD,
        [{"momentum": 0.9, "nesterov": True}, {"momentum": 0.5, "nesterov": True}],
        {"nesterov": False},
    ),
    "rmsprop": (RMSprop, [{"rho": 0.9}, {"rho": 0.99, "epsilon": 1e-3}], None),
    "rmsprop momentum": (RMSprop, [{"momentum": 0.9}, {"momentum": 0.5}], {"momentum": 0.0}),
    "centered": (RMSprop, [{"centered": True, "rho": r} for r in (0.9, 0.5)], {"centered": False}),
    "adam": (Adam, [{"beta_1": 0.8}, {"beta_2": 0.9, "epsilon": 1e-2}], None),
    "amsgrad": (Adam, [{"amsgrad": True, "beta_2": b} for b in (0.5, 0.6)], {"amsgrad": False}),
    "adamw": (AdamW, [{"weight_decay": 0.1}, {"weight_decay": 0.3}], {"weight_decay": 0.0}),
    "nadam": (Nadam, [{"beta_1": 0.8}, {"beta_2": 0.9, "epsilon": 1e-2}], None),
    "lamb": (Lamb, [{"beta_1": 0.8}, {"beta_2": 0.9, "epsilon": 1e-2}], None),
    "adamax": (Adamax, [{"beta_1": 0.8}, {"beta_2": 0.9, "epsilon": 1e-2}], None),
    "adagrad": (
        Adagrad,
        [{"initial_accumulator_value": 0.5}, {"epsilon": 1e-2}],
        {"initial_accumulator_value": 0.0},
    ),
    "adadelta": (Adadelta, [{"rho": 0.5}, {"learning_rate": 1.0, "epsilon": 1e-2}], None),
    "lion": (Lion, [{"beta_1": 0.5}, {"beta_2": 0.5}], None),
    "ftrl": (
        Ftrl,
        [
            {"learning_rate": 0.5, "l1_regularization_strength": 0.5, "beta": 0.1},
            {
                "learning_rate": 1.0,
                "learning_rate_power": -0.8,
                "l2_regularization_strength": 0.2,
                "l2_shrinkage_regularization_strength": 0.3,
                "initial_accumulator_value": 1.0,
            },
        ],
        {"l1_regularization_strength": 0.0},
    ),
    "lion decay": (Lion, [{"weight_decay": d} for d in (3.0, 5.0)], {"weight_decay": None}),
    "decay": (SGD, [{"weight_decay": 0.1}, {"weight_decay": 0.3}], {"weight_decay": None}),
    "clipnorm": (SGD, [{"clipnorm": 0.5}, {"clipnorm": 2.0}], {"clipnorm": None}),
    "clipvalue": (SGD, [{"clipvalue": 0.1}, {"clipvalue": 0.9}], {"clipvalue": None}),
    "global_clipnorm": (
        SGD,
        [{"global_clipnorm": 0.5}, {"global_clipnorm": 100.0}],
        {"global_clipnorm": None},
    ),
    "schedule": (
        SGD,
        [
            {"learning_rate": keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)},
            {"learning_rate": 0.01},
        ],
        {"learning_rate": 0.1},
    ),
}


def drawn(trials, dtype, seed):
    draw = np.random.default_rng(seed)
    return [[draw.normal(size=shape).astype(dtype) for shape in SHAPES] for _ in range(trials)]


def keras_ends(optimizers, dtype):
    """Weights of each trial after `STEPS` steps of Keras's own optimiser."""
    ends = []
    for trial, optimizer in enumerate(optimizers):
        weights = [keras.Variable(w, dtype=dtype) for w in drawn(len(optimizers), dtype, 0)[trial]]
        for step in range(STEPS):
            gradients = drawn(len(optimizers), dtype, 1 + step)[trial]
            optimizer.apply([tf.constant(g) for g in gradients], weights)
        ends.append([np.asarray(weight) for weight in weights])
    return ends


def stacked_ends(optimizers, dtype):
    rule, *others = {rule_of(optimizer) for optimizer in optimizers}
    assert not others
    numbers = [numbers_of(optimizer) for optimizer in optimizers]
    numbers = {name: tf.constant([n[name] for n in numbers], dtype) for name in numbers[0]}
    rates = np.stack([LearningRates(optimizer).at(0, STEPS) for optimizer in optimizers], 1)
    weights = [tf.stack(w) for w in zip(*drawn(len(optimizers), dtype, 0), strict=True)]
    slots = [rule.first_slots(optimizer, drawn(1, dtype, 0)[0]) for optimizer in optimizers]
    slots = tf.nest.map_structure(lambda *own: tf.stack(own), *slots)
    for step in range(STEPS):
        gradients = zip(*drawn(len(optimizers), dtype, 1 + step), strict=True)
        gradients = [tf.stack(gradient) for gradient in gradients]
        iterations = tf.fill([len(optimizers)], step)
        weights, slots = apply(rule, numbers, rates[step], iterations, weights, gradients, slots)
    return [[w[trial].numpy() for w in weights] for trial in range(len(optimizers))]


class OptimizersTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.product(name=tuple(CASES), dtype=("float32", "float64"))
    def test_stacked_updates_are_those_of_keras(self, name, dtype):
        kind, settings, _ = CASES[name]
        ours = stacked_ends([kind(**s) for s in settings], dtype)
        theirs = keras_ends([kind(**s) for s in settings], dtype)
        bound = 1e-6 if dtype == "float32" else 1e-9
        for trial, before in enumerate(drawn(2, dtype, 0)):
            self.assertLess(relative(ours[trial], theirs[trial], before), bound)

    @parameterized.parameters(name for name, case in CASES.items() if case[2])
    def test_leaving_a_feature_out_would_show(self, name):
        kind, settings, without = CASES[name]
        ours = stacked_ends([kind(**s) for s in settings], "float64")
        plain = keras_ends([kind(**(s | without)) for s in settings], "float64")
        self.assertGreater(relative(ours[0], plain[0], drawn(2, "float64", 0)[0]), 1e-2)

    def test_a_gradient_of_nan_in_one_trial_leaves_the_others_alone(self):
        for name in ("clipnorm", "clipvalue", "global_clipnorm"):
            rule = rule_of(SGD(**{name: 1.0}))
            gradients = tf.constant([[np.nan, np.nan], [3.0, 4.0]]), tf.constant([[np.inf], [0.0]])
            numbers = {"clip": tf.constant([1.0, 1.0])}
            zeros = [tf.zeros_like(gradient) for gradient in gradients]
            weights, _ = apply(rule, numbers, tf.constant([1.0, 1.0]), 0, zeros, gradients, {})
            expected = [-1.0, -1.0] if name == "clipvalue" else [-0.6, -0.8]
            self.assertAllClose(weights[0][1], expected)
            self.assertAllEqual(weights[1][1], [0.0])

    def test_a_weight_without_a_gradient_does_not_even_decay(self):
        rule, numbers = rule_of(AdamW()), numbers_of(AdamW(weight_decay=0.5))
        numbers = {name: tf.constant([number]) for name, number in numbers.items()}
        ones = [tf.ones((1, 2)), tf.ones((1, 2))]
        slots = dict.fromkeys(rule.slots, ones)
        rate, steps = tf.constant([0.1]), tf.constant([3])
        weights, after = apply(rule, numbers, rate, steps, ones, [None, ones[1]], slots)
        self.assertAllEqual(weights[0], ones[0])
        self.assertAllEqual(after["_momentums"][0], ones[0])
        self.assertNotAllClose(weights[1], ones[1])

    @parameterized.parameters(
        (keras.optimizers.Adafactor(), "the optimiser Adafactor is none of SGD"),
        (SGD(use_ema=True), "use_ema"),
        (SGD(gradient_accumulation_steps=2), "gradient_accumulation_steps"),
        (SGD(loss_scale_factor=2.0), "loss_scale_factor"),
    )
    def test_what_is_not_written_for_stacks_is_refused(self, optimizer, reason):
        with self.assertRaisesRegex(NotStackable, reason):
            rule_of(optimizer)

    def test_an_optimizer_that_spares_weights_from_decay_is_refused(self):
        optimizer = AdamW()
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        with self.assertRaisesRegex(NotStackable, "excludes weights"):
            rule_of(optimizer)

    def test_a_row_of_an_embedding_is_refused_where_keras_treats_it_in_another_way(self):
        optimizer = Adamax()
        numbers = {name: tf.constant([n]) for name, n in numbers_of(optimizer).items()}
        ones, rule = [tf.ones((1, 2, 3))], rule_of(optimizer)
        given = tf.constant([0.1]), tf.constant([0]), ones, ones, {"_m": ones, "_u": ones}
        apply(rule, numbers, *given, squares={})
        with self.assertRaisesRegex(NotStackable, "Adamax of an embedding's gradient"):
            apply(rule, numbers, *given, squares={0: ones[0]})

    def test_rules_differ_where_more_than_numbers_does(self):
        rules = {rule_of(kind(**s[0])) for kind, s, _ in CASES.values()}
        self.assertLen(rules, len(CASES) - 1)  # a schedule makes no other rule


if __name__ == "__main__":
    tf.test.main()
