"""Data sets known by name: those that ship with scikit-learn, and those of keras.datasets."""

import keras
import numpy as np
from sklearn import datasets

from recipes.ingredients.data.kinds import SHIPPED
from recipes.ingredients.data.source import Examples, Source
from recipes.ingredients.errors import BadInput

DIGITS = tuple("0123456789")
CLASS_NAMES = {  # in the order that keras.datasets documents
    "mnist": DIGITS,
    "fashion_mnist": (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    "cifar10": (
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    ),
}


def read_named(name: str) -> Source:
    """Reads the data set of this name.

    Raises:
        BadInput: if it has to be downloaded and cannot be.
    """
    return _read_sklearn(name) if name in SHIPPED else _read_keras(name)


def _read_sklearn(name):
    bunch = getattr(datasets, f"load_{name}")()
    labels = bunch.target.astype(np.int32)
    if name == "digits":
        return Source(name, Examples(bunch.images.astype(np.float32), labels), DIGITS)
    columns = zip(bunch.feature_names, bunch.data.T.astype(np.float32), strict=True)
    x = {str(column): values.copy() for column, values in columns}
    return Source(name, Examples(x, labels), tuple(str(name) for name in bunch.target_names))


def _read_keras(name):
    try:
        # No network, a full disk, a broken file: keras raises bare Exceptions among others.
        train, test = getattr(keras.datasets, name).load_data()
    except Exception as error:
        raise BadInput(
            f"{name} must be downloaded by keras.datasets at first use, which failed. "
            f"Received: {type(error).__name__}, {error}. Without a network, use one of "
            f"{', '.join(SHIPPED)}, or put the file into the folder datasets of ~/.keras."
        ) from error
    examples, test = (Examples(x, y.reshape(-1).astype(np.int32)) for x, y in (train, test))
    return Source(name, examples, CLASS_NAMES[name], test=test)
