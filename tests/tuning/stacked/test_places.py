"""Trials leave a stack, enter it, go back into their models, and stay what they were."""

import pickle

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tests.tuning.stacked.side_by_side import examples, fit, orders, relative, stacked
from tuning.optimizer_state import variables_of
from tuning.stacked import Data, Grouping, Stack


def momentum(rate):
    return keras.optimizers.SGD(rate, 0.9)


def model_of(width, rate=0.01, optimizer=momentum):
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(width, activation="tanh"),
            keras.layers.BatchNormalization(momentum=0.8),
            keras.layers.Dropout(0.0),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(optimizer(rate), "sparse_categorical_crossentropy", jit_compile=True)
    return model


def leaves(state):
    slots = [array for arrays in state.slots.values() for array in arrays]
    return [*state.weights, *state.others, *slots, state.iterations]


class PlacesTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.x, self.y = examples(24)
        self.data = Data(self.x, self.y)
        self.orders = orders(24, 4)

    def stack_of(self, models, jit_compile=False):
        return stacked(models, self.data, jit_compile=jit_compile)

    def train(self, stack, epochs):
        return [stack.train_epoch(self.orders[epoch], epoch) for epoch in epochs]

    def assert_same_state(self, state, expected, rtol=1e-5):
        for ours, theirs in zip(leaves(state), leaves(expected), strict=True):
            self.assertAllClose(ours, theirs, rtol=rtol, atol=1e-6)

    def test_those_kept_train_on_as_if_nothing_had_happened(self):
        models = [model_of(width) for width in (3, 5, 8)]
        through, cut = self.stack_of(models), self.stack_of(models)
        self.train(through, range(4))
        self.train(cut, range(2))
        cut.keep([2, 0])
        self.assertLen(cut, 2)
        self.assertIs(cut.place(0).model, models[2])
        self.train(cut, range(2, 4))
        expected = through.states([2, 0])
        for state, same in zip(cut.states(), expected, strict=True):
            self.assert_same_state(state, same)

    def test_those_admitted_later_begin_at_their_own_iteration(self):
        first, second = model_of(4), model_of(9)
        grouping = Grouping(self.data)
        (group,), _ = grouping.group([first, second], [8, 8])
        program = grouping.program(group)
        alone = Stack(program, [second], group.skeletons[1:], 8, self.data, jit_compile=False)
        stack = Stack(program, [first], group.skeletons[:1], 8, self.data, jit_compile=False)
        self.train(stack, range(2))
        stack.admit([second], group.skeletons[1:])
        self.train(stack, range(2))
        self.train(alone, range(2))
        self.assertEqual([state.iterations for state in stack.states()], [12, 6])
        self.assert_same_state(stack.states()[1], alone.states()[0])

    def test_a_pickled_snapshot_goes_on_exactly(self):
        models = [model_of(width) for width in (3, 8)]
        stack = self.stack_of(models)
        self.train(stack, range(2))
        snapshot = pickle.dumps(stack.states())
        self.train(stack, range(2, 4))
        again = Stack(
            stack.program,
            models,
            [place.skeleton for place in stack._places],
            8,
            self.data,
            states=pickle.loads(snapshot),
            jit_compile=False,
        )
        self.train(again, range(2, 4))
        for state, expected in zip(again.states(), stack.states(), strict=True):
            for ours, theirs in zip(leaves(state), leaves(expected), strict=True):
                self.assertAllEqual(ours, theirs)

    @parameterized.parameters(keras.optimizers.Adam, momentum, keras.optimizers.Nadam)
    def test_fit_goes_on_from_what_is_written_back(self, optimizer):
        model, through = model_of(5, optimizer=optimizer), model_of(5, optimizer=optimizer)
        through.set_weights(model.get_weights())
        before = through.get_weights()
        stack = self.stack_of([model, model_of(8, optimizer=optimizer)], jit_compile=True)
        self.train(stack, range(2))
        self.assertIs(stack.write_back(0), model)
        self.assertEqual(int(model.optimizer.iterations), 6)
        fit(model, self.x, self.y, self.orders[2:])
        fit(through, self.x, self.y, self.orders)
        self.assertLess(relative(model.get_weights(), through.get_weights(), before), 1e-4)
        optimizers = variables_of(model.optimizer), variables_of(through.optimizer)
        for ours, theirs in zip(*optimizers, strict=True):
            self.assertAllClose(ours, theirs, rtol=1e-3, atol=1e-5)

    def test_a_model_trained_by_fit_goes_on_in_a_stack(self):
        model, through = model_of(5), model_of(5)
        through.set_weights(model.get_weights())
        before = through.get_weights()
        fit(model, self.x, self.y, self.orders[:2], eagerly=False)
        stack = self.stack_of([model, model_of(8)], jit_compile=True)
        self.train(stack, range(2, 4))
        fit(through, self.x, self.y, self.orders, eagerly=False)
        ours = stack.write_back(0).get_weights()
        self.assertLess(relative(ours, through.get_weights(), before), 1e-4)

    def test_the_states_of_seeds_advance_as_in_fit(self):
        def dropping():
            model = keras.Sequential([keras.Input((6,)), keras.layers.Dropout(0.5, seed=3)])
            model.add(keras.layers.Dense(3, activation="softmax"))
            model.compile("sgd", "sparse_categorical_crossentropy")
            return model

        ours, theirs = dropping(), dropping()
        stack = self.stack_of([ours])
        self.train(stack, range(2))
        stack.write_back(0)
        fit(theirs, self.x, self.y, self.orders[:2])
        seeds = [model.layers[0].seed_generator.state for model in (ours, theirs)]
        self.assertAllEqual(*seeds)

    def test_an_evaluation_may_have_batches_of_its_own(self):
        models = [model_of(3), model_of(8)]
        stack = self.stack_of(models)
        skeletons = [place.skeleton for place in stack._places]
        how = {"validation_batch_size": 24, "jit_compile": False}
        large = Stack(stack.program, models, skeletons, 8, self.data, **how).evaluate(self.data)
        self.assertAllClose(stack.evaluate(self.data), large)
        for place, model in enumerate(models):
            expected = model.evaluate(self.x, self.y, batch_size=8, verbose=0)
            self.assertAllClose(large["loss"][place], expected, rtol=1e-5)

    def test_padding_stays_zero(self):
        stack = self.stack_of([model_of(3), model_of(8)])
        self.train(stack, range(2))
        weights = stack._state["weights"]
        self.assertAllEqual(weights[0][0, :, 3:], np.zeros((6, 5)))
        self.assertAllEqual(weights[-2][0, 3:, :], np.zeros((5, 3)))
        self.assertNotAllClose(weights[-2][1, 3:, :], np.zeros((5, 3)))


if __name__ == "__main__":
    tf.test.main()
