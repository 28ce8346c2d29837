"""Each layer that stacks trains in a stack as it does alone, padded where widths differ."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

from layers import BatchNorm
from tests.tuning.stacked.side_by_side import fit, orders, relative, stacked, train_both_ways
from tuning.stacked import Data, check_first_batch
from tuning.stacked.errors import NotStackable
from tuning.stacked.skeleton import Skeleton
from tuning.stacked.treatments import Treatments
from tuning.stacked.trial_state import variable_of

L = keras.layers


def dense(width):
    """What most of the layers on trial stand between."""
    inputs = keras.Input((6,))
    return inputs, L.Dense(width)(inputs)


def activations(width):
    inputs, a = dense(width)
    a = L.Dense(width + 3, activation="sigmoid")(L.LeakyReLU()(a))
    return inputs, L.PReLU()(L.Dense(21 - width, activation="tanh")(a))


def regularised(width):
    inputs = keras.Input((6,))
    a = L.Dense(
        width,
        kernel_regularizer=keras.regularizers.L1L2(0.01, 0.1),
        bias_constraint="non_neg",
        kernel_constraint=keras.constraints.MaxNorm(0.8),
        activity_regularizer=keras.regularizers.L2(0.05),
        activation="relu",
    )(inputs)
    return inputs, a


def keras_batch_norm(width):
    inputs, a = dense(width)
    return inputs, L.ReLU()(L.BatchNormalization(momentum=0.8)(a))


def our_batch_norm(width):
    inputs, a = dense(width)
    return inputs, L.ReLU()(BatchNorm(momentum=0.8)(a))


def layer_normalization(width):  # noqa: ARG001
    inputs, a = dense(5)
    return inputs, L.LayerNormalization()(a)


def reshaped(width):
    inputs, a = dense(width)
    b = L.Flatten()(L.Dense(width)(L.Reshape((2, 3))(inputs)))
    return inputs, L.Concatenate()([L.ReLU()(a), b])


def residual(width):
    inputs, a = dense(width)
    return inputs, L.Add()([a, L.Dense(width, activation="relu")(a)])


def around_the_inputs(width):
    inputs, a = dense(width)
    return inputs, L.Add()([inputs, L.Dense(6)(a)])


def uneven_join(width):
    inputs, a = dense(width)
    halves = L.Flatten()(L.Reshape((2, 3))(L.Dense(6)(a)))
    return inputs, L.ReLU()(L.Multiply()([L.BatchNormalization()(L.Dense(6)(a)), halves]))


def convolutions(width):
    inputs = keras.Input((6, 7, 2))
    a = L.Conv2D(width, 3, padding="same", activation="relu")(inputs)
    a = L.MaxPooling2D(2, padding="same")(BatchNorm()(a))
    a = L.Conv2D(12 - width, (2, 3), strides=(1, 2))(a)
    return inputs, L.Flatten()(a)


def pooled(width):
    inputs = keras.Input((6, 7, 2))
    a = L.AveragePooling2D(2)(L.Conv2D(width, 2, dilation_rate=2, use_bias=False)(inputs))
    return inputs, L.GlobalAveragePooling2D()(a)


def along_time(width):
    inputs = keras.Input((12, 4))
    a = L.MaxPooling1D(2)(L.Conv1D(width, 3, activation="relu")(inputs))
    return inputs, L.GlobalMaxPooling1D()(L.Conv1D(12 - width, 2, padding="causal")(a))


def apart_and_transposed(width):
    inputs = keras.Input((5, 6, 2))
    a = L.Conv2DTranspose(3, 3, strides=2, activation="relu")(inputs)
    a = L.SeparableConv2D(4, 3, padding="same", activation="tanh")(L.DepthwiseConv2D(2)(a))
    return inputs, L.GlobalAveragePooling2D()(L.Conv2D(width, 2)(a))


def with_noise(width):
    inputs = keras.Input((6, 4))
    a = L.SpatialDropout1D(0.3)(L.Dense(width, activation="tanh")(inputs))
    a = L.GaussianNoise(0.5)(L.Dense(width, activation="tanh")(L.Flatten()(a)))
    return inputs, L.AlphaDropout(0.2)(L.GaussianDropout(0.3)(L.Dense(width)(a)))


class Sampling(L.Layer):
    """Draws in training and in inference, as those of variational autoencoders do."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.seed_generator = keras.random.SeedGenerator(7)

    def call(self, inputs):
        mean, spread = inputs
        draws = keras.random.normal(keras.ops.shape(mean), seed=self.seed_generator)
        return mean + keras.ops.exp(spread) * draws


