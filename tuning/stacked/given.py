"""What `search` was given, as far as a stack can take it."""

import dataclasses
import inspect

import keras
import numpy as np
import tensorflow as tf
from keras.src.trainers.data_adapters import data_adapter_utils
from keras.src.trainers.data_adapters.array_slicing import (
    convert_to_sliceable,
    train_validation_split,
)

from tuning.stacked.callbacks import NEED_FIT, objection_to
from tuning.stacked.data import Data
from tuning.stacked.errors import NotStackable
from tuning.stacked.stream import Stream

SIGNATURE = inspect.signature(keras.Model.fit)
WITHOUT_EFFECT = ("self", "verbose")
"""Arguments of `fit` that change nothing in what is learned or measured."""
TAKEN = ("x", "y", "sample_weight", "class_weight", "validation_data", "validation_split")
TAKEN += ("validation_batch_size", "batch_size", "epochs", "initial_epoch", "shuffle", "callbacks")


@dataclasses.dataclass(frozen=True)
class Given:
    """Data on the device, and how long and in which order to go through them."""

    training: Data | Stream
    validation: Data | Stream | None
    batch_size: int
    validation_batch_size: int | None
    """What `fit` was given for it; None: that of the training."""
    first_epoch: int
    """Epochs before the first one, 0 mostly."""
    epochs: int
    shuffle: bool
    callbacks: tuple
    """For each trial to copy."""


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
    if given.get("x") is None:  # a `fit` or `run_trial` of one's own has its data from elsewhere
        raise NotStackable("search was given no x")
    callbacks = tuple(given.get("callbacks") or ())
    objections = [reason for reason in map(objection_to, callbacks) if reason]
    if objections:
        raise NotStackable(NEED_FIT + ", ".join(objections))
    if given.get("shuffle") == "batch":
        raise NotStackable("search was given shuffle='batch'")
    if isinstance(given["x"], tf.data.Dataset):
        training, validation = _streams(given)
    else:
        training, validation = _split(given)
        training = Data(*training)
        validation = None if validation is None else _as_data(validation)
    return Given(
        training=training,
        validation=validation,
        batch_size=given.get("batch_size") or getattr(training, "batch_size", 32),
        validation_batch_size=given.get("validation_batch_size"),
        first_epoch=given.get("initial_epoch", 0),
        epochs=given.get("epochs", 1),
        shuffle=given.get("shuffle", True),
        callbacks=callbacks,
    )


def _streams(given):
    """Training part and validation part of a search that was given a data set."""
    for name in ("y", "sample_weight", "class_weight", "validation_split", "batch_size"):
        if given.get(name) is not None and given[name] is not SIGNATURE.parameters[name].default:
            raise NotStackable(f"search was given {name} beside a data set")
    validation = given.get("validation_data")
    return _stream(given["x"]), None if validation is None else _as_data(validation)


def _stream(dataset):
    try:
        return Stream(dataset)
    except ValueError as error:
        raise NotStackable(f"search was given a data set that does not stream: {error}") from None


def _as_data(validation):
    if isinstance(validation, tf.data.Dataset):
        return _stream(validation)
    if not isinstance(validation, tuple | list) or len(validation) not in (2, 3):
        raise NotStackable("search was given validation_data that are no arrays and no data set")
    x, y, *weights = validation
    given = x, y, *(array for array in weights if array is not None)
    return Data(*(_arrays("validation_data", array) for array in given))


def _split(given):
    """Training part and validation part, each `(x, y, sample_weight)`, as `fit` divides them."""
    x, y = (_arrays(name, given.get(name)) for name in ("x", "y"))
    weights = given.get("sample_weight")
    weights = None if weights is None else _arrays("sample_weight", weights)
    class_weight, validation = given.get("class_weight"), given.get("validation_data")
    if class_weight is not None and (weights is not None or len(tf.nest.flatten(y)) > 1):
        raise NotStackable("search was given class_weight beside sample_weight or many outputs")
    training = x, y, weights
    if validation is None and given.get("validation_split"):
        training, validation = train_validation_split(training, given["validation_split"])
    if class_weight is not None:  # of the training part alone
        x, y, _ = training
        weights = data_adapter_utils.class_weight_to_sample_weights(np.asarray(y), class_weight)
        training = x, y, np.asarray(weights)
    return training, validation


def _arrays(name, value):
    """A nest of what `fit` takes for arrays (a pandas table, say) as arrays."""
    try:
        arrays = convert_to_sliceable(value, target_backend="tensorflow")
    except ValueError:  # none at all
        arrays = None
    if not all(
        isinstance(a, np.ndarray | tf.Tensor | tf.Variable) for a in tf.nest.flatten(arrays)
    ):
        raise NotStackable(f"search was given {name} that is no array")
    return arrays
