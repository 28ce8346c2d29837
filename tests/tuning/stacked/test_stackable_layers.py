"""The template's own layers compute what Keras's do."""

import itertools

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tests.tuning.stacked.side_by_side import examples, fit, orders, relative, stacked
from tuning.stacked import Data
from tuning.stacked.stackable_layers import (
    MatmulConv1D,
    MatmulConv2D,
    RateDropout,
    SliceMaxPooling1D,
    SliceMaxPooling2D,
    SliceMaxPooling3D,
    stackable,
)

L = keras.layers


def images(size=(9, 8)):
    return np.random.default_rng(0).normal(size=(2, *size, 3)).astype("float32")


def built(layer, inputs):
    layer(keras.Input(inputs.shape[1:]))
    return layer


class WindowsTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.product(
        padding=("valid", "same"),
        size=((1, 1), (3, 2), (2, 4)),
        strides=((1, 1), (2, 1), (3, 2)),
        image=((9, 8), (6, 7)),
    )
    def test_convolution_and_pooling_are_those_of_keras(self, padding, size, strides, image):
        inputs = tf.constant(images(image))
        theirs = built(
            L.Conv2D(4, size, strides, padding, activation="tanh"), keras.Input((*image, 3))
        )
        ours = built(stackable(theirs), keras.Input((*image, 3)))
        self.assertIsInstance(ours, MatmulConv2D)
        ours.set_weights(theirs.get_weights())
        self.assertAllClose(ours(inputs), theirs(inputs), rtol=1e-5, atol=1e-5)
        theirs = built(L.MaxPooling2D(size, strides, padding), keras.Input((*image, 3)))
        ours = stackable(theirs)
        self.assertIsInstance(ours, SliceMaxPooling2D)
        self.assertAllEqual(ours(inputs), theirs(inputs))

    @parameterized.parameters("valid", "same")
    def test_dilated_convolution_is_that_of_keras(self, padding):
        theirs = L.Conv2D(4, 3, padding=padding, dilation_rate=(2, 3))
        theirs = built(theirs, keras.Input((9, 8, 3)))
        ours = built(stackable(theirs), keras.Input((9, 8, 3)))
        ours.set_weights(theirs.get_weights())
        self.assertAllClose(ours(images()), theirs(images()), rtol=1e-5, atol=1e-5)

    @parameterized.product(
        padding=("valid", "same", "causal"),
        size=(1, 3, 4),
        strides_and_dilation=((1, 1), (2, 1), (1, 3)),
        length=(11, 12),
    )
    def test_along_one_axis_too(self, padding, size, strides_and_dilation, length):
        strides, dilation = strides_and_dilation
        inputs = tf.constant(images((length,)))
        theirs = L.Conv1D(4, size, strides, padding, dilation_rate=dilation, activation="tanh")
        theirs = built(theirs, keras.Input((length, 3)))
        ours = built(stackable(theirs), keras.Input((length, 3)))
        self.assertIsInstance(ours, MatmulConv1D)
        ours.set_weights(theirs.get_weights())
        self.assertAllClose(ours(inputs), theirs(inputs), rtol=1e-5, atol=1e-5)
        if padding != "causal":
            theirs = built(L.MaxPooling1D(size, strides, padding), keras.Input((length, 3)))
            ours = stackable(theirs)
            self.assertIsInstance(ours, SliceMaxPooling1D)
            self.assertAllEqual(ours(inputs), theirs(inputs))

    @parameterized.product(
        padding=("valid", "same"),
        strides_and_dilation=((1, 1), (2, 1), (3, 1), (1, 2)),
        axes=(1, 2, 3),
    )
    def test_other_convolutions_too(self, padding, strides_and_dilation, axes):
        strides, dilation = strides_and_dilation
        inputs = tf.constant(images((8, 7, 6)[:axes]))
        how = {"strides": strides, "padding": padding, "activation": "tanh"}
        kinds = [(name, {"filters": 4}) for name in ("Conv{}D", "Conv{}DTranspose")]
        if axes < 3:
            kinds += [("DepthwiseConv{}D", {"depth_multiplier": m}) for m in (1, 2)]
            kinds.append(("SeparableConv{}D", {"filters": 4, "depth_multiplier": 2}))
        for (name, own), size in itertools.product(kinds, (2, 3)):
            own = own | how | {"kernel_size": size, "dilation_rate": dilation}
            theirs = built(getattr(L, name.format(axes))(**own), inputs)
            ours = built(stackable(theirs), inputs)
            self.assertIsNot(type(ours), type(theirs))
            for weight in theirs.trainable_variables:
                weight.assign(tf.random.stateless_normal(weight.shape, (1, 2)))  # biases as well
            ours.set_weights(theirs.get_weights())
            # Op by op, TensorFlow dilates transposed convolutions only where oneDNN does it.
            expected = tf.function(theirs, jit_compile=True) if dilation > 1 else theirs
            self.assertAllClose(ours(inputs), expected(inputs), rtol=1e-5, atol=1e-5)

    def test_a_transposed_convolution_may_be_told_its_size(self):
        inputs = tf.constant(images())
        theirs = L.Conv2DTranspose(4, 3, 3, output_padding=(1, 2))
        theirs = built(theirs, inputs)
        ours = built(stackable(theirs), inputs)
        ours.set_weights(theirs.get_weights())
        self.assertAllClose(ours(inputs), theirs(inputs), rtol=1e-5, atol=1e-5)

    @parameterized.parameters("valid", "same")
    def test_pooling_along_three_axes_is_that_of_keras(self, padding):
        inputs = tf.constant(images((5, 6, 7)))
        theirs = built(L.MaxPooling3D((2, 3, 1), 2, padding), inputs)
        self.assertIsInstance(stackable(theirs), SliceMaxPooling3D)
        self.assertAllEqual(stackable(theirs)(inputs), theirs(inputs))

    def test_gradients_of_pooling_are_those_of_keras(self):
        inputs = tf.constant(images())
        gradients = []
        layer = built(L.MaxPooling2D((3, 2), 2, "same"), keras.Input((9, 8, 3)))
        for pooling in (layer, stackable(layer)):
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                total = tf.reduce_sum(tf.sin(pooling(inputs)))
            gradients.append(tape.gradient(total, inputs))
        self.assertAllClose(*gradients)

    def test_what_the_windows_do_not_cover_stays_of_keras(self):
        grouped = built(L.Conv2D(6, 3, groups=3), keras.Input((9, 8, 3)))
        self.assertIs(type(stackable(grouped)), L.Conv2D)
        unknown = built(L.Conv2D(6, 3), keras.Input((None, None, 3)))
        self.assertIs(type(stackable(unknown)), L.Conv2D)


