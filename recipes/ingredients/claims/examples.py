"""The data of a claim's trainings."""

import numpy as np

from recipes.ingredients.data import load
from recipes.ingredients.data.dataset import PARTS
from recipes.ingredients.errors import BadInput


def flat_examples(settings):
    """Features, of mean 0 and deviation 1 in all or in each column, and classes.

    Args:
        settings: `DataSettings`.

    Returns:
        `{"train": (x, labels), "validation": ..., "test": ...}`; `x` is float32 of shape
        `(examples, features)`, images flattened.
    """
    data = load(settings)
    features = data.encoded_parts()
    return {
        part: (features[part].reshape(len(features[part]), -1), getattr(data, part).labels)
        for part in PARTS
    }


def raw_examples(settings):
    """The same as they were found, nothing encoded.

    Raises:
        BadInput: They are not all numbers.
    """
    data = load(settings)
    return {part: (_numbers(getattr(data, part).x), getattr(data, part).labels) for part in PARTS}


def _numbers(x):
    columns = x if isinstance(x, dict) else {"": x}
    for name, values in columns.items():
        if values.dtype.kind not in "fiu" or not np.all(np.isfinite(values)):
            raise BadInput(
                f"data must be numbers, none missing, to be taken raw. Received: column {name}."
            )
    flat = [values.reshape(len(values), -1) for values in columns.values()]
    return np.concatenate(flat, axis=1).astype("float32")
