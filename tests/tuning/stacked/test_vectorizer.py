import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tuning.stacked import vectorizer


class VectorizerTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.product(jit_compile=(False, True), shared=(False, True))
    def test_its_rules_compute_what_one_member_after_another_does(self, jit_compile, shared):
        vectorizer.teach()
        draw = np.random.default_rng(0)
        scores = tf.constant(draw.normal(size=(4, 5, 6)), "float32")
        labels = tf.constant(draw.integers(0, 6, (4, 5)), "int32")

        def one(member):
            score, label = member
            top = tf.math.in_top_k(labels[0] if shared else label, score, 3)
            return top, tf.bitcast(score, "int32")

        together = tf.function(
            lambda *members: tf.vectorized_map(one, members, fallback_to_while_loop=False),
            jit_compile=jit_compile,
        )(scores, labels)
        for place in range(4):
            alone = one((scores[place], labels[place]))
            for ours, expected in zip(together, alone, strict=True):
                self.assertAllEqual(ours[place], expected)


if __name__ == "__main__":
    tf.test.main()
