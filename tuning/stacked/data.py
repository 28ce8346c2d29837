"""The examples that all trials of a search share."""

import math

import keras
import numpy as np
import tensorflow as tf

EVALUATED_AT_ONCE = 512
"""Most examples of a batch in evaluation."""


class Data:
    """Examples on the device, in the types that `fit` would feed.

    Args:
        x: Array of features, or a nest of arrays, `(examples, ...)`.
        y: Array of labels, or a nest of arrays.
        sample_weight: Optional weights of the examples in the loss, `(examples,)`.

    Raises:
        ValueError: If the arrays have unequal numbers of examples.
    """

    def __init__(self, x, y, sample_weight=None):
        given = (x, y) if sample_weight is None else (x, y, sample_weight)
        self.arrays = tf.nest.map_structure(_as_tensor, given)
        counts = {int(array.shape[0]) for array in tf.nest.flatten(self.arrays)}
        if len(counts) != 1:
            raise ValueError(
                "x, y and sample_weight must have equally many examples. "
                f"Received: examples={sorted(counts)}."
            )
        (self.examples,) = counts
        if not self.examples:
            raise ValueError("x and y must have 1 example or more. Received: examples=0.")

    @property
    def features(self):
        """The tensor, or nest of tensors, of features."""
        return self.arrays[0]

    @property
    def labels(self):
        """The tensor, or nest of tensors, of labels."""
        return self.arrays[1]

    def order(self, shuffle, seed, epoch):
        """The order in which an epoch goes through the examples: `default_rng([seed, epoch])`.

        Args:
            shuffle: Whether it is another one than theirs.
            seed: Integer.
            epoch: Number of the epoch, from 0.
        """
        if not shuffle:
            return np.arange(self.examples)
        return np.random.default_rng([seed, epoch]).permutation(self.examples)

    def batches(self, order, batch_size):
        """Goes through the examples.

        Args:
            order: What `order` returned; None for theirs.
            batch_size: Examples a batch; the last one holds the rest.

        Yields:
            `(arrays, rows)`: tensors, and which rows make up each batch, `(steps, examples)`.
        """
        for rows in batches_of(np.arange(self.examples) if order is None else order, batch_size):
            yield self.arrays, rows

    def steps(self, batch_size):
        """How many batches an epoch has."""
        return math.ceil(self.examples / batch_size)

    def evaluation_batch_size(self, wanted=None):
        """A batch size for evaluation.

        Args:
            wanted: The one that `fit` would take; None where it changes nothing. Then little is
                compiled for it.
        """
        return min(self.examples, wanted or EVALUATED_AT_ONCE)

    def first(self, examples):
        """The first examples, as `(x, y)` or `(x, y, sample_weight)`."""
        return tf.nest.map_structure(lambda array: array[:examples], self.arrays)


def _as_tensor(array):
    array = np.asarray(array)
    return tf.constant(array, keras.config.floatx() if array.dtype.kind == "f" else array.dtype)


def batches_of(rows, batch_size):
    """Cuts rows into batches.

    Args:
        rows: Integers, in the order to be gone through.
        batch_size: Rows a batch.

    Returns:
        List of the whole batches, `(steps, batch_size)`, and of the rest, `(1, rest)`, as far as
        there are any.
    """
    rows = np.asarray(rows, np.int32)
    whole = len(rows) // batch_size * batch_size
    parts = [rows[:whole].reshape(-1, batch_size), rows[whole:].reshape(1, -1)]
    return [part for part in parts if part.size]
