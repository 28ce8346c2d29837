"""Losses, metrics, weights of examples and precisions: whatever models are compiled with."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

from tests.tuning.stacked.side_by_side import (
    examples,
    fit,
    orders,
    relative,
    stacked,
    train_both_ways,
)
from tuning.stacked import Data

L = keras.layers


def top_two(y_true, y_pred):
    return keras.metrics.top_k_categorical_accuracy(y_true, y_pred, k=2)


def one_hot(labels):
    return np.eye(3, dtype="float32")[labels]


def model_of(width, head, loss, metrics=None, hidden=None, **compiling):
    hidden = hidden or L.Dense(width, activation="tanh")
    model = keras.Sequential([keras.Input((6,)), hidden, head])
    optimizer = keras.optimizers.SGD(0.05, 0.9, nesterov=True)
    model.compile(optimizer, loss, metrics=metrics, jit_compile=True, **compiling)
    return model


def guide_model(units, activation, use_dropout, learning_rate):
    """The model of Keras's guide "Getting started with KerasTuner", for smaller images."""
    model = keras.Sequential()
    model.add(L.Flatten())
    for width in units:
        model.add(L.Dense(width, activation=activation))
    if use_dropout:
        model.add(L.Dropout(rate=0.25))
    model.add(L.Dense(10, activation="softmax"))
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=learning_rate),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=True,
    )
    return model


class CompiledTest(tf.test.TestCase, parameterized.TestCase):
    def assert_same_training(self, outcome, bound=1e-4, rtol=1e-5):
        self.assertIsNone(outcome.objection)
        self.assertAllLess(outcome.differences, bound)
        for epoch, logs in enumerate(outcome.logs):
            for trial, history in enumerate(outcome.histories):
                self.assertEqual(list(logs), list(history))
                for name, values in history.items():
                    self.assertAllClose(logs[name][trial], values[epoch], rtol=rtol, msg=name)

    @parameterized.named_parameters(
        ("labels", "softmax", "sparse_categorical_crossentropy", ["acc"], None),
        (
            "one_hot",
            "softmax",
            keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
            ["accuracy", top_two, "mae"],
            one_hot,
        ),
        ("regression", None, "mse", ["mae", "mse"], one_hot),
        ("crossentropy", "softmax", "crossentropy", ["accuracy"], None),
    )
    def test_the_usual_losses_and_metrics(self, activation, loss, metrics, encode):
        x, labels = examples(40)
        y = labels if encode is None else encode(labels)
        models = [model_of(w, L.Dense(3, activation=activation), loss, metrics) for w in (4, 7)]
        self.assert_same_training(train_both_ways(models, x, y, eagerly=False))

    def test_a_metric_that_has_no_variables_before_it_has_seen_a_batch(self):
        def model(width):
            metrics = [keras.metrics.F1Score(average="macro")]
            head = L.Dense(3, activation="softmax")
            return model_of(width, head, "categorical_crossentropy", metrics)

        x, labels = examples(40)
        self.assert_same_training(
            train_both_ways([model(4), model(7)], x, one_hot(labels), eagerly=False)
        )

    @pytest.mark.long
    def test_binary_labels_with_weights_of_the_examples(self):
        x, labels = examples(40)
        y = (labels > 0).astype("float32")[:, np.newaxis]
        weights = np.random.default_rng(3).uniform(0, 2, 40).astype("float32")
        models = [
            model_of(
                width,
                L.Dense(1, activation="sigmoid"),
                "binary_crossentropy",
                ["accuracy"],
                weighted_metrics=["mse", keras.metrics.AUC(num_thresholds=20, name="auc")],
            )
            for width in (4, 7)
        ]
        validation = x[:16], y[:16], weights[:16]
        outcome = train_both_ways(
            models,
            x,
            y,
            epochs=2,
            sample_weight=weights,
            validation=validation,
            eagerly=False,
        )
        self.assert_same_training(outcome)

    def test_several_inputs_and_outputs(self):
        def two_headed(width):
            inputs = [keras.Input((6,), name="left"), keras.Input((6,), name="right")]
            a = L.Dense(width, activation="tanh")(L.Concatenate()(inputs))
            heads = [L.Dense(3, activation="softmax", name="kind")(a), L.Dense(1, name="size")(a)]
            model = keras.Model(inputs, heads)
            model.compile(
                keras.optimizers.SGD(0.05),
                {"kind": "sparse_categorical_crossentropy", "size": "mse"},
                loss_weights={"kind": 1.0, "size": 0.3},
                metrics={"kind": ["accuracy"]},
                jit_compile=True,
            )
            return model

        x, labels = examples(40)
        models = [two_headed(4), two_headed(7)]
        y = [labels, labels.astype("float32")]
        stack = stacked(models, Data([x, 1 - x], y))
        before = stack.states()
        logs = stack.train_epoch(np.arange(40), 0)
        for place, model in enumerate(models):
            history = model.fit([x, 1 - x], y, batch_size=8, shuffle=False, verbose=0).history
            self.assertEqual(list(logs), list(history))
            for name, values in history.items():
                self.assertAllClose(logs[name][place], values[0], rtol=1e-5)
            ours = stack.states()[place].weights
            own = [np.asarray(v) for v in model.trainable_variables]
            self.assertLess(relative(ours, own, before[place].weights), 1e-4)

    def test_the_guides_model(self):
        draw = np.random.default_rng(0)
        x = draw.uniform(size=(40, 4, 4)).astype("float32")
        y = np.eye(10, dtype="float32")[draw.integers(0, 10, 40)]
        settings = ((64, 32), 1e-3), ((32, 96), 3e-3)
        models = [guide_model(units, "relu", False, rate) for units, rate in settings]
        self.assert_same_training(train_both_ways(models, x, y, eagerly=False))

    def test_double_precision_agrees_to_nine_digits(self):
        def model(width):
            hidden = L.Dense(width, activation="tanh", kernel_regularizer="l2")
            return model_of(width, L.Dense(3, activation="softmax"), loss, hidden=hidden)

        loss = "sparse_categorical_crossentropy"
        keras.config.set_floatx("float64")
        keras.config.set_dtype_policy("float64")
        try:
            x, y = examples(40, dtype="float64")
            outcome = train_both_ways([model(4), model(7)], x, y, eagerly=False)
        finally:
            keras.config.set_floatx("float32")
        self.assertAllLess(outcome.differences, 1e-9)

    def test_low_precision_trains_as_it_does_alone(self):
        hidden = [L.Dense(w, activation="tanh", dtype="mixed_bfloat16") for w in (4, 7)]
        head = "softmax"
        models = [
            model_of(0, L.Dense(3, activation=head), "sparse_categorical_crossentropy", hidden=h)
            for h in hidden
        ]
        outcome = train_both_ways(models, *examples(40), eagerly=False)
        self.assert_same_training(outcome, bound=0.02, rtol=1e-3)

    def test_leaving_a_regulariser_out_would_show(self):
        x, y = examples(40)
        models = [
            model_of(
                4,
                L.Dense(3, activation="softmax"),
                "sparse_categorical_crossentropy",
                hidden=L.Dense(4, kernel_regularizer=penalty),
            )
            for penalty in ("l2", None)
        ]
        models[1].set_weights(models[0].get_weights())
        before = models[0].get_weights()
        for model in models:
            fit(model, x, y, orders(40, 1))
        ends = [model.get_weights() for model in models]
        self.assertGreater(relative(*ends, before), 1e-2)


if __name__ == "__main__":
    tf.test.main()
