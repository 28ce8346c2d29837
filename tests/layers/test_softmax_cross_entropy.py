"""The loss and its gradient in every mode, and what it refuses."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from sklearn.linear_model import LogisticRegression

from layers import SoftmaxCrossEntropy, SoftmaxHead
from tests.layers.test_batch_norm import normal
from tests.layers.test_batch_norm_modes import KERAS_SAVING_WARNING, saved_and_loaded
from tests.layers.test_softmax_head import identity_head

WRONG = np.float32([[30, 0, 0]])
PROBABILITIES_MINUS_LABELS = [[1, -1, 0]]


def plain(head):
    return keras.Sequential([keras.Input((3,)), head])


def nested(head):
    return keras.Sequential([keras.Input((3,)), keras.Sequential([plain(head)])])


def loss_and_gradient(model, inputs):
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = SoftmaxCrossEntropy()(tf.constant([1]), model(inputs, training=True))
    return loss, tape.gradient(loss, inputs)


def stacked(model, inputs):
    """Two copies of a model under vectorized_map."""
    variables = [tf.stack([v.value] * 2) for v in model.trainable_variables]

    def member(trainable):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs, _ = model.stateless_call(trainable, [], inputs, training=True)
            loss = SoftmaxCrossEntropy()(tf.constant([1]), outputs)
        return loss, tape.gradient(loss, inputs)

    mapped = tf.vectorized_map(member, variables, fallback_to_while_loop=False)
    return mapped[0][1], mapped[1][1]


MODES = {
    "eager": loss_and_gradient,
    "graph": tf.function(loss_and_gradient),
    "xla": tf.function(loss_and_gradient, jit_compile=True),
    "stacked_graph": tf.function(stacked),
    "stacked_xla": tf.function(stacked, jit_compile=True),
}


class GradientTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.product(
        mode=tuple(MODES), build=(plain, nested), policy=("float32", "mixed_float16")
    )
    def test_a_confidently_wrong_example_keeps_its_loss_and_gradient(self, mode, build, policy):
        keras.config.set_dtype_policy(policy)
        loss, gradient = MODES[mode](build(identity_head(3)), tf.constant(WRONG))
        self.assertAllClose(loss, 30.0)
        self.assertAllClose(gradient, PROBABILITIES_MINUS_LABELS)

    @parameterized.product(
        mode=("eager", "graph", "xla"),
        build=(plain, nested),
        policy=("float32", "mixed_bfloat16"),
    )
    def test_fit_takes_the_step_of_that_gradient(self, mode, build, policy):
        keras.config.set_dtype_policy(policy)
        head = identity_head(3)
        model = build(head)
        model.compile(
            keras.optimizers.SGD(1.0),
            SoftmaxCrossEntropy(),
            run_eagerly=mode == "eager",
            jit_compile=mode == "xla",
        )
        history = model.fit(WRONG, np.array([1]), verbose=0).history
        self.assertAllClose(history["loss"], [30.0])
        self.assertAllClose(head.bias, [-1.0, 1.0, 0.0])

    @KERAS_SAVING_WARNING
    def test_a_loaded_model_keeps_it_too(self):
        model = plain(identity_head(3))
        model.compile("sgd", SoftmaxCrossEntropy())
        loaded = saved_and_loaded(model)
        self.assertAllClose(loaded.evaluate(WRONG, np.array([1]), verbose=0), 30.0)
        loss, gradient = loss_and_gradient(loaded, tf.constant(WRONG))
        self.assertAllClose(loss, 30.0)
        self.assertAllClose(gradient, PROBABILITIES_MINUS_LABELS)

    def test_the_gradient_of_a_mean_is_probabilities_minus_labels_over_m(self):
        logits, labels = tf.constant(normal((6, 4), 0, 1)), np.array([0, 1, 2, 3, 3, 1])
        with tf.GradientTape() as tape:
            tape.watch(logits)
            probabilities = identity_head(4)(logits)
            loss = SoftmaxCrossEntropy()(labels, probabilities)
        expected = (probabilities - np.eye(4)[labels]) / 6
        self.assertAllClose(tape.gradient(loss, logits), expected)
        picked = np.take_along_axis(probabilities.numpy(), labels[:, None], 1)
        self.assertAllClose(loss, -np.log(picked).mean())


class LossTest(tf.test.TestCase, parameterized.TestCase):
    def test_the_loss_is_minus_the_logarithm_of_the_true_class(self):
        probabilities = identity_head(4)(tf.math.log([[0.3, 0.2, 0.1, 0.4]]))
        self.assertAllClose(probabilities, [[0.3, 0.2, 0.1, 0.4]])
        self.assertAllClose(SoftmaxCrossEntropy()([1], probabilities), 1.609, atol=5e-4)

    @parameterized.product(
        reduction=("sum_over_batch_size", "sum", None, "mean_with_sample_weight"),
        weighted=(False, True),
        shape=((6,), (6, 1), (2, 3)),
    )
    def test_reduction_and_sample_weights_are_those_of_keras(self, reduction, weighted, shape):
        rows = shape if shape[-1] != 1 else shape[:-1]
        logits = normal((*rows, 4), 0, 1)
        labels = np.arange(6).reshape(shape) % 4
        weight = np.arange(6.0).reshape(rows) if weighted else None
        theirs = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction)
        got = SoftmaxCrossEntropy(reduction)(labels, identity_head(4)(logits), weight)
        self.assertAllClose(got, theirs(labels, logits, weight))

    @parameterized.parameters("class_weight", "sample_weight")
    def test_weights_reach_the_loss_through_fit(self, kind):
        logits, labels = normal((6, 3), 0, 1), np.array([0, 1, 2, 0, 1, 1])
        by_class = {0: 1.0, 1: 5.0, 2: 0.5}
        rows = np.array([by_class[label] for label in labels])
        model = plain(identity_head(3))
        model.compile(keras.optimizers.SGD(0.0), SoftmaxCrossEntropy())
        weights = {kind: by_class if kind == "class_weight" else rows}
        losses = SoftmaxCrossEntropy(None)(labels, identity_head(3)(logits))
        history = model.fit(logits, labels, verbose=0, **weights).history
        self.assertAllClose(history["loss"], [np.mean(rows * losses)])

    def test_its_config_makes_an_equal_loss(self):
        loss = SoftmaxCrossEntropy("sum", name="mine")
        copy = keras.losses.deserialize(keras.losses.serialize(loss))
        self.assertIsInstance(copy, SoftmaxCrossEntropy)
        self.assertEqual(copy.get_config(), loss.get_config())


class RefusalTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.product(
        layer=(
            lambda: keras.layers.Dense(3),
            lambda: keras.layers.Dense(3, activation="sigmoid"),
            lambda: keras.layers.Reshape((3,)),
            lambda: keras.layers.Rescaling(1.0),
        ),
        mode=("eager", "graph", "xla"),
    )
    def test_a_layer_after_the_head_is_refused_when_training_begins(self, layer, mode):
        model = keras.Sequential([keras.Input((3,)), SoftmaxHead(3), layer()])
        model.compile(
            "sgd",
            SoftmaxCrossEntropy(),
            run_eagerly=mode == "eager",
            jit_compile=mode == "xla",
        )
        with self.assertRaisesRegex(ValueError, "y_pred must come straight out of a SoftmaxHead"):
            model.fit(WRONG, np.array([1]), verbose=0)

    @parameterized.parameters("softmax", "sigmoid")
    def test_probabilities_of_another_layer_are_refused(self, activation):
        model = keras.Sequential([keras.layers.Dense(3, activation=activation)])
        with self.assertRaisesRegex(ValueError, "y_pred must come straight out of a SoftmaxHead"):
            SoftmaxCrossEntropy()(np.array([1]), model(WRONG))

    def test_labels_of_another_shape_are_refused(self):
        with self.assertRaisesRegex(ValueError, "y_true must be integer labels"):
            SoftmaxCrossEntropy()(np.eye(3), identity_head(3)(np.eye(3)))


class LogisticRegressionTest(tf.test.TestCase):
    def test_two_classes_train_as_a_sigmoid_of_the_difference_of_the_logits(self):
        inputs, labels = normal((12, 4), 0, 1), np.arange(12) % 2
        model = keras.Sequential([keras.Input((4,)), SoftmaxHead(2)])
        head = model.layers[0]
        # A step moves the two columns by opposite amounts, so their difference moves twice as far.
        sigmoid = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        kernel, bias = head.get_weights()
        sigmoid.set_weights([kernel[:, 1:] - kernel[:, :1], bias[1:] - bias[:1]])
        model.compile(keras.optimizers.SGD(0.1), SoftmaxCrossEntropy())
        sigmoid.compile(keras.optimizers.SGD(0.2), keras.losses.BinaryCrossentropy(True))
        for each in (model, sigmoid):
            each.fit(inputs, labels, batch_size=4, epochs=5, shuffle=False, verbose=0)
        difference = head.logits(inputs)[:, 1] - head.logits(inputs)[:, 0]
        self.assertAllClose(difference[:, None], sigmoid(inputs), atol=1e-5)
        self.assertAllClose(model(inputs)[:, 1:], tf.sigmoid(sigmoid(inputs)), atol=1e-6)

    def test_two_classes_have_their_optimum_where_scikit_learn_finds_it(self):
        inputs = normal((80, 2), 0, 1)
        noise = normal((80,), 0, 1, seed=1)
        labels = (inputs @ [1.0, -2.0] + noise > 0).astype("int32")
        reference = LogisticRegression(C=np.inf, tol=1e-8).fit(inputs, labels)
        head = SoftmaxHead(2)
        head.build((None, 2))
        kernel, bias = reference.coef_.T, reference.intercept_
        head.set_weights([np.hstack([-kernel, kernel]) / 2, np.hstack([-bias, bias]) / 2])
        with tf.GradientTape() as tape:
            probabilities = head(inputs)
            loss = SoftmaxCrossEntropy()(labels, probabilities)
        self.assertAllClose(probabilities, reference.predict_proba(inputs), atol=1e-6)
        for gradient in tape.gradient(loss, [weight.value for weight in head.weights]):
            self.assertAllClose(gradient, tf.zeros_like(gradient), atol=1e-5)