class RateDropoutTest(tf.test.TestCase, parameterized.TestCase):
    def dropped(self, rate, training=True):
        layer = built(RateDropout(), keras.Input((1000,)))
        layer.rate.assign(rate)
        inputs = tf.ones((20, 1000))
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=training)
        return outputs.numpy(), tape.gradient(outputs, inputs).numpy()

    @parameterized.parameters(0.1, 0.25, 0.9)
    def test_it_drops_at_its_rate_and_makes_up_for_it(self, rate):
        outputs, gradient = self.dropped(rate)
        self.assertAllClose(np.unique(outputs), [0.0, 1 / (1 - rate)])
        self.assertAllClose(np.mean(outputs == 0), rate, atol=0.02)
        self.assertAllEqual(gradient, outputs)

    def test_the_ends_of_the_range(self):
        self.assertAllEqual(self.dropped(0.0)[0], np.ones((20, 1000)))
        outputs, gradient = self.dropped(1.0)
        self.assertAllEqual(outputs, np.zeros((20, 1000)))
        self.assertAllEqual(gradient, np.zeros((20, 1000)))

    def test_inference_drops_nothing(self):
        self.assertAllEqual(self.dropped(0.5, training=False)[0], np.ones((20, 1000)))

    @parameterized.product(places=[(), (3, 2)], jit_compile=[False, True])
    def test_what_it_drops_does_not_depend_on_further_units(self, places, jit_compile):
        def dropped(units):
            layer = built(RateDropout(), keras.Input((*places, units)))
            layer.rate.assign(0.5)
            call = tf.function(lambda x: layer(x, training=True), jit_compile=jit_compile)
            return call(tf.ones((20, *places, units))).numpy()

        self.assertAllEqual(dropped(9)[..., :5], dropped(5))


class DropoutInAStackTest(tf.test.TestCase):
    def test_trials_of_other_rates_and_widths_train_as_alone_with_the_same_masks(self):
        x, y = examples(40)
        (order,), batch_size, seed = orders(40, 1), 8, 5
        models = [self.model_of(4, 0.2), self.model_of(9, 0.6)]
        stack = stacked(models, Data(x, y))
        before = stack.states()
        stack.train_epoch(order, seed)
        masks = self.masks_of(stack, seed, batch_size)
        for place, model in enumerate(models):
            width, rate = model.layers[0].units, model.layers[1].rate
            alone = self.with_masks(model, width)
            rows = np.zeros((40, width), "float32")
            rows[order] = masks(rate).reshape(40, -1)[:, :width]
            self.assertAllClose(np.unique(rows), [0, 1 / (1 - rate)])
            fit_on = [x[order], rows[order]]
            alone.fit(fit_on, y[order], batch_size=batch_size, shuffle=False, verbose=0)
            ours = stack.states()[place].weights
            self.assertLess(relative(ours, alone.get_weights(), before[place].weights), 1e-4)
            fit(model, x, y, [order])
            other_masks = relative(ours, model.get_weights()[:4], before[place].weights)
            self.assertGreater(other_masks, 1e-2)

    def model_of(self, width, rate):
        model = keras.Sequential(
            [keras.Input((6,)), L.Dense(width, activation="tanh"), L.Dropout(rate), L.Dense(3)]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.05, 0.9), loss, jit_compile=True)
        return model

    def with_masks(self, model, width):
        inputs, mask = keras.Input((6,)), keras.Input((width,))
        a = L.Multiply()([L.Dense(width, activation="tanh")(inputs), mask])
        alone = keras.Model([inputs, mask], L.Dense(3)(a))
        alone.set_weights(model.get_weights()[:4])
        alone.compile(keras.optimizers.SGD(0.05, 0.9), model.loss, jit_compile=True)
        return alone

    def masks_of(self, stack, seed, batch_size):
        """What each step multiplies by, from the template's own layer and the stack's seeds."""
        template = stack.program.template
        (layer,) = [layer for layer in template.model.layers if isinstance(layer, RateDropout)]
        (index,) = [i for i, entry in enumerate(template.others) if entry.kind == "seed"]

        @tf.function(jit_compile=True)  # other numbers than eagerly, for the same seed
        def mask(rate, step):
            values = {"seed": tf.cast([65537 * seed + index, step], "int64"), "rate": rate}
            variables = layer.non_trainable_variables
            values = [values["seed" if "seed" in v.path else "rate"] for v in variables]
            values = [tf.cast(a, v.dtype) for a, v in zip(values, variables, strict=True)]
            ones = tf.ones((batch_size, layer.input.shape[-1]))
            return layer.stateless_call([], values, ones, training=True)[0]

        return lambda rate: np.stack([mask(tf.constant(rate), tf.constant(s)) for s in range(5)])


if __name__ == "__main__":
    tf.test.main()
