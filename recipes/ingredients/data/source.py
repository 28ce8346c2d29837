"""Data as they were found: raw inputs, numbered classes, and the classes' own names."""

import dataclasses
import hashlib
import re
from collections.abc import Sequence

import numpy as np

from recipes.ingredients.errors import BadInput, did_you_mean, listed, quoted

WHOLE = re.compile(r"[+-]?[0-9]{1,30}(\.0*)?")
DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Examples:
    """Some examples: raw inputs and the numbers of their classes.

    Attributes:
        x: raw inputs; an array `(examples, ...)`, or a dictionary from column to an array
            `(examples,)` that is float32 (numbers, NaN where missing) or object (text).
        labels: classes, `(examples,)`, int32.
    """

    x: np.ndarray | dict[str, np.ndarray]
    labels: np.ndarray

    def __len__(self):
        return len(self.labels)

    def take(self, indices: np.ndarray) -> "Examples":
        """The examples at these places, in this order."""
        return Examples(take(self.x, indices), self.labels[indices])


@dataclasses.dataclass(frozen=True)
class Source:
    """All examples that were found, with a test part only if the data bring their own."""

    name: str
    examples: Examples
    class_names: tuple[str, ...]
    test: Examples | None = None
    notes: tuple[str, ...] = ()

    def fingerprint(self) -> str:
        """SHA-256 of everything there is to learn from: inputs, labels and names."""
        digest = hashlib.sha256()
        _digest_text(digest, self.class_names)
        for part in (self.examples, self.test):
            if part is not None:
                columns = part.x if isinstance(part.x, dict) else {"": part.x}
                for column, values in columns.items():
                    _digest_text(digest, [column])
                    _digest_array(digest, values)
                _digest_array(digest, part.labels)
        return digest.hexdigest()


def take(x: np.ndarray | dict, indices: np.ndarray | slice) -> np.ndarray | dict:
    """The rows of an array, or of every column of a table, at these places."""
    if isinstance(x, dict):
        return {column: values[indices] for column, values in x.items()}
    return x[indices]


def is_missing(label: str) -> bool:
    """Whether a label names no class: it is empty or NaN. Others, such as "none", may name one."""
    return label.lower() in ("", "nan")


def name_classes(labels: Sequence[str], where: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Numbers the classes: whole numbers in their order, other names in the alphabet's.

    Args:
        labels: the class of every example, as it was written.
        where: what a message calls the place they come from.

    Returns:
        Class numbers `(examples,)`, int32, and the names in the order of these numbers.

    Raises:
        BadInput: for fewer than two classes.
    """
    distinct = sorted(set(labels))
    if all(WHOLE.fullmatch(label) for label in distinct):
        distinct.sort(key=lambda label: (int(label.partition(".")[0]), label))
    if len(distinct) < 2:
        raise BadInput(
            f"{where} must hold at least 2 classes. Received: only {listed(distinct) or 'none'}."
        )
    numbers = {label: number for number, label in enumerate(distinct)}
    return np.array([numbers[label] for label in labels], np.int32), tuple(distinct)


def refuse_measured(labels: Sequence[str], where: str) -> None:
    """Refuses labels that look measured rather than named, by a rule of thumb.

    Raises:
        BadInput: if all are numbers, and some have a fraction, or there are more than 20 different
            ones with fewer than 10 examples of each on average.
    """
    distinct = sorted(set(labels))
    whole = all(WHOLE.fullmatch(label) for label in distinct)
    numbers = whole or all(DECIMAL.fullmatch(label) for label in distinct)
    if numbers and (not whole or (len(distinct) > 20 and len(labels) < 10 * len(distinct))):
        raise BadInput(
            f"{where} must hold classes, for this sorts examples into classes and does not predict "
            f"a continuous quantity. Received: {len(distinct)} different numbers in {len(labels)} "
            f"examples, such as {listed(distinct[:3])}."
        )


def put_first(source: Source, none_label: str | None) -> Source:
    """Makes the class called `none_label` class number 0; the others keep their order.

    Raises:
        BadInput: if there is no such class.
    """
    if none_label is None:
        return source
    names = source.class_names
    if none_label not in names:
        raise BadInput(
            f"none_label must be one of the classes {listed(names)}. "
            f"Received: none_label={quoted(none_label)}.{did_you_mean(none_label, names)}"
        )
    first = names.index(none_label)
    order = [first, *(number for number in range(len(names)) if number != first)]
    renumbered = np.argsort(order).astype(np.int32)

    def renumber(part):
        return part and dataclasses.replace(part, labels=renumbered[part.labels])

    return dataclasses.replace(
        source,
        examples=renumber(source.examples),
        test=renumber(source.test),
        class_names=tuple(names[number] for number in order),
    )


def _digest_array(digest, values):
    digest.update(f"{values.dtype} {values.shape};".encode())
    if values.dtype == object:
        _digest_text(digest, values)
    else:
        digest.update(np.ascontiguousarray(values).tobytes())


def _digest_text(digest, texts):
    for text in texts:
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(f"{len(encoded)}:".encode() + encoded)
