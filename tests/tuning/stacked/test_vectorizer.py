import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tuning.stacked.vectorizer import over_trials


def together(one, *members, jit_compile=False):
    """What `over_trials` computes, by a function that is traced for it."""
    function = tf.function(lambda *of_all: over_trials(one, of_all, []), jit_compile=jit_compile)
    return function(*members)


class VectorizerTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.product(jit_compile=(False, True), shared=(False, True))
    def test_its_rules_compute_what_one_member_after_another_does(self, jit_compile, shared):
        draw = np.random.default_rng(0)
        scores = tf.constant(draw.normal(size=(4, 5, 6)), "float32")
        labels = tf.constant(draw.integers(0, 6, (4, 5)), "int32")

        def one(member):
            score, label = member
            top = tf.math.in_top_k(labels[0] if shared else label, score, 3)
            return top, tf.bitcast(score, "int32")

        of_all = together(one, scores, labels, jit_compile=jit_compile)
        for place in range(4):
            alone = one((scores[place], labels[place]))
            for ours, expected in zip(of_all, alone, strict=True):
                self.assertAllEqual(ours[place], expected)

    def test_padding_keeps_its_value(self):
        values = np.arange(6.0, dtype=np.float32).reshape(3, 2)
        padded = together(lambda own: tf.pad(own[0], [[1, 0]], constant_values=-5.0), values)
        self.assertAllEqual(padded, np.pad(values, [[0, 0], [1, 0]], constant_values=-5.0))

    @parameterized.parameters(1, 3)
    def test_squeezing_leaves_the_members_axis_however_many_there_are(self, members):
        values = np.arange(4.0 * members, dtype=np.float32).reshape(members, 1, 4, 1)
        self.assertAllEqual(together(lambda own: tf.squeeze(own[0]), values), values[:, 0, :, 0])

    @parameterized.parameters(False, True)
    def test_gradients_of_each_member_on_a_batch_that_all_share(self, jit_compile):
        draw = np.random.default_rng(1)
        weights = tf.constant(draw.normal(size=(3, 5, 2)), "float32")
        batch = tf.constant(draw.normal(size=(70, 5)), "float32")  # small ones become constants

        def one(member):
            (weight,) = member
            with tf.GradientTape() as tape:
                tape.watch(weight)
                loss = tf.reduce_mean(tf.nn.tanh(batch @ weight) ** 2)
            return {"loss": loss, "gradient": tape.gradient(loss, weight)}

        of_all = together(one, weights, jit_compile=jit_compile)
        for place in range(3):
            alone = one((weights[place],))
            self.assertAllClose(of_all["loss"][place], alone["loss"])
            self.assertAllClose(of_all["gradient"][place], alone["gradient"])

    @parameterized.parameters(False, True)
    def test_members_share_what_the_function_around_them_computes(self, jit_compile):
        @tf.function(jit_compile=jit_compile)
        def function(members, data, rows):
            batch = tf.gather(data, rows)
            return over_trials(lambda own: tf.linalg.matvec(batch, own), members, [])

        members, data = np.eye(3, dtype=np.float32), np.arange(12, dtype=np.float32).reshape(4, 3)
        self.assertAllEqual(function(members, data, [2, 0]), data[[2, 0]].T)

    def test_what_is_the_same_for_all_members_is_given_to_each(self):
        shared = tf.constant([1.0, 2.0])
        same, own, constant = together(
            lambda member: (shared * 2, member[0], tf.constant(3)), tf.zeros((4, 2))
        )
        self.assertAllEqual(same, [[2, 4]] * 4)
        self.assertAllEqual(own, np.zeros((4, 2)))
        self.assertAllEqual(constant, [3] * 4)

    def test_the_number_of_members_may_be_open(self):
        function = tf.function(
            lambda members: over_trials(lambda own: own * 2, members, []),
            input_signature=[tf.TensorSpec((None, 2))],
        )
        for members in (1, 5):
            self.assertAllEqual(function(tf.ones((members, 2))), np.full((members, 2), 2))
        (result,) = function.get_concrete_function().outputs
        self.assertEqual(result.shape.as_list(), [None, 2])

    def test_the_graph_holds_no_copy_of_the_members(self):
        function = tf.function(lambda *of_all: over_trials(lambda own: own[0] @ own[1], of_all, []))
        graph = function.get_concrete_function(tf.ones((3, 2, 4)), tf.ones((3, 4, 5))).graph
        kinds = [operation.type for operation in graph.get_operations()]
        self.assertNotIn("GatherV2", kinds)
        self.assertNotIn("MatMul", kinds)
        self.assertIn("BatchMatMulV2", kinds)

    def test_an_operation_that_it_does_not_know_is_named(self):
        with self.assertRaisesRegex(ValueError, "No pfor vectorization defined for Unique"):
            together(lambda member: tf.unique(member[0]).y, tf.zeros((3, 2), "int32"))

    def test_what_it_cannot_do_is_an_error_without_pages_of_tensorflows(self):
        members = tf.zeros((3, 2, 5, 5, 1)), tf.zeros((3, 2, 2, 1, 1))
        with (
            self.assertNoLogs(tf.get_logger(), "ERROR"),
            self.assertRaisesRegex(ValueError, "Conv2D"),
        ):
            together(lambda own: tf.nn.conv2d(*own, 1, "SAME"), *members)
        with self.assertLogs(tf.get_logger(), "ERROR"):
            tf.get_logger().error("What others have to say comes through afterwards.")


if __name__ == "__main__":
    tf.test.main()
