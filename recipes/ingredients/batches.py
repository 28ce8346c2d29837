"""Mini-batches in an order that seed and epoch alone decide, so that a resumed run repeats it."""

import keras
import numpy as np


class ShuffledBatches(keras.utils.PyDataset):
    """Yields shuffled mini-batches; epoch e is ordered by `default_rng([seed, e])`.

    Give `shuffle=False` to `fit`, which would shuffle the batches once more.

    Args:
        x: `(examples, ...)` features.
        labels: `(examples,)` integer classes.
        batch_size: Examples a batch; the last one holds the rest.
        seed: Integer, 0 or more.
        first_epoch: Epoch, counted from 0, that the first pass over the batches is.
        class_weights: Weight of each class's examples in the loss, `{class: weight}`, or None.
    """

    def __init__(self, x, labels, batch_size, seed, first_epoch=0, class_weights=None):
        super().__init__(workers=0)
        self.x, self.labels = x, labels
        self.batch_size, self.seed, self.epoch = batch_size, seed, first_epoch
        self.weights = None
        if class_weights is not None:
            self.weights = np.array([class_weights[k] for k in sorted(class_weights)], np.float32)
        self._shuffle()

    def __len__(self):
        return -(-len(self.labels) // self.batch_size)

    def __getitem__(self, index):
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        batch = self.x[rows], self.labels[rows]
        return batch if self.weights is None else (*batch, self.weights[batch[1]])

    def on_epoch_end(self):
        """Moves on to the next epoch's order."""
        self.epoch += 1
        self._shuffle()

    def _shuffle(self):
        self.order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.labels))
