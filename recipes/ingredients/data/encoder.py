"""From raw inputs to numbers a network can learn from, as a Keras model of Keras's own layers.

What it needs to know, it learns from the training part only and keeps as constants. As a model it
can be saved with the network behind it, so that the saved file takes raw inputs.
"""

from collections import Counter

import keras
import numpy as np
from keras import ops

LARGEST = 1e4  # deviations; a part of n examples has none beyond sqrt(n), so only unseen ones do
MOST_CATEGORIES = 100


def fit_encoder(x: np.ndarray | dict[str, np.ndarray]) -> keras.Model:
    """Builds the encoder of these raw inputs.

    Numbers become `(x - mean) / deviation`: by column, by feature of vectors, by channel of images
    (which gain a channel axis if they lack one); a deviation of zero counts as 1. In tables a
    missing number becomes 0, the mean, and columns with missing numbers gain a flag that says so.
    Text becomes one-hot: a place for each of the most common categories, at most 100, that occur
    twice or more, after one place for all others.

    Args:
        x: the training part's raw inputs. A table's columns bear their `input_name`, and none is
            `unrepeated`.

    Returns:
        A model from raw inputs, `(batch, ...)` or a dictionary from column to `(batch, 1)`, to
        float32 features `(batch, features)` or `(batch, height, width, channels)`.
    """
    return _table_encoder(x) if isinstance(x, dict) else _array_encoder(x)


def join_encoder(encoder: keras.Model, model: keras.Model) -> keras.Model:
    """Puts a trained model behind the encoder: one model, from raw inputs to predictions."""
    names = {operation.name for operation in encoder.operations}
    # A model of its own, not the compiled one: predicting needs no optimiser.
    model = keras.Model(model.inputs, model.outputs, name=_free(model.name, names))
    return keras.Model(encoder.input, model(encoder.output))


def input_name(column: str) -> str:
    """The name of a column's input; the column's own, if Keras allows it.

    Keras allows no "/" and no empty name: they become %2F and %00 (and % becomes %25, where the
    name would else be mistaken for one so changed).
    """
    if column == "":
        return "%00"
    if any(mark in column for mark in ("/", "%25", "%2F", "%00")):
        return column.replace("%", "%25").replace("/", "%2F")
    return column


def column_name(name: str) -> str:
    """The column whose input has this name: the inverse of `input_name`."""
    return "" if name == "%00" else name.replace("%2F", "/").replace("%25", "%")


def unrepeated(x: dict[str, np.ndarray]) -> list[str]:
    """The text columns in which nothing occurs twice: there is nothing in them to learn from."""
    return [name for name, values in x.items() if _is_text(values) and not categories(values)]


def categories(values: np.ndarray) -> list[str]:
    """The at most 100 most common texts that occur twice or more, in the alphabet's order."""
    counts = Counter(values.tolist())
    repeated = [text for text, count in counts.items() if count > 1]
    return sorted(sorted(repeated, key=lambda text: (-counts[text], text))[:MOST_CATEGORIES])


def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation along the last axis, NaN left out; 0 where nothing is, 1 where all agree.

    Summed in float64, 1,000 examples at a time: a large set in float64 may not fit into memory.
    """

    def mean_of(function):
        total = np.zeros(x.shape[-1])
        for start in range(0, len(x), 1000):
            part = function(x[start : start + 1000].astype(np.float64))
            total += np.nansum(part, axis=tuple(range(x.ndim - 1)))
        return total / np.maximum(count, 1)

    missing = np.isnan(x) if x.dtype.kind == "f" else np.zeros((1, x.shape[-1]), bool)
    count = x.size / x.shape[-1] - missing.sum(axis=tuple(range(missing.ndim - 1)))
    mean = mean_of(lambda part: part)
    deviation = np.sqrt(mean_of(lambda part: (part - mean) ** 2))
    same = deviation <= 1e-12 * np.abs(mean)  # what rounding leaves of a constant
    return mean, np.where(same, 1.0, deviation)


def _table_encoder(x):
    numeric = {name: values for name, values in x.items() if not _is_text(values)}
    text = {name: values for name, values in x.items() if _is_text(values)}
    # The inputs bear the columns' names, which may be those of operations; hence a model within.
    inner = {
        name: keras.Input((1,), dtype="string" if name in text else "float32", name=f"column_{i}")
        for i, name in enumerate((*numeric, *text))
    }
    features = [_encode_text(inner[name], values) for name, values in text.items()]
    if numeric:
        numbers = [inner[name] for name in numeric]
        features = [*_encode_numbers(numbers, np.stack([*numeric.values()], axis=1)), *features]
    encode = keras.Model(list(inner.values()), _joined(features), name=_free("encode", x))
    inputs = {
        name: keras.Input((1,), dtype=tensor.dtype, name=name) for name, tensor in inner.items()
    }
    return keras.Model(inputs, encode(list(inputs.values())))


def _encode_numbers(tensors, values):
    """The normalised columns, and flags for those in which numbers are missing."""
    numbers = _joined(tensors)
    missing = ops.isnan(numbers)
    normalised = ops.where(missing, 0.0, _normalise(numbers, values))
    often = [int(column) for column in np.flatnonzero(np.isnan(values).any(axis=0))]
    flags = [ops.cast(ops.take(missing, often, axis=1), "float32")] if often else []
    return [ops.cast(normalised, "float32"), *flags]


def _encode_text(tensor, values):
    known = categories(values)
    # The vocabulary is an argument, for only so does the saved file keep odd categories; the name
    # of all others must be none of them.
    return keras.layers.StringLookup(
        vocabulary=known, output_mode="one_hot", oov_token=_free("[UNK]", known), dtype="float32"
    )(tensor)


def _array_encoder(x):
    inputs = keras.Input(x.shape[1:], dtype=x.dtype.name, name="x")
    values = inputs
    if x.ndim == 3:
        x, values = x[..., np.newaxis], ops.expand_dims(values, -1)
    return keras.Model(inputs, ops.cast(_normalise(values, x), "float32"))


def _normalise(tensor, values):
    """In two layers and float64, for Normalization takes no deviation below 1e-7 as it is.

    The constants are arrays, for Keras makes float32 of lists.
    """
    mean, deviation = moments(values)
    tensor = keras.layers.Rescaling(1.0, offset=-mean, dtype="float64", name="subtract_mean")(
        ops.cast(tensor, "float64")
    )
    tensor = keras.layers.Rescaling(1 / deviation, dtype="float64", name="divide_by_deviation")(
        tensor
    )
    return ops.clip(tensor, -LARGEST, LARGEST)


def _joined(tensors):
    return ops.concatenate(tensors, axis=1) if len(tensors) > 1 else tensors[0]


def _is_text(values):
    return values.dtype == object


def _free(name, taken):
    taken = set(taken)
    while name in taken:
        name += "_"
    return name
