import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from layers import BatchNorm, SoftmaxCrossEntropy, SoftmaxHead, hardmax
from tests.layers.test_batch_norm import normal
from tests.layers.test_batch_norm_modes import KERAS_SAVING_WARNING, saved_and_loaded


def identity_head(classes, **arguments):
    """A head whose logits are its inputs."""
    head = SoftmaxHead(classes, kernel_initializer="identity", **arguments)
    head.build((None, classes))
    return head


class SoftmaxHeadTest(tf.test.TestCase, parameterized.TestCase):
    def test_probabilities_are_exponentials_over_their_sum(self):
        logits = np.float32([[5, 2, -1, 3]])
        exponentials = np.exp(logits)
        self.assertAllClose(identity_head(4)(logits), exponentials / exponentials.sum())

    @parameterized.product(size=(0.0, 1.0, 1e2, 1e30, 3e38), mode=("eager", "predict", "xla"))
    def test_any_finite_logits_give_probabilities_that_sum_to_one(self, size, mode):
        logits = np.float32([[size, -size, 0], [size, size, size], [-size, -size, -size]])
        model = keras.Sequential([identity_head(3)])
        model.compile(jit_compile=mode == "xla")
        probabilities = model(logits) if mode == "eager" else model.predict(logits, verbose=0)
        self.assertAllClose(np.sum(probabilities, axis=-1), np.ones(3))
        self.assertAllInRange(probabilities, 0.0, 1.0)

    def test_logits_are_an_affine_function_of_the_inputs(self):
        inputs, head = normal((4, 6)), SoftmaxHead(3, bias_initializer="ones")
        probabilities = head(inputs)
        self.assertAllClose(head.logits(inputs), inputs @ head.kernel.numpy() + 1, rtol=1e-5)
        self.assertAllClose(tf.nn.softmax(head.logits(inputs)), probabilities)

    def test_it_equals_a_dense_softmax_layer_and_shares_its_weights(self):
        inputs, head, dense = normal((4, 5, 6)), SoftmaxHead(3), keras.layers.Dense(3, "softmax")
        for layer in (head, dense):
            layer.build((None, 5, 6))
        head.set_weights(dense.get_weights())
        self.assertAllClose(head(inputs), dense(inputs), atol=1e-6)
        self.assertEqual(head.compute_output_shape((None, 5, 6)), (None, 5, 3))

    @parameterized.parameters("mixed_float16", "mixed_bfloat16", "float16")
    def test_probabilities_are_float32_under_any_policy(self, policy):
        keras.config.set_dtype_policy(policy)
        model = keras.Sequential([keras.layers.Dense(4), SoftmaxHead(3)])
        probabilities = model(normal((5, 6)))
        self.assertEqual(probabilities.dtype, tf.float32)
        self.assertAllClose(tf.reduce_sum(probabilities, axis=-1), tf.ones(5), atol=1e-6)

    @KERAS_SAVING_WARNING
    def test_a_saved_model_knows_its_labels_and_trains_on(self):
        body = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4), BatchNorm()])
        names = ("none of the others", "Katze", "犬")
        head = SoftmaxHead(3, names, kernel_regularizer="l2")
        model = keras.Sequential([keras.Input((6,)), body, head])
        model.compile("adam", SoftmaxCrossEntropy(), metrics=["accuracy"])
        inputs, labels = normal((9, 6)), np.arange(9) % 3
        model.fit(inputs, labels, verbose=0)
        loaded = saved_and_loaded(model)
        self.assertEqual(loaded.layers[-1].class_names, names)
        self.assertIsInstance(loaded.loss, SoftmaxCrossEntropy)
        self.assertAllEqual(loaded(inputs), model(inputs))
        for each in (model, loaded):
            each.fit(inputs, labels, shuffle=False, verbose=0)
        self.assertAllClose(loaded.get_weights()[-1], model.get_weights()[-1])

    @parameterized.parameters(
        ({"classes": 1}, r"classes must be an integer above 1\. Received: classes=1\."),
        ({"classes": 2.5}, "classes must be"),
        ({"classes": True}, "classes must be"),
        ({"classes": "three"}, "classes must be"),
        ({"classes": 3, "class_names": ("a", "b")}, "class_names must be 3 distinct strings"),
        ({"classes": 2, "class_names": ("a", "a")}, "class_names must be 2 distinct strings"),
        ({"classes": 2, "class_names": (1, 2)}, "class_names must be 2 distinct strings"),
        ({"classes": 2, "class_names": "ab"}, "class_names must be 2 distinct strings"),
        ({"classes": 3, "dtype": "float16"}, "dtype must be float32. Received: dtype=float16"),
        ({"classes": 3, "dtype": "mixed_float16"}, "dtype must be float32"),
    )
    def test_arguments_out_of_range_are_refused(self, arguments, message):
        with self.assertRaisesRegex(ValueError, message):
            SoftmaxHead(**arguments)

    def test_inputs_without_a_known_last_axis_are_refused(self):
        with self.assertRaisesRegex(ValueError, "inputs must have a known last axis"):
            SoftmaxHead(3).build((4, None))


class HardmaxTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.product(jit_compile=(None, False, True), dtype=("float32", "float16", "int32"))
    def test_the_first_of_the_largest_gets_the_one(self, jit_compile, dtype):
        logits = tf.constant([[5, 2, -1, 3], [1, 7, 7, 7], [2, 2, 2, 2], [-3, -9, -3, -4]], dtype)
        function = hardmax if jit_compile is None else tf.function(hardmax, jit_compile=jit_compile)
        expected = [[1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]]
        self.assertAllEqual(function(logits), tf.constant(expected, dtype))

    def test_it_is_the_limit_of_softmax_and_any_rank_will_do(self):
        logits = normal((2, 3, 4, 5))
        self.assertAllClose(hardmax(logits), tf.nn.softmax(1e4 * logits), atol=1e-3)
        self.assertAllEqual(tf.reduce_sum(hardmax(logits), axis=-1), tf.ones((2, 3, 4)))
