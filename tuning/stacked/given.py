"""What `search` was given, as far as a stack can take it."""

import dataclasses
import inspect

import keras
import numpy as np
import tensorflow as tf
from keras.src.trainers.data_adapters import data_adapter_utils
from keras.src.trainers.data_adapters.array_slicing import train_validation_split

from tuning.stacked.data import Data
from tuning.stacked.errors import NotStackable

SIGNATURE = inspect.signature(keras.Model.fit)
WITHOUT_EFFECT = ("self", "verbose", "validation_batch_size")
"""Arguments of `fit` that change nothing in what is learned or measured."""
TAKEN = ("x", "y", "sample_weight", "class_weight", "validation_data", "validation_split")
TAKEN += ("batch_size", "epochs", "initial_epoch", "shuffle", "callbacks")

READERS = (keras.callbacks.EarlyStopping, keras.callbacks.TerminateOnNaN)
"""Callbacks that need nothing but an epoch's metrics."""


@dataclasses.dataclass(frozen=True)
class Given:
    """Data on the device, and how long and in which order to go through them."""

    training: Data
    validation: Data | None
    batch_size: int
    first_epoch: int
    """Epochs before the first one, 0 mostly."""
    epochs: int
    shuffle: bool
    callbacks: tuple
    """Those that read each epoch's metrics and may end a training, for each trial to copy."""


def read(arguments, named):
    """Reads the arguments of `search`, which are those of `fit`.

    Args:
        arguments: Positional arguments.
        named: Named arguments.

    Returns:
        `Given`.

    Raises:
        NotStackable: If there is something among them that a stack does not do.
    """
    try:
        given = SIGNATURE.bind(None, *arguments, **named).arguments
    except TypeError as error:
        raise NotStackable(f"search was given what fit does not take: {error}") from None
    defaults = {name: each.default for name, each in SIGNATURE.parameters.items()}
    for name, value in given.items():
        if name not in TAKEN + WITHOUT_EFFECT and value is not defaults[name]:
            raise NotStackable(f"search was given {name}")
    callbacks = tuple(given.get("callbacks") or ())
    others = [type(each).__name__ for each in callbacks if type(each) not in READERS]
    if others:
        raise NotStackable(f"search was given callbacks that want a model: {', '.join(others)}")
    if given.get("shuffle") == "batch":
        raise NotStackable("search was given shuffle='batch'")
    training, validation = _split(given)
    return Given(
        training=Data(*training),
        validation=None if validation is None else Data(*validation),
        batch_size=given.get("batch_size") or 32,
        first_epoch=given.get("initial_epoch", 0),
        epochs=given.get("epochs", 1),
        shuffle=given.get("shuffle", True),
        callbacks=callbacks,
    )


def _split(given):
    """Training part and validation part, each `(x, y, sample_weight)`, as `fit` divides them."""
    x, y, weights = given["x"], given.get("y"), given.get("sample_weight")
    for name, value in (("x", x), ("y", y)):
        if not all(_is_array(array) for array in tf.nest.flatten(value)):
            raise NotStackable(f"search was given {name} that is no array")
    if given.get("class_weight") is not None:
        if weights is not None or len(tf.nest.flatten(y)) > 1:
            raise NotStackable("search was given class_weight beside sample_weight or many outputs")
        weights = np.asarray(
            data_adapter_utils.class_weight_to_sample_weights(np.asarray(y), given["class_weight"])
        )
    validation = given.get("validation_data")
    if validation is not None:
        if not isinstance(validation, tuple | list) or not all(
            _is_array(array) for array in tf.nest.flatten(validation)
        ):
            raise NotStackable("search was given validation_data that are no arrays")
        return (x, y, weights), tuple(validation)
    if given.get("validation_split"):
        return train_validation_split((x, y, weights), given["validation_split"])
    return (x, y, weights), None


def _is_array(value):
    return isinstance(value, np.ndarray) or tf.is_tensor(value)
