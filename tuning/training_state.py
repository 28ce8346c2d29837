"""The whole state of a training in one file, so that going on equals never having stopped.

Keras's own `.keras` and weights files leave out what random layers have drawn so far; this one
holds every variable of model and optimiser.
"""

import io
import json

import numpy as np

from tuning.files import write_atomically
from tuning.optimizer_state import variables_of


def save(path, model, numbers, arrays=None):
    """Writes the state of a training, atomically.

    Args:
        path: File to write (`.npz`).
        model: Compiled Keras model; all its variables are kept (weights, moving averages, seed
            states) and all of its optimiser's (momenta, iterations, learning rate).
        numbers: JSON-like value that goes along: epoch, curves, what callbacks count.
        arrays: Further arrays, `{name: array}`, e.g. the best weights so far.
    """
    content = {f"model/{i}": np.asarray(v) for i, v in enumerate(model.variables)}
    kept = variables_of(model.optimizer)
    content |= {f"optimizer/{i}": np.asarray(v) for i, v in enumerate(kept)}
    content |= {f"array/{name}": value for name, value in (arrays or {}).items()}
    buffer = io.BytesIO()
    np.savez(buffer, numbers=np.array(json.dumps(numbers)), **content)
    write_atomically(path, buffer.getvalue())


def load(path, model):
    """Puts a saved state back into a model that was built and compiled in the same way.

    Args:
        path: File written by `save`.
        model: Compiled Keras model; its variables and its optimiser's are overwritten.

    Returns:
        `(numbers, arrays)` as given to `save`.

    Raises:
        ValueError: The file is damaged, or belongs to another model.
    """
    model.optimizer.build(model.trainable_variables)
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as content:
            content = dict(content)
        numbers = json.loads(str(content.pop("numbers")))
    except Exception as error:  # zipfile, numpy and json each raise their own
        raise ValueError(f"{path} must be a training state. Received: {error}.") from error
    _assign(path, "model", model.variables, content)
    _assign(path, "optimizer", variables_of(model.optimizer), content)
    arrays = {k.removeprefix("array/"): v for k, v in content.items() if k.startswith("array/")}
    return numbers, arrays


def _assign(path, kind, variables, content):
    number = sum(name.startswith(f"{kind}/") for name in content)
    values = [content.get(f"{kind}/{i}") for i in range(max(number, len(variables)))]
    found = [None if value is None else value.shape for value in values]
    if found != [tuple(variable.shape) for variable in variables]:
        raise ValueError(f"{path} must hold the {kind}'s variables. Received: shapes {found}.")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
