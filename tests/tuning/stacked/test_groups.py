"""Which models are one program, and why others are not."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from layers import BatchNorm, SoftmaxCrossEntropy, SoftmaxHead
from tests.tuning.stacked.side_by_side import examples
from tuning.stacked import Data, Grouping, NotStackable

L = keras.layers


def model_of(
    *layers, head=None, optimizer=None, loss="sparse_categorical_crossentropy", **compiling
):
    head = head or L.Dense(3, activation="softmax")
    model = keras.Sequential([keras.Input((6,)), *layers, head])
    model.compile(optimizer or keras.optimizers.SGD(0.1), loss, **compiling)
    return model


class Drawing(L.Layer):
    """Draws from a generator of its own, as random layers of people's own do."""

    def __init__(self, seed):
        super().__init__()
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, inputs):
        return inputs + keras.random.normal((1,), seed=self.generator)

    def compute_output_shape(self, input_shape):
        return input_shape


class GroupsTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.grouping = Grouping(Data(*examples()))

    def groups_of(self, *models, batch_sizes=None):
        groups, reasons = self.grouping.group(models, batch_sizes or [8] * len(models))
        self.assertEmpty(reasons)
        return [group.places for group in groups]

    @parameterized.named_parameters(
        ("widths", lambda i: model_of(L.Dense(4 + i))),
        ("dropout rates", lambda i: model_of(L.Dense(4), L.Dropout(i * 0.3))),
        ("initialisers", lambda i: model_of(L.Dense(4, kernel_initializer=["zeros", "ones"][i]))),
        (
            "strengths of penalties",
            lambda i: model_of(L.Dense(4, kernel_regularizer=keras.regularizers.L2(i * 0.1))),
        ),
        ("names", lambda i: model_of(L.Dense(4, name=f"layer{i}"))),
        ("seeds", lambda i: model_of(Drawing(i))),
        (
            "wrapped layers of one's own",
            lambda i: model_of(
                L.Reshape((3, 2)), L.TimeDistributed(Drawing(1)), L.Flatten(), L.Dense(4 + i)
            ),
        ),
        ("learning rates", lambda i: model_of(optimizer=keras.optimizers.Adam(0.1 + i))),
        ("lambdas", lambda _: model_of(loss=lambda y, p: keras.ops.mean(p, -1) + 0 * y[..., 0])),
        (
            "heads",
            lambda i: model_of(L.Dense(4 + i), head=SoftmaxHead(3), loss=SoftmaxCrossEntropy()),
        ),
        (
            "schedules",
            lambda i: model_of(
                optimizer=keras.optimizers.SGD(
                    [0.1, keras.optimizers.schedules.CosineDecay(0.1, 9)][i]
                )
            ),
        ),
        (
            "flattened",
            lambda i: model_of(L.Reshape((2, 3)), L.Dense(4 + i), BatchNorm(), L.Flatten()),
        ),
    )
    def test_one_group_whatever(self, make):
        self.assertEqual(self.groups_of(make(0), make(1)), [[0, 1]])

    @parameterized.named_parameters(
        ("activations", lambda i: model_of(L.Dense(4, activation=["relu", "tanh"][i]))),
        ("depths", lambda i: model_of(*[L.Dense(4) for _ in range(1 + i)])),
        ("biases", lambda i: model_of(L.Dense(4, use_bias=bool(i)))),
        (
            "penalties",
            lambda i: model_of(L.Dense(4, kernel_regularizer=["l2", "l1"][i])),
        ),
        (
            "penalised weights",
            lambda i: model_of(L.Dense(4, **{["kernel", "bias"][i] + "_regularizer": "l2"})),
        ),
        ("normalised widths", lambda i: model_of(L.Dense(4 + i), L.LayerNormalization())),
        ("softmax widths", lambda i: model_of(L.Dense(4 + i), L.Softmax())),
        ("softmax activations", lambda i: model_of(L.Dense(4 + i, activation="softmax"))),
        ("frozen layers", lambda i: model_of(L.Dense(4, trainable=bool(i)))),
        ("optimisers", lambda i: model_of(optimizer=["sgd", "adam"][i])),
        ("momentum or none", lambda i: model_of(optimizer=keras.optimizers.SGD(0.1, 0.9 * i))),
        ("losses", lambda i: model_of(loss=["mse", "mae"][i])),
        ("metrics", lambda i: model_of(metrics=[["accuracy"], ["mse"]][i])),
        ("precisions", lambda i: model_of(L.Dense(4, dtype=["float32", "mixed_bfloat16"][i]))),
    )
    def test_separate_groups_for(self, make):
        self.assertEqual(self.groups_of(make(0), make(1)), [[0], [1]])

    @parameterized.named_parameters(
        ("nested models", lambda i: keras.Sequential([keras.Input((6,)), L.Dense(4 + i)])),
        ("wrapped layers", lambda i: L.Bidirectional(L.SimpleRNN(4 + i))),
        ("functions", lambda i: L.Lambda(lambda x: x * (1 + i))),
    )
    def test_separate_groups_for_what_differs_inside(self, make):
        before = [L.Reshape((3, 2))] if isinstance(make(0), L.Bidirectional) else []
        models = [model_of(*before, make(i)) for i in range(2)]
        self.assertEqual(self.groups_of(*models), [[0], [1]])

    def test_separate_groups_for_batch_sizes(self):
        self.assertEqual(self.groups_of(model_of(), model_of(), batch_sizes=[8, 4]), [[0], [1]])

    def test_a_model_that_waits_for_data_is_built(self):
        model = keras.Sequential([L.Dense(4), L.Dense(3, activation="softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        self.assertEqual(self.groups_of(model, model_of(L.Dense(7))), [[0, 1]])

    def test_groups_of_one_template_share_a_program(self):
        programs = []
        for width, batch_size in ((29, 8), (17, 16), (32, 8), (33, 8)):
            (group,), _ = self.grouping.group([model_of(L.Dense(width))], [batch_size])
            programs.append(self.grouping.program(group))
        self.assertIs(programs[0], programs[1])  # there is room for a narrower one
        self.assertIs(programs[0], programs[2])  # 29 was rounded up
        self.assertIsNot(programs[0], programs[3])

    def test_layers_of_about_the_same_width_share_one(self):
        hidden = L.Dense(40), L.Dense(36), L.Dense(35), L.Dense(3)
        (group,), _ = self.grouping.group([model_of(*hidden)], [8])
        self.assertEqual(list(self.grouping.widths_of(group).values()), [40, 40, 36, 3])

    def test_every_refusal_has_its_reason(self):
        class Subclassed(keras.Model):
            def call(self, inputs):
                return inputs

        class OwnStep(keras.Sequential):
            def train_step(self, data):
                return super().train_step(data)

        own_step = OwnStep([keras.Input((6,)), L.Dense(3)])
        own_step.compile("sgd", "mse")
        subclassed = Subclassed()
        subclassed.compile("sgd", "mse")
        patched = model_of()
        patched.compute_loss = lambda **named: 2 * type(patched).compute_loss(patched, **named)
        models = {
            "not compiled with a loss": keras.Sequential([keras.Input((6,)), L.Dense(3)]),
            "a OwnStep is neither Functional nor Sequential": own_step,
            "a Subclassed is neither": subclassed,
            "the model was given a compute_loss of its own": patched,
            "run eagerly": model_of(run_eagerly=True),
            "optimiser Adafactor": model_of(optimizer="adafactor"),
            "its layers cannot be traced": model_of(L.Layer()),
            "no trainable weights": model_of(head=L.Activation("softmax")),
            "does not know the step": model_of(optimizer=keras.optimizers.SGD(lambda: 0.1)),
        }
        groups, reasons = self.grouping.group(list(models.values()), [8] * len(models))
        self.assertEmpty(groups)
        for place, expected in enumerate(models):
            self.assertIn(expected, reasons[place])

    def test_layers_that_cannot_be_read_or_made_anew_are_refused(self):
        class Passing(L.Layer):
            def call(self, inputs):
                return inputs

        class Unreadable(Passing):
            def get_config(self):
                raise NotImplementedError("no configuration")

        class Unmakeable(Passing):
            def get_config(self):
                return super().get_config() | {"unknown": 1}

        models = [model_of(Unreadable()), model_of(Unmakeable())]
        (group,), reasons = self.grouping.group(models, [8, 8])
        self.assertEqual(list(reasons), [0])
        self.assertIn("no configuration", reasons[0])
        with self.assertRaisesRegex(NotStackable, "no program can be made of it"):
            self.grouping.program(group)

    def test_data_that_do_not_fit_are_a_reason(self):
        model = keras.Sequential([L.Conv2D(3, 3), L.Dense(3)])
        model.compile("sgd", "mse")
        groups, reasons = self.grouping.group([model], [8])
        self.assertEmpty(groups)
        self.assertIn("it cannot be built", reasons[0])

    def test_models_built_afterwards_begin_as_if_nothing_had_been_tried(self):
        def weights_of_the_next(group):
            keras.utils.set_random_seed(3)
            first = model_of(L.Dense(4), L.PReLU(), L.Dropout(0.5))
            if group:
                (found,), _ = Grouping(Data(*examples())).group([first], [8])
                self.grouping.program(found)
            return model_of(L.Dense(4)).get_weights()[0]

        self.assertAllEqual(weights_of_the_next(True), weights_of_the_next(False))

    def test_unequal_numbers_of_examples_are_refused(self):
        with self.assertRaisesRegex(
            ValueError, r"equally many examples. Received: examples=\[2, 3"
        ):
            Data(np.zeros((3, 2)), np.zeros(2))

    def test_no_example_at_all_is_refused(self):
        with self.assertRaisesRegex(
            ValueError, "must have 1 example or more. Received: examples=0"
        ):
            Data(np.zeros((0, 6)), np.zeros(0))


if __name__ == "__main__":
    tf.test.main()
