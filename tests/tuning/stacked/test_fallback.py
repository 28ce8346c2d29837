"""What cannot be vectorised is told so, and trains one after another through one program."""

import threading

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tests.tuning.stacked.side_by_side import fit, orders, relative
from tuning.stacked import Data, Grouping, NotStackable, Stack, check_first_batch

L = keras.layers


@keras.saving.register_keras_serializable(package="tests")
class Unvectorised(L.Layer):
    """Has an operation that neither the vectoriser nor XLA knows."""

    def call(self, inputs):
        return tf.raw_ops.Unique(x=tf.reshape(inputs, [-1]))[0][0] + inputs


@keras.saving.register_keras_serializable(package="tests")
class WidthDependent(L.Dense):
    """Divides by the number of channels it sees, behind the kernel that a template trusts."""

    def call(self, inputs):
        return super().call(inputs) / tf.cast(tf.shape(inputs)[-1], inputs.dtype)


def model_of(*layers, rate=0.05):
    model = keras.Sequential([*layers, L.Dense(3, activation="softmax")])
    model.compile(
        keras.optimizers.SGD(rate, 0.9),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=True,
    )
    return model


class FallbackTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        draw = np.random.default_rng(0)
        self.x = draw.normal(size=(40, 4, 3)).astype("float32")
        self.y = draw.integers(0, 3, 40)
        self.data = Data(self.x, self.y)
        self.grouping = Grouping(self.data)

    def group_of(self, *models):
        groups, reasons = self.grouping.group(models, [8] * len(models))
        self.assertEmpty(reasons)
        self.assertLen(groups, 1)
        return groups[0]

    def objection_to(self, *models):
        group = self.group_of(*models)
        program = self.grouping.program(group)
        return check_first_batch(program, group.models, group.skeletons, 8, self.data)

    def test_what_the_vectoriser_does_not_know_is_said(self):
        model = model_of(keras.Input((4, 3)), L.Flatten(), L.Dense(4), Unvectorised())
        self.assertIn("it cannot be vectorised", self.objection_to(model))

    def test_a_layer_that_counts_its_channels_is_found_out(self):
        models = [
            model_of(keras.Input((4, 3)), L.Flatten(), L.Dense(width), WidthDependent(4))
            for width in (3, 9)
        ]
        self.assertIn("another loss than its own model", self.objection_to(*models))

    def test_one_after_another_trains_as_alone_and_traces_once(self):
        models = [model_of(keras.Input((4, 3)), L.SimpleRNN(5), rate=r) for r in (0.05, 0.02)]
        group = self.group_of(*models)
        programs = [self.grouping.program(group.part([i]), vectorized=False) for i in (0, 1)]
        self.assertIs(*programs)
        (order,) = orders(40, 1)
        for member, model in enumerate(models):
            part = group.part([member])
            stack = Stack(programs[0], part.models, part.skeletons, 8, self.data)
            (before,) = stack.states()
            logs = stack.train_epoch(order, 0)
            history = fit(model, self.x, self.y, [order])
            own = [np.asarray(v) for v in model.trainable_variables]
            self.assertLess(relative(stack.states()[0].weights, own, before.weights), 1e-4)
            self.assertAllClose(logs["loss"], history["loss"], rtol=1e-5)
        self.assertEqual(programs[0].traces, 1)

    def test_compiling_ahead_in_another_thread_trains_nothing(self):
        group = self.group_of(model_of(keras.Input((4, 3)), L.Flatten(), L.Dense(4)))
        program = self.grouping.program(group)
        stack = Stack(program, group.models, group.skeletons, 8, self.data, self.data)
        (before,) = stack.states()
        thread = threading.Thread(target=stack.compile)
        thread.start()
        thread.join()
        traced = program.traces
        self.assertEqual(traced, 1)
        for ours, same in zip(stack.states()[0].weights, before.weights, strict=True):
            self.assertAllEqual(ours, same)
        stack.train_epoch(np.arange(40), 0)
        self.assertEqual(program.traces, traced)

    def test_what_the_compiler_cannot_do_is_said(self):
        model = model_of(keras.Input((4, 3)), L.Flatten(), L.Dense(4), Unvectorised())
        group = self.group_of(model)
        program = self.grouping.program(group)
        stack = Stack(program, group.models, group.skeletons, 8, self.data)
        with self.assertRaisesRegex(NotStackable, "it cannot be compiled"):
            stack.compile()


if __name__ == "__main__":
    tf.test.main()
