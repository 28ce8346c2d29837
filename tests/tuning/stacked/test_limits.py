"""What stacks may use, what they take, and how they say what they did."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tuning.stacked import Data, Grouping
from tuning.stacked.memory import default_limit, trials_within
from tuning.stacked.report import Report
from tuning.stacked.stream import Stream
from tuning.stacked.training import padded_places


def mlp(units):
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(units, "relu"), keras.layers.Dense(3)]
    )
    model.compile("sgd", "mse")
    return model


def sentences(change=lambda *batch: batch):
    lengths = tf.ragged.constant([[1, 2], [3], [4, 5, 6], [7]])
    return tf.data.Dataset.from_tensor_slices((lengths, [0, 1, 1, 0])).batch(2).map(change)


class LimitsTest(tf.test.TestCase, parameterized.TestCase):
    def group(self, widths, batch_size=8):
        grouping = Grouping(Data(np.zeros((16, 6)), np.zeros((16, 3))))
        groups, _ = grouping.group([mlp(width) for width in widths], [batch_size] * len(widths))
        return grouping, groups[0]

    def test_the_default_limit_is_some_of_the_memory_there_is(self):
        self.assertBetween(default_limit(), 2**20, 2**50)

    def test_a_trial_counts_its_weights_and_its_activations(self):
        _, group = self.group([32])
        (skeleton,) = group.skeletons
        widths = dict(skeleton.widths)
        weights = 4 * (6 * 32 + 32 + 32 * 3 + 3)
        few = trials_within(10**6, skeleton, widths, batch_size=1)
        self.assertBetween(few, 10**6 / (20 * weights), 10**6 / weights)
        many = trials_within(10**6, skeleton, widths, batch_size=100)
        self.assertLess(many, few / 3)
        self.assertEqual(trials_within(1, skeleton, widths, batch_size=1), 1)

    def test_a_stack_has_as_much_room_as_memory_allows_and_as_is_of_use(self):
        grouping, group = self.group([4, 8, 12, 16, 20, 24, 28])
        self.assertBetween(grouping.room(25_000, group), 1, 6)
        self.assertEqual(grouping.room(1, group), 1)
        self.assertEqual(grouping.room(10**12, group), grouping.room(10**13, group))

    @parameterized.parameters((1, 1), (3, 3), (5, 8), (21, 24), (64, 64), (65, 96), (400, 416))
    def test_stacks_have_few_sizes_that_waste_little(self, trials, size):
        places = padded_places(range(trials))
        self.assertLen(places, size)
        self.assertEqual(places[:trials], list(range(trials)))
        self.assertLen(
            padded_places(range(trials), trials + 32), len(padded_places(range(trials + 32)))
        )

    def test_a_stream_hands_out_parts_of_one_shape_and_each_example_once(self):
        x = np.arange(22, dtype="float32").reshape(11, 2)
        dataset = tf.data.Dataset.from_tensor_slices((x, np.arange(11))).batch(3)
        stream = Stream(dataset, bytes_at_once=2 * (3 * 2 * 4 + 3 * 8))
        seen, shapes = [], set()
        for (features, labels), rows in stream.batches(None, None):
            shapes.add(tuple(features.shape))
            for batch in rows:
                seen.append(tf.gather(labels, batch).numpy().tolist())
                self.assertAllEqual(tf.gather(features, batch)[:, 0], 2 * np.array(seen[-1]))
        self.assertEqual(seen, [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10]])
        self.assertEqual(shapes, {(6, 2)})

    @parameterized.parameters(
        (lambda: tf.data.Dataset.range(0).map(lambda i: (i, i)).batch(2), "must yield batches"),
        (lambda: tf.data.Dataset.range(4).batch(2), r"must yield \(x, y\)"),
        (sentences, "must yield dense tensors. Received: RaggedTensor"),
        (lambda: sentences(lambda x, y: (x.to_sparse(), y)), "dense.* Received: SparseTensor"),
    )
    def test_a_data_set_that_is_none_of_batches_is_refused(self, dataset, message):
        with self.assertRaisesRegex(ValueError, message):
            Stream(dataset())

    def test_a_report_counts_ways_and_reasons(self):
        report = Report()
        self.assertEqual(str(report), "no trial was trained")
        for program in ("one", "one", "another"):
            report.add("stacked", program=program)
        report.add("fit", "it is shy")
        report.add("fit", "it is shy")
        self.assertEqual(
            str(report), "trials trained: 3 stacked (2 programs), 2 by fit (it is shy: 2)"
        )


if __name__ == "__main__":
    tf.test.main()