def sampled(width, drawn=3):
    inputs = keras.Input((6,))
    a = L.Dense(width, activation="tanh")(inputs)
    return inputs, Sampling()([L.Dense(drawn)(a), L.Dense(drawn)(a)])


def augmented(width):
    inputs = keras.Input((6, 7, 2))
    a = L.RandomFlip()(inputs)
    return inputs, L.Flatten()(L.Conv2D(width, 2)(a))


def embedded(width):
    inputs = keras.Input((6,), dtype="int32")
    return inputs, L.Dense(width)(L.GlobalAveragePooling1D()(L.Embedding(20, 5)(inputs)))


def looked_up(width, vocabulary=range(8)):
    inputs = keras.Input((6,), dtype="int32")
    terms = L.IntegerLookup(output_mode="multi_hot")
    terms.adapt(np.array(vocabulary))
    return inputs, L.Dense(width, activation="tanh")(terms(inputs))


def read_as_text(width, words=("good", "bad", "so")):
    inputs = keras.Input((), dtype="string")
    terms = L.TextVectorization(9, output_sequence_length=4)
    terms.adapt(np.array(words))
    return inputs, L.Dense(width)(L.GlobalAveragePooling1D()(L.Embedding(9, 5)(terms(inputs))))


def weighted_terms(width):
    inputs = keras.Input((), dtype="string")
    terms = L.TextVectorization(9, output_mode="tf_idf")
    terms.adapt(np.array(["good film", "bad film", "film"]))
    return inputs, L.Dense(width)(terms(inputs))


def normalised(width):
    inputs = keras.Input((6,))
    own = L.Normalization()
    own.adapt(np.random.default_rng(width).normal(width, 2, (50, 6)))
    return inputs, L.Dense(width)(own(inputs))


def function(width):  # noqa: ARG001
    inputs, a = dense(5)
    return inputs, L.Lambda(lambda x, by: keras.ops.sin(x) * by, arguments={"by": 2.0})(a)


MAKERS = (
    activations,
    regularised,
    keras_batch_norm,
    our_batch_norm,
    layer_normalization,
    reshaped,
    residual,
    around_the_inputs,
    uneven_join,
    convolutions,
    pooled,
    along_time,
    apart_and_transposed,
    embedded,
    normalised,
    function,
)


def model_of(maker, width, rate=0.02, optimizer=None, jit_compile=True):
    inputs, a = maker(width)
    model = keras.Model(inputs, L.Dense(3, activation="softmax")(a))
    optimizer = optimizer or keras.optimizers.SGD(rate, 0.9)
    model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=jit_compile)
    return model


def data_for(model, n=40):
    draw = np.random.default_rng(1)
    shape, dtype = (n, *model.input_shape[1:]), model.inputs[0].dtype
    if dtype == "string":
        texts = np.array(["good film", "bad", "so so film", ""], object)
        return texts[draw.integers(0, 4, shape)], draw.integers(0, 3, n)
    x = draw.integers(0, 20, shape) if dtype == "int32" else draw.normal(size=shape)
    x = x.astype(dtype)
    return x, draw.integers(0, 3, n)


class LayersTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.named_parameters((maker.__name__, maker) for maker in MAKERS)
    def test_stacked(self, maker):
        models = [model_of(maker, 4, 0.02), model_of(maker, 7, 0.01)]
        x, y = data_for(models[0])
        outcome = train_both_ways(models, x, y)
        self.assertIsNone(outcome.objection)
        self.assertAllLess(outcome.differences, 1e-4)
        self.assertAllLess(outcome.averages, 1e-4)
        for trial, history in enumerate(outcome.histories):
            self.assertAllClose(outcome.logs[0]["loss"][trial], history["loss"][0], rtol=1e-5)

    def test_each_trial_has_penalties_of_its_own_strength(self):
        def penalised(width, strength):
            inputs = keras.Input((6,))
            how = {
                "kernel_regularizer": keras.regularizers.L1L2(strength, 2 * strength),
                "bias_regularizer": keras.regularizers.L1(strength),
                "activity_regularizer": keras.regularizers.L2(3 * strength),
            }
            a = BatchNorm()(L.Dense(width, activation="tanh", **how)(inputs))
            a = L.ReLU(activity_regularizer=keras.regularizers.L1(strength))(a)
            return inputs, L.ActivityRegularization(l2=2 * strength)(a)

        def models(*strengths):
            makers = [functools.partial(penalised, strength=each) for each in strengths]
            return [model_of(maker, 4 + 3 * i) for i, maker in enumerate(makers)]

        x, y = data_for(models(0.0)[0])
        outcome = train_both_ways(models(0.01, 0.1), x, y)
        self.assertIsNone(outcome.objection)
        self.assertAllLess(outcome.differences, 1e-4)
        self.assertAllLess(outcome.averages, 1e-4)
        for trial, history in enumerate(outcome.histories):
            self.assertAllClose(outcome.logs[0]["loss"][trial], history["loss"][0], rtol=1e-5)
        self.assertGreater(outcome.logs[0]["loss"][1], outcome.logs[0]["loss"][0] + 0.1)

    @parameterized.parameters(looked_up, read_as_text, weighted_terms)
    def test_vocabularies_are_looked_up_as_alone(self, maker):
        models = [model_of(maker, width, jit_compile=False) for width in (4, 7)]
        x, y = data_for(models[0])
        outcome = train_both_ways(models, x, y, jit_compile=False)
        self.assertIsNone(outcome.objection)
        self.assertAllLess(outcome.differences, 1e-4)

    def test_models_of_other_vocabularies_are_other_models(self):
        makers = [
            *(looked_up, functools.partial(looked_up, vocabulary=range(1, 9))),
            *(read_as_text, functools.partial(read_as_text, words=("good", "bad", "to"))),
        ]
        models = [model_of(maker, 4, jit_compile=False) for maker in (*makers, read_as_text)]
        *keys, again = [Skeleton(model, Treatments()).key for model in models]
        self.assertLen(set(keys), 4)
        self.assertIn(again, keys)

    @parameterized.parameters(convolutions, our_batch_norm)
    def test_a_stack_of_one(self, maker):
        models = [model_of(maker, 4)]
        outcome = train_both_ways(models, *data_for(models[0]))
        self.assertIsNone(outcome.objection)
        self.assertAllLess(outcome.differences, 1e-4)

    @parameterized.parameters(sampled, with_noise, augmented)
    @pytest.mark.long(but=1)
    def test_random_layers_are_checked_in_any_width_and_draw_as_alone_from_one_seed(self, maker):
        x, y = data_for(model_of(maker, 4))
        narrow_and_wide, data = [model_of(maker, 4), model_of(maker, 8)], Data(x, y)
        mixed = stacked(narrow_and_wide, data)
        skeletons = [place.skeleton for place in mixed._places]
        self.assertIsNone(check_first_batch(mixed.program, narrow_and_wide, skeletons, 8, data))
        models, others = ([model_of(maker, 4, rate) for rate in (0.02, 0.01)] for _ in range(2))
        stack, (order,), seed = stacked(models, data), orders(len(x), 1), 3
        before = stack.states()
        stack.train_epoch(order, seed)
        for trial, (model, other) in enumerate(zip(models, others, strict=True)):
            other.set_weights(model.get_weights())
            for i, entry in enumerate(stack.program.template.others):
                variable_of(stack._places[trial].skeleton, entry).assign([65537 * seed + i, 0])
            ours, first = stack.states()[trial].weights, before[trial].weights
            for each, bound in ((model, self.assertLess), (other, self.assertGreater)):
                fit(each, x, y, [order], eagerly=False)  # XLA draws other numbers
                bound(relative(ours, each.get_weights(), first), 1e-4)

    def test_what_draws_in_inference_too_is_stacked_with_others_of_its_width_only(self):
        makers = [functools.partial(sampled, drawn=drawn) for drawn in (3, 3, 2)]
        models = [model_of(maker, width) for maker, width in zip(makers, (4, 7, 4), strict=True)]
        first, second, other = [Skeleton(model, Treatments()).key for model in models]
        self.assertEqual(first, second)
        self.assertNotEqual(first, other)

    @parameterized.parameters(
        *(keras.optimizers.Adam, keras.optimizers.RMSprop, keras.optimizers.Nadam),
        *(keras.optimizers.Lamb, keras.optimizers.Adagrad, keras.optimizers.Lion),
        keras.optimizers.Ftrl,
    )
    def test_an_embedding_moves_as_alone_by_squares_of_each_of_its_gradients(self, kind):
        how = {"jit_compile": kind is keras.optimizers.Adam}
        models = [model_of(embedded, 4, optimizer=kind(rate), **how) for rate in (0.02, 0.01)]
        outcome = train_both_ways(models, *data_for(models[0]), **how)
        self.assertIsNone(outcome.objection)
        self.assertAllLess(outcome.differences, 1e-4)

    def test_clipping_an_embeddings_gradient_is_not_written_for_stacks(self):
        models = [model_of(embedded, 4, optimizer=keras.optimizers.Adam(clipnorm=0.1))]
        with self.assertRaisesRegex(NotStackable, "clipnorm of an embedding's gradient"):
            train_both_ways(models, *data_for(models[0]))


if __name__ == "__main__":
    tf.test.main()
