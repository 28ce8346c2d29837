"""Members put together by their program while trials are still being built."""

import types

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tuning.stacked import Data, Grouping
from tuning.stacked.gathering import WORTH_COMPILING, Gathering, uses_of_weights
from tuning.stacked.groups import MOST
from tuning.stacked.member import Member
from tuning.stacked.stack import WHOLE_BATCHES

FULL = MOST["GPU" if tf.config.list_physical_devices("GPU") else "CPU"]


def member_of(units, depth=1, batch_size=8, epochs=2, first_epoch=0):
    hidden = [keras.layers.Dense(units, "relu") for _ in range(depth)]
    model = keras.Sequential([keras.Input((6,)), *hidden, keras.layers.Dense(3)])
    model.compile("sgd", "mse")
    trial = types.SimpleNamespace(trial_id=str(units))
    return Member(trial, 1, model, batch_size, first_epoch, epochs)


class GatheringTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.grouping = Grouping(Data(np.zeros((16, 6)), np.zeros((16, 3))))

    def gathering(self, examples=16, **arguments):
        arguments = {"jit_compile": True} | arguments
        return Gathering(self.grouping, 10**9, examples, **arguments)

    def add(self, gathering, members):
        stacks = []
        for member in members:
            full, reason = gathering.add([member])
            self.assertIsNone(reason)
            stacks += full
        return stacks

    def test_a_stack_is_handed_out_as_soon_as_it_is_full(self):
        gathering = self.gathering()
        members = [member_of(4 + i) for i in range(FULL + 3)]
        self.assertEmpty(self.add(gathering, members[: FULL - 1]))
        (stack,) = self.add(gathering, members[FULL - 1 :])
        self.assertEqual((stack.members, stack.places), (members[:FULL], FULL))
        self.assertEqual(stack.group.models, [member.model for member in members[:FULL]])
        (rest,) = gathering.rest()
        self.assertEqual(rest.members, members[FULL:])
        self.assertEmpty(gathering.rest())

    def test_members_of_other_epochs_or_batches_train_apart(self):
        gathering = self.gathering()
        first = [member_of(4), member_of(5)]
        others = [member_of(4, batch_size=4), member_of(4, epochs=3), member_of(4, first_epoch=1)]
        self.add(gathering, first + others)
        stacks = [stack.members for stack in gathering.rest()]
        self.assertEqual(stacks, [first, *([other] for other in others)])

    @parameterized.parameters(
        (16, False, 1), (80_000, WHOLE_BATCHES, FULL), (10**8, WHOLE_BATCHES, 3)
    )
    def test_programs_are_compiled_and_the_rest_is_filled_up_where_it_pays(
        self, examples, pays, places
    ):
        gathering = self.gathering(examples, trials=100 * FULL, jit_compile="auto")
        (full,) = self.add(gathering, [member_of(4) for _ in range(FULL + 3)])
        (rest,) = gathering.rest()
        self.assertEqual([full.jit_compile, rest.jit_compile], [pays, pays])
        self.assertEqual(rest.places, places)

    def test_the_rest_of_an_epoch_and_the_evaluation_are_compiled_where_epochs_are_many(self):
        gathering = self.gathering(examples=32, jit_compile="auto")
        for epochs, compiled in ((2, False), (25 * 10**5, WHOLE_BATCHES), (10**7, True)):
            self.add(gathering, [member_of(4, epochs=epochs)])
            (rest,) = gathering.rest()
            self.assertEqual(rest.jit_compile, compiled)

    def test_what_the_trials_to_come_make_worth_while_is_compiled_at_once(self):
        for trials, pays in ((FULL, False), (100 * FULL, WHOLE_BATCHES)):
            one = (6 * 4 + 4 + 4 * 3 + 3) * 2 / 8  # uses of weights by an example in two epochs
            examples = WORTH_COMPILING / one / (10 * FULL)
            gathering = self.gathering(examples, trials=trials, jit_compile="auto")
            (full,) = self.add(gathering, [member_of(4) for _ in range(FULL)])
            self.assertEqual(full.jit_compile, pays)

    @parameterized.parameters(True, False)
    def test_whether_to_compile_can_be_settled(self, jit_compile):
        for examples in (16, 10**8):
            gathering = self.gathering(examples, jit_compile=jit_compile)
            self.add(gathering, [member_of(4), member_of(6)])
            (rest,) = gathering.rest()
            self.assertEqual(rest.jit_compile, jit_compile)
            self.assertEqual(rest.places, 2 if jit_compile else 1)

    def test_neighbours_in_the_rest_are_different_programs(self):
        gathering = self.gathering()
        for batch_size in (8, 4):
            self.add(gathering, [member_of(4, depth, batch_size) for depth in (1, 1, 2, 2)])
        stacks = gathering.rest()
        keys = [stack.group.key for stack in stacks]
        self.assertLen(keys, 4)
        self.assertNotEqual(keys[0], keys[1])
        self.assertNotEqual(keys[2], keys[3])
        batch_sizes = [stack.group.batch_size for stack in stacks]
        self.assertEqual(batch_sizes, [4, 4, 8, 8], "small batches take longest")
        depths = [len(stack.group.models[0].layers) for stack in stacks]
        self.assertEqual(depths, [3, 2, 3, 2])

    def test_the_widths_of_a_stack_are_settled_when_it_is_handed_out(self):
        gathering = self.gathering()
        (early,) = self.add(gathering, [member_of(4) for _ in range(FULL)])
        self.add(gathering, [member_of(40)])
        (late,) = gathering.rest()
        groups = early.group, late.group
        self.assertEqual([list(group.widths.values()) for group in groups], [[4], [40]])
        self.assertIsNot(*map(self.grouping.program, groups))

    def test_all_executions_of_a_trial_or_none_are_stacked(self):
        strange = member_of(4)
        strange.model.compile(keras.optimizers.Adafactor(), "mse")
        gathering = self.gathering()
        stacks, reason = gathering.add([member_of(4), strange])
        self.assertEmpty(stacks)
        self.assertIn("Adafactor", reason)
        self.assertEmpty(gathering.rest())

    def test_those_that_have_ended_wait_for_nothing(self):
        ended, going_on = member_of(4), member_of(5)
        ended.ended = True
        gathering = self.gathering()
        self.assertEqual(gathering.add([ended, going_on]), ([], None))
        (rest,) = gathering.rest()
        self.assertEqual(rest.members, [going_on])

    def test_a_stack_can_be_taken_apart(self):
        members = [member_of(4), member_of(7)]
        gathering = self.gathering()
        self.add(gathering, members)
        (rest,) = gathering.rest()
        for member, alone in zip(members, rest.alone(), strict=True):
            self.assertEqual((alone.members, alone.places), ([member], 1))
            self.assertEqual(alone.group.models, [member.model])

    def test_weights_of_dense_layers_and_of_convolutions(self):
        self.add(gathering := self.gathering(), [member_of(5)])
        (rest,) = gathering.rest()
        self.assertEqual(uses_of_weights(rest.group.skeletons[0], {}), 6 * 5 + 5 + 5 * 3 + 3)
        (place,) = rest.group.widths
        padded = uses_of_weights(rest.group.skeletons[0], {place: 10})
        self.assertEqual(padded, 4 * uses_of_weights(rest.group.skeletons[0], {}))
        inputs = keras.Input((8, 8, 1))
        layers = keras.layers.Conv2D(4, 3, padding="same"), keras.layers.GlobalMaxPooling2D()
        model = keras.Sequential([inputs, *layers])
        model.compile("sgd", "mse")
        grouping = Grouping(Data(np.zeros((4, 8, 8, 1)), np.zeros((4, 4))))
        ((group,), _) = grouping.group([model], [4])
        self.assertEqual(uses_of_weights(group.skeletons[0], {}), 64 * (9 * 4 + 4))

    def test_the_weights_of_a_recurrent_layer_count_once_for_each_step(self):
        model = keras.Sequential([keras.Input((7, 2)), keras.layers.SimpleRNN(3)])
        model.compile("sgd", "mse")
        ((group,), _) = Grouping(Data(np.zeros((4, 7, 2)), np.zeros((4, 3)))).group([model], [4])
        self.assertEqual(uses_of_weights(group.skeletons[0], {}), 7 * (2 * 3 + 3 * 3 + 3))


if __name__ == "__main__":
    tf.test.main()
