import os
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tests.tuning.panda.watched import data, model, weights_of
from tuning.panda import Panda, journal
from tuning.panda.knobs_file import KnobsFile


class AtBatch(keras.callbacks.Callback):
    """Calls a function before a batch of the whole training."""

    def __init__(self, batch, function):
        super().__init__()
        self.batch, self.function, self.count = batch, function, 0

    def on_train_batch_begin(self, batch, logs=None):  # noqa: ARG002
        if self.count == self.batch:
            self.function(self.model)
        self.count += 1


class CallbackTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)
        self.lines = []

    def fit(self, network, *before, epochs=4, **more):
        """Fits in batches of 32, three an epoch."""
        watcher = Panda(self.folder / "run", say=self.lines.append, **more)
        fitted = network.fit(
            *data(),
            batch_size=32,
            shuffle=False,
            epochs=epochs,
            validation_data=data(48, seed=9),
            callbacks=[*before, watcher],
            verbose=0,
        )
        return watcher, fitted.history

    def entries(self):
        return journal.read(self.folder / "run/journal.jsonl")

    def set(self, **changes):
        return lambda _: KnobsFile(self.folder / "run").set(changes)

    def test_left_alone_it_changes_nothing(self):
        ours, theirs = model(), model()
        _, history = self.fit(ours)
        again = theirs.fit(*data(), batch_size=32, shuffle=False, epochs=4, verbose=0).history
        self.assertAllClose(history["loss"], again["loss"], rtol=1e-6)
        self.assertAllEqual(weights_of(ours), weights_of(theirs))
        self.assertEqual([entry.by for entry in self.entries()], ["start"])

    def test_a_model_that_waits_for_data_is_watched_from_its_first_step_on(self):
        def waiting():
            network = keras.Sequential([keras.layers.Dense(4, "relu"), keras.layers.Dense(3)])
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            network.compile(keras.optimizers.SGD(0.05, 0.9), loss, metrics=["accuracy"])
            return network

        keras.utils.set_random_seed(1)
        ours = waiting()
        self.fit(ours, AtBatch(3, self.set(learning_rate=0.01)))
        keras.utils.set_random_seed(1)
        theirs = waiting()
        turn = AtBatch(3, lambda network: setattr(network.optimizer, "learning_rate", 0.01))
        theirs.fit(*data(), batch_size=32, shuffle=False, epochs=4, verbose=0, callbacks=[turn])
        self.assertAllEqual(weights_of(ours), weights_of(theirs))
        self.assertEqual([(e.step, e.by) for e in self.entries()], [(1, "start"), (3, "person")])

    def test_the_learning_rate_changes_the_next_update(self):
        ours, theirs = model(), model()
        self.fit(ours, AtBatch(4, self.set(learning_rate=0.5, note="faster")))

        def turn(network):
            network.optimizer.learning_rate = 0.5

        theirs.fit(
            *data(), batch_size=32, shuffle=False, epochs=4, verbose=0, callbacks=[AtBatch(4, turn)]
        )
        self.assertAllEqual(weights_of(ours), weights_of(theirs))
        turned = self.entries()[1]
        self.assertEqual((turned.step, turned.by, turned.why), (4, "person", "faster"))

    def test_stop_stops_and_a_bad_value_changes_nothing(self):
        def edit(_):
            path = self.folder / "run/knobs.toml"
            path.write_text("learning_rate = -1\n")
            os.utime(path, (time.time() - 10,) * 2)

        _, history = self.fit(model(), AtBatch(2, edit), AtBatch(4, self.set(stop=True)))
        self.assertLen(history["loss"], 2)
        self.assertLen([line for line in self.lines if line.startswith("error: learning_rate")], 1)
        self.assertEqual(self.entries()[1].what, "stopped by a person")

    @parameterized.parameters("momentum", "dropout", "batch_size")
    def test_what_fit_has_in_its_trace_is_no_knob(self, name):
        def edit(_):
            path = self.folder / "run/knobs.toml"
            path.write_text(f"{name} = 0.5\n")
            os.utime(path, (time.time() - 10,) * 2)

        self.fit(model(), AtBatch(2, edit))
        self.assertIn(f"error: {name} must be a knob of this training", "\n".join(self.lines))

    @parameterized.parameters(1e30, 300.0)
    def test_a_loss_that_explodes_is_undone_at_the_epoch_s_end(self, rate):
        network = model()
        self.fit(network, AtBatch(6, self.set(learning_rate=rate)), epochs=8)
        guarded = [entry for entry in self.entries() if entry.by == "guard"]
        self.assertNotEmpty(guarded)
        self.assertEqual((guarded[0].step, guarded[0].back_to), (9, 6))
        self.assertAllClose(guarded[0].knobs["learning_rate"], rate / 3, rtol=1e-5)
        self.assertTrue(np.isfinite(weights_of(network)).all())

    def test_going_back_brings_weights_and_optimiser_back(self):
        network, held = model(keras.optimizers.Adam(0.01)), {}

        def note(own):
            held["before"] = [np.array(v) for v in (*own.variables, *own.optimizer.variables)]
            own.optimizer.learning_rate = 1e30

        self.fit(network, AtBatch(9, note), retries=0, epochs=6)
        self.assertEqual(self.entries()[-1].back_to, 9)
        after = [*network.variables, *network.optimizer.variables]
        for variable, value in zip(after, held["before"], strict=True):
            if variable.path != "adam/learning_rate":
                self.assertAllEqual(variable, value)

    def test_going_back_makes_the_velocity_that_of_the_new_learning_rate(self):
        network, held = model(keras.optimizers.SGD(0.05, momentum=0.9)), {}

        def note(own):
            held["before"] = np.array(own.optimizer.momentums[0])
            own.optimizer.learning_rate = 1e6

        self.fit(network, AtBatch(6, note), epochs=3)
        guarded = self.entries()[-1]
        self.assertEqual((guarded.by, guarded.back_to), ("guard", 6))
        factor = guarded.knobs["learning_rate"] / 0.05
        self.assertGreater(factor, 2)
        after = np.array(network.optimizer.momentums[0])
        self.assertAllClose(after / factor, held["before"], rtol=1e-4)

    def test_cutting_that_does_not_help_stops_with_the_last_good_epoch(self):
        network = model()
        at = AtBatch(6, self.set(learning_rate=1e30))
        _, history = self.fit(network, at, epochs=20, retries=2)
        self.assertLen(history["loss"], 2 + 3)
        self.assertRegex(self.entries()[-1].what, "stopped: going back 2 times did not help")
        evaluated = network.evaluate(*data(48, seed=9), verbose=0, return_dict=True)
        self.assertAllClose(evaluated["loss"], history["val_loss"][1], rtol=1e-5)

    def test_advice_is_told_and_acted_on_with_auto_only(self):
        for auto in (False, True):
            self.lines.clear()
            network = model(keras.optimizers.SGD(1e-3, momentum=0.0))
            self.folder = Path(self.create_tempdir(f"auto{auto}").full_path)
            self.fit(network, epochs=40, auto=auto)
            self.assertIn("advice: ", "\n".join(self.lines))
            acted = [entry.by for entry in self.entries()].count("advice")
            self.assertEqual(acted > 0, auto)

    def test_a_second_fit_goes_on_in_the_same_journal(self):
        network = model()
        self.fit(network)
        self.fit(network)
        self.assertEqual([entry.by for entry in self.entries()], ["start", "start"])

    def test_a_schedule_and_numbers_out_of_range_are_refused(self):
        schedule = keras.optimizers.schedules.InverseTimeDecay(0.1, 10, 0.5)
        with self.assertRaisesRegex(ValueError, "learning_rate must be a number"):
            self.fit(model(keras.optimizers.SGD(schedule)))
        for arguments in ({"cut": 1.0}, {"retries": -1}):
            with self.assertRaisesRegex(ValueError, "must be .* Received: "):
                Panda(self.folder, **arguments)


if __name__ == "__main__":
    tf.test.main()
