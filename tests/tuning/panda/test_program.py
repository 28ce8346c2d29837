import keras
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

from tests.tuning.panda.watched import data, model, weights_of
from tuning.panda.program import Program, scale_velocity

ROWS = np.arange(32, dtype=np.int32)
OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.05, momentum=0.9),
    "nesterov": lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.003, momentum=0.5),
    "adam": lambda: keras.optimizers.Adam(0.01),
    "adamw": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
}


class ProgramTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        *(("sgd", True), ("nesterov", False), ("rmsprop", False), ("adam", True), ("adamw", False))
    )
    @pytest.mark.long(but=2)
    def test_it_trains_as_fit_does(self, name, normalise):
        ours, theirs = (model(OPTIMIZERS[name](), normalise=normalise) for _ in range(2))
        x, y = data()
        theirs.compile(theirs.optimizer, theirs.loss, metrics=["accuracy"], jit_compile=True)
        history = theirs.fit(x, y, batch_size=40, shuffle=False, epochs=2, verbose=0).history
        program = Program(ours, (x, y))
        for epoch in range(2):
            program.reset()
            for first in range(0, len(x), 40):
                program.step(np.arange(first, min(first + 40, len(x)), dtype=np.int32))
            for metric, value in program.logs().items():
                self.assertAllClose(value, history[metric][epoch], rtol=1e-4)
        self.assertAllClose(weights_of(ours), weights_of(theirs), atol=2e-6)

    @parameterized.parameters(
        ("sgd", "learning_rate", 0.5),
        ("sgd", "momentum", 0.1),
        ("sgd", "weight_decay", 0.5),
        ("rmsprop", "momentum", 0.9),
        ("adam", "momentum", 0.1),
        ("adam", "learning_rate", 0.1),
        ("adam", "weight_decay", 0.5),
        ("adamw", "weight_decay", 0.9),
    )
    def test_each_knob_changes_the_next_update_as_a_new_trace_of_keras_would(
        self, name, knob, value
    ):
        ours, unturned, theirs = (model(OPTIMIZERS[name]()) for _ in range(3))
        program = Program(ours, data(), jit_compile=False)
        x, y = (array[:32] for array in data())
        program.step(ROWS)
        for network in (unturned, theirs):
            network.train_on_batch(x, y)
        program.assign(knob, value)
        own = {"momentum": "momentum" if hasattr(theirs.optimizer, "momentum") else "beta_1"}
        setattr(theirs.optimizer, own.get(knob, knob), value)
        theirs.make_train_function(force=True)
        program.step(ROWS)
        for network in (unturned, theirs):
            network.train_on_batch(x, y)
        self.assertAllClose(weights_of(ours), weights_of(theirs), atol=2e-6)
        self.assertGreater(np.abs(weights_of(ours) - weights_of(unturned)).max(), 1e-4)
        self.assertEqual(program.traces, 1)

    @parameterized.parameters(("sgd", 0.25), ("rmsprop", 0.25), ("adam", 1.0))
    def test_a_cut_counts_for_remembered_updates_where_they_contain_the_rate(self, name, share):
        optimizer = OPTIMIZERS[name]()
        program = Program(model(optimizer), data())
        program.step(ROWS)
        velocity = getattr(optimizer, "momentums" if name == "sgd" else "_momentums")[0]
        before = np.array(velocity)
        scale_velocity(optimizer, 0.25)
        self.assertAllClose(velocity, share * before)
        self.assertGreater(np.abs(before).max(), 0)

    def test_a_batch_size_is_traced_once(self):
        program = Program(model(), data())
        for size in (32, 16, 32, 16, 8, 32):
            program.step(ROWS[:size])
        self.assertEqual(program.traces, 3)

    def test_a_turned_knob_is_in_the_model_s_own_configuration(self):
        network = model(dropout=0.3)
        program = Program(network, data())
        program.step(ROWS)
        self.assertEqual(network.optimizer.momentum, 0.9)  # what stood there during the trace, goes
        for name, value in {"momentum": 0.5, "weight_decay": 0.01, "dropout": 0.4}.items():
            program.assign(name, value)
        program.step(ROWS[:8])
        config = network.optimizer.get_config()
        self.assertEqual((config["momentum"], config["weight_decay"]), (0.5, 0.01))
        self.assertEqual(network.layers[2].get_config()["rate"], 0.4)
        keras.models.clone_model(network)

    def test_dropout_drops_its_share_and_none_in_evaluation(self):
        x, y = np.ones((2000, 6), np.float32), np.zeros((2000, 6), np.float32)
        inputs = keras.Input((6,))
        scale = keras.layers.Dense(6, "relu", kernel_initializer="identity", use_bias=False)
        network = keras.Model(inputs, keras.layers.Dropout(0.0)(scale(inputs)))

        def share_kept(y, outputs):
            return tf.reduce_mean(tf.cast(outputs > y, tf.float32), axis=-1) + 0 * outputs[:, 0]

        network.compile(keras.optimizers.SGD(0.1), share_kept)
        program, kept = Program(network, (x, y), (x, y)), []
        for rate in (0.0, 0.5, 0.9):
            program.assign("dropout", rate)
            kept.append(program.step(np.arange(2000, dtype=np.int32))[0])
        self.assertAllClose(kept, [1.0, 0.5, 0.1], atol=0.02)
        self.assertEqual(program.traces, 1)
        self.assertAllClose(program.evaluate(program.validation)["loss"], 1.0)

    def test_what_xla_cannot_compile_is_a_graph(self):
        words = np.array([["a"], ["b"], ["a"], ["c"]] * 8)
        network = keras.Sequential(
            [
                keras.layers.StringLookup(vocabulary=["a", "b", "c"], output_mode="one_hot"),
                keras.layers.Dense(3),
            ]
        )
        network.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        network.build((None, 1))
        program = Program(network, (words, np.array([0, 1, 0, 2] * 8)))
        losses = [program.step(ROWS)[0] for _ in range(20)]
        self.assertFalse(program.jit_compile)
        self.assertLess(losses[-1], losses[0])

    @parameterized.parameters(
        ({}, "model must be compiled"),
        ({"optimizer": "schedule"}, "learning_rate must be a number.*InverseTimeDecay"),
        ({"optimizer": "scaled"}, "optimizer must not scale the loss"),
    )
    def test_what_cannot_be_watched_is_refused(self, given, message):
        network = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])
        schedule = keras.optimizers.schedules.InverseTimeDecay(0.1, 10, 0.5)
        scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1))
        optimizers = {"schedule": keras.optimizers.SGD(schedule), "scaled": scaled}
        if given:
            network.compile(optimizers[given["optimizer"]], "mse")
        with self.assertRaisesRegex(ValueError, message):
            Program(network, data())

    def test_a_model_that_trains_in_its_own_way_is_refused(self):
        class Own(keras.Sequential):
            def train_step(self, data):
                return super().train_step(data)

        network = Own([keras.Input((6,)), keras.layers.Dense(3)])
        network.compile("sgd", "mse")
        with self.assertRaisesRegex(ValueError, "Keras's own train_step"):
            Program(network, data())


if __name__ == "__main__":
    tf.test.main()
