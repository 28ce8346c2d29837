"""The three parts: what is learned from, what choices are made by, what the end is judged by."""

import numpy as np
from sklearn.model_selection import train_test_split

from recipes.ingredients.data.settings import DataSettings
from recipes.ingredients.data.source import Examples, Source
from recipes.ingredients.errors import BadInput, quoted


def split(source: Source, settings: DataSettings) -> tuple[Examples, Examples, Examples]:
    """Divides the examples into training, validation and test part, each with all classes' shares.

    A test part that the data bring is used as it is. Every class must have as many examples as
    there are parts to cut (3, or 2 beside a test part). A part gets its share of all examples, but
    never fewer than there are classes.

    Raises:
        BadInput: if there are too few examples for that.
    """
    examples = source.examples
    _check_counts(source)
    rest, test = np.arange(len(examples)), source.test
    if test is None:
        rest, held_out = _cut(source, rest, settings.test_share, "test", settings)
        test = examples.take(held_out)
    train, validation = _cut(source, rest, settings.validation_share, "validation", settings)
    if len(np.unique(examples.labels[train])) < len(source.class_names):
        raise _too_few(source, "training", len(train))
    return examples.take(train), examples.take(validation), test


def balanced_weights(labels: np.ndarray, classes: int) -> dict[int, float]:
    """Weights by which all classes count alike: n / (C n_c) for class c with n_c of n examples."""
    counts = np.bincount(labels, minlength=classes)
    return {number: len(labels) / (classes * int(count)) for number, count in enumerate(counts)}


def _cut(source, indices, share, part, settings):
    """Takes the share of all examples out of those at the indices, with every class's share."""
    labels = source.examples.labels
    size = max(round(share * len(labels)), len(source.class_names))
    if size > len(indices) - len(source.class_names):
        raise _too_few(source, part, size)
    try:
        return train_test_split(
            indices, test_size=size, stratify=labels[indices], random_state=settings.split_seed
        )
    except ValueError as error:  # the first cut has left a class too few examples for the second
        raise _too_few(source, part, size) from error


def _check_counts(source):
    least = 3 if source.test is None else 2
    counts = np.bincount(source.examples.labels, minlength=len(source.class_names))
    rarest = int(np.argmin(counts))
    if counts[rarest] < least:
        raise BadInput(
            f"{source.name} must have at least {least} examples of each class, one for each part "
            f"of the split. Received: {counts[rarest]} of class "
            f"{quoted(source.class_names[rarest])}."
        )


def _too_few(source, part, size):
    return BadInput(
        f"{source.name} must have enough examples for each part of the split to have at least one "
        f"of each class. Received: {len(source.examples)} examples of {len(source.class_names)} "
        f"classes, of which the {part} part gets {size}. More examples, or other shares, would do."
    )
