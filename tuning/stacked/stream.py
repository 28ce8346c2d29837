"""Data that are read as they are trained on: larger than memory, or made as they go."""

import numpy as np
import tensorflow as tf

BYTES_AT_ONCE = 64 * 2**20


class Stream:
    """The batches of a `tf.data.Dataset`, some of them on the device at a time.

    What stands for `Data`, except that the data set says its batches and their order.

    Args:
        dataset: Yields batches `(x, y)` or `(x, y, sample_weight)`, all of one size but the last.
        bytes_at_once: How much of it is on the device at a time. Default 64 MiB.

    Attributes:
        examples: A great many: nobody knows how many there are.

    Raises:
        ValueError: If it yields nothing, or no such batches.
    """

    def __init__(self, dataset, bytes_at_once=None):
        self._dataset = dataset
        first = next(iter(dataset), None)
        if first is None:
            raise ValueError("dataset must yield batches. Received: none.")
        if not isinstance(first, tuple) or len(first) not in (2, 3):
            raise ValueError("dataset must yield (x, y) or (x, y, sample_weight).")
        self._first, self.examples = first, 10**9
        tensors = [each for each in tf.nest.flatten(first) if each is not None]
        others = [type(each).__name__ for each in tensors if not isinstance(each, tf.Tensor)]
        if others:
            raise ValueError(f"dataset must yield dense tensors. Received: {others[0]}.")
        self.batch_size = int(tensors[0].shape[0])
        size = sum(each.dtype.size * each.shape.num_elements() for each in tensors)
        self._batches_at_once = max(1, (bytes_at_once or BYTES_AT_ONCE) // max(size, 1))

    @property
    def features(self):
        """The tensor, or nest of tensors, of features of one batch."""
        return self._first[0]

    @property
    def labels(self):
        """The tensor, or nest of tensors, of labels of one batch."""
        return self._first[1]

    def first(self, examples):
        """The first batch."""
        del examples
        return self._first

    def order(self, shuffle, seed, epoch):
        """None: the data set's own."""
        del shuffle, seed, epoch

    def steps(self, batch_size):
        """How many batches an epoch has; None if the data set does not know."""
        del batch_size
        known = int(self._dataset.cardinality())
        return known if known >= 0 else None

    def evaluation_batch_size(self, wanted=None):
        """The data set's own."""
        del wanted
        return self.batch_size

    def batches(self, order, batch_size):
        """Goes through the data set once.

        Yields:
            `(arrays, rows)`: tensors of some batches, always of one shape so that nothing is
            compiled again, and which rows make up each batch, `(steps, examples)`.
        """
        del order, batch_size
        part = []
        for batch in self._dataset:
            part.append(batch)
            if len(part) == self._batches_at_once:
                yield from self._rows_of(part)
                part = []
        if part:
            yield from self._rows_of(part)

    def _rows_of(self, part):
        counts = [int(tf.nest.flatten(batch)[0].shape[0]) for batch in part]
        wanted = self._batches_at_once * self.batch_size

        def joined(*tensors):
            missing = wanted - sum(counts)
            return tf.pad(tf.concat(tensors, 0), [[0, missing]] + [[0, 0]] * (tensors[0].ndim - 1))

        arrays = tf.nest.map_structure(joined, *part)
        rows = np.arange(sum(counts), dtype=np.int32)
        whole = sum(count == self.batch_size for count in counts)
        if any(count != self.batch_size for count in counts[:-1]):
            raise ValueError(
                "dataset must yield batches of one size, but for the last one. "
                f"Received: sizes={sorted(set(counts))}."
            )
        if whole:
            yield arrays, rows[: whole * self.batch_size].reshape(whole, self.batch_size)
        if whole < len(counts):
            yield arrays, rows[whole * self.batch_size :].reshape(1, -1)
