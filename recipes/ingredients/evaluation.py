"""What a classifier is worth on one part of the data."""

import dataclasses
import math

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from recipes.ingredients.errors import RunFailed


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Probabilities of some labelled examples, and what follows from them."""

    labels: np.ndarray
    """`(examples,)` true classes."""
    probabilities: np.ndarray
    """`(examples, classes)`."""
    loss: float
    """Mean cross-entropy, computed from the logits, in nats."""

    @property
    def predictions(self):
        """`(examples,)` most probable classes."""
        return self.probabilities.argmax(axis=1)

    @property
    def accuracy(self):
        """Share of examples whose most probable class is the true one."""
        return float(np.mean(self.predictions == self.labels))

    @property
    def confusion(self):
        """`(classes, classes)` counts: rows are true classes, columns predicted ones."""
        classes = range(self.probabilities.shape[1])
        return confusion_matrix(self.labels, self.predictions, labels=classes)

    def worst_mistakes(self, most):
        """Indices of the wrongly classified examples whose true class seemed least probable."""
        wrong = np.flatnonzero(self.predictions != self.labels)
        of_true_class = self.probabilities[wrong, self.labels[wrong]]
        return wrong[np.argsort(of_true_class, kind="stable")][:most].tolist()

    def by_class(self):
        """Precision, recall and number of examples of each class, as rows `(p, r, n)`.

        Precision is NaN for a class that was never predicted, recall for one that never occurred.
        """
        precision, recall, _, count = precision_recall_fscore_support(
            self.labels,
            self.predictions,
            labels=range(self.probabilities.shape[1]),
            zero_division=np.nan,
        )
        return list(zip(precision.tolist(), recall.tolist(), count.tolist(), strict=True))


def evaluate(model, complete, features, part):
    """Scores a classifier on one part of the data.

    Args:
        model: The classifier, which takes features.
        complete: The same with the encoder before it, which takes raw inputs: what is saved.
        features: `(examples, ...)`, float32.
        part: `Examples` that these are the features of.

    Returns:
        An `Evaluation`; its probabilities are the complete model's.

    Raises:
        RunFailed: The loss is NaN or infinite.
    """
    loss = model.evaluate(features, part.labels, batch_size=1024, verbose=0, return_dict=True)[
        "loss"
    ]
    if not math.isfinite(loss):
        raise RunFailed(f"the loss on the test part is {loss}: the training diverged.")
    probabilities = complete.predict(part.x, batch_size=1024, verbose=0)
    return Evaluation(part.labels, probabilities, float(loss))
