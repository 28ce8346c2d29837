"""A data set ready for training: three parts, names, and the encoder of raw inputs."""

import dataclasses
import math
from pathlib import Path

import keras
import numpy as np

from recipes.ingredients.data.arrays import read_npz
from recipes.ingredients.data.encoder import fit_encoder, input_name, unrepeated
from recipes.ingredients.data.images import read_folder
from recipes.ingredients.data.kinds import kind_of
from recipes.ingredients.data.settings import DataSettings
from recipes.ingredients.data.shipped import read_named
from recipes.ingredients.data.source import Examples, Source, put_first, take
from recipes.ingredients.data.split import balanced_weights, split
from recipes.ingredients.data.tables import read_csv
from recipes.ingredients.errors import BadInput, quoted

PARTS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Raw examples in three parts, and what is known about them.

    Attributes:
        name: name of the set, the file or the folder.
        train: what is learned from.
        validation: what choices are made by.
        test: what the final model is scored by, once.
        class_names: the classes' own names, in the order of their numbers.
        encoder: model from raw inputs to float32 features, fitted on `train` alone.
        fingerprint: SHA-256 of all inputs, labels and names, the same for the same data.
        class_weights: weight of each class in the loss; None if all examples weigh the same.
        notes: what a person should know about the reading, such as a column left out.
    """

    name: str
    train: Examples
    validation: Examples
    test: Examples
    class_names: tuple[str, ...]
    encoder: keras.Model
    fingerprint: str
    class_weights: dict[int, float] | None
    notes: tuple[str, ...]

    def encode(self, x: np.ndarray | dict[str, np.ndarray]) -> np.ndarray:
        """Encodes raw inputs, such as `train.x`, as float32 features.

        The model is called eagerly, in batches of at most 64 MB in float64: to trace a program for
        hundreds of columns, as `predict` would, takes longer than to run them.
        """
        examples = len(next(iter(x.values()))) if isinstance(x, dict) else len(x)
        features = np.empty((examples, *self.encoder.output_shape[1:]), np.float32)
        size = max(1, 2**23 // math.prod(features.shape[1:]))
        for start in range(0, examples, size):
            batch = slice(start, start + size)
            features[batch] = self.encoder(take(x, batch)).numpy()
        return features

    def encoded_parts(self) -> dict[str, np.ndarray]:
        """Features of the three parts, computed once: `{"train": (examples, ...), ...}`."""
        return {part: self.encode(getattr(self, part).x) for part in PARTS}

    def sizes(self) -> dict[str, int]:
        """Number of examples in each part."""
        return {part: len(getattr(self, part)) for part in PARTS}

    def description(self) -> list[str]:
        """Lines that tell a person what the data are and how they were read."""
        sizes = ", ".join(f"{size} {part}" for part, size in self.sizes().items())
        summary = f"{self.name}: {len(self.class_names)} classes; examples: {sizes}"
        return [summary, *(f"note: {note}" for note in self.notes)]


def load(settings: DataSettings) -> Dataset:
    """Reads the data, splits them and fits the encoder.

    The same data and settings give the same three parts in the same order.

    Raises:
        BadInput: for whatever is wrong with the data or does not fit the settings.
    """
    source = put_first(read_source(settings), settings.none_label or None)
    train, validation, test = split(source, settings)
    useless = unrepeated(train.x) if isinstance(train.x, dict) else []
    if useless and len(useless) == len(train.x):
        raise BadInput(
            f"{source.name} must have an input column of numbers, or of text that repeats. "
            f"Received: text alone that nowhere repeats, such as in column {quoted(useless[0])}."
        )
    train, validation, test = (_as_inputs(part, useless) for part in (train, validation, test))
    balanced = settings.class_weights == "balanced"
    return Dataset(
        name=source.name,
        train=train,
        validation=validation,
        test=test,
        class_names=source.class_names,
        encoder=fit_encoder(train.x),
        fingerprint=source.fingerprint(),
        class_weights=balanced_weights(train.labels, len(source.class_names)) if balanced else None,
        notes=(*source.notes, *(_useless_note(column) for column in useless)),
    )


def read_source(settings: DataSettings) -> Source:
    """Reads all examples, from wherever they are.

    Raises:
        BadInput: if that cannot be done, or a target is named for data that have no columns.
    """
    kind = kind_of(settings.data)
    if kind == "csv":
        return read_csv(Path(settings.data), settings.target or None)
    if settings.target:
        raise BadInput(
            "target must be given for a .csv only. "
            f"Received: target={quoted(settings.target)} with data={quoted(settings.data)}."
        )
    if kind == "npz":
        return read_npz(Path(settings.data))
    if kind == "folder":
        return read_folder(Path(settings.data), settings.image_size)
    return read_named(settings.data)


def _as_inputs(part, useless):
    """The part without the useless columns, the others under the names of the model's inputs."""
    if not isinstance(part.x, dict):
        return part
    x = {input_name(name): values for name, values in part.x.items() if name not in useless}
    return dataclasses.replace(part, x=x)


def _useless_note(column):
    return f"column {quoted(column)} is text that nowhere repeats and is left out"
