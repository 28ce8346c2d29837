"""New examples, without classes, for a saved model that takes raw inputs."""

import math
from pathlib import Path

import keras
import numpy as np

from recipes.ingredients.data.arrays import canonical, read_arrays
from recipes.ingredients.data.delimited import read_table
from recipes.ingredients.data.encoder import column_name, input_name
from recipes.ingredients.data.images import SUFFIXES, find_images, read_images
from recipes.ingredients.data.kinds import FILES, kind_of
from recipes.ingredients.data.shipped import read_named
from recipes.ingredients.data.tables import numbers_of, text_of
from recipes.ingredients.errors import BadInput, did_you_mean, listed, quoted, readable

Inputs = np.ndarray | dict[str, np.ndarray]


def read_inputs(data: str | Path, model: keras.Model) -> tuple[Inputs, list[str]]:
    """Reads inputs in the form that the model takes.

    Args:
        data: a .csv for a model of columns, of which it must have all and may have others; a .npz
            with `x`, an image, a folder of images, or a .csv with a number for each entry, for a
            model of arrays or images; or the name of a data set.
        model: made by `join_encoder`, before or after saving.

    Returns:
        What `model.predict` takes, and what each row is called: its number, from 1, or the image's
        path in the folder.

    Raises:
        BadInput: if the data cannot be read or do not fit the model.
    """
    kind, path = kind_of(str(data), "input", (*FILES, *SUFFIXES)), Path(data)
    wanted = getattr(model, "input", None)
    if isinstance(wanted, dict):
        return _numbered(_columns(kind, str(data), wanted))
    if wanted is None or isinstance(wanted, (list, tuple)):
        raise BadInput(
            "model must take named columns or one array, as the models saved by a recipe do. "
            f"Received: {len(wanted or ())} inputs without names."
        )
    shape, dtype = tuple(wanted.shape[1:]), keras.backend.standardize_dtype(wanted.dtype)
    if kind == "folder" or f".{kind}" in SUFFIXES:
        return _images(path, shape, dtype)
    if kind == "csv":
        x, where = _array_from_table(path, shape), str(path)
    elif kind == "npz":
        x, where = read_arrays(path, ("x",))[0]["x"], f"x of {path}"
    else:
        x, where = _every_row(str(data)), str(data)
    return _numbered(_fitting(x, shape, dtype, where))


def _numbered(x):
    rows = len(next(iter(x.values()))) if isinstance(x, dict) else len(x)
    return x, [str(row) for row in range(1, rows + 1)]


def _columns(kind, data, wanted):
    """The columns of a table that a model takes, by the names of the model's inputs."""
    if kind == "csv":
        table = read_table(Path(data))
        found = table.columns
    else:
        found = _every_row(data) if kind == "name" else None
        if not isinstance(found, dict):
            raise BadInput(
                f"{data} must be a .csv, for the model takes the columns "
                f"{listed(map(column_name, wanted))}."
            )
    missing = [column_name(name) for name in wanted if column_name(name) not in found]
    if missing:
        others = [column for column in found if input_name(column) not in wanted]
        raise BadInput(
            f"{data} must have all columns that the model was trained on. Missing: "
            f"{listed(missing)}. Received: {listed(found)}.{did_you_mean(missing[0], others)}"
        )
    x = {}
    for name, tensor in wanted.items():
        column = column_name(name)
        is_text = tensor.dtype == "string"
        if kind == "csv":
            x[name] = text_of(table, column) if is_text else numbers_of(table, column)
        elif is_text != (found[column].dtype == object):
            raise BadInput(
                f"column {quoted(column)} of {data} must hold "
                f"{'text' if is_text else 'numbers'}, as in training."
            )
        else:
            x[name] = found[column]
    return x


def _every_row(name):
    source = read_named(name)
    if source.test is None:
        return source.examples.x
    return np.concatenate([source.examples.x, source.test.x])


def _array_from_table(path, shape):
    table = read_table(path)
    entries = math.prod(shape)
    if len(table.columns) != entries:
        raise BadInput(
            f"{path} must have {entries} columns of numbers, one for each entry of the model's "
            f"input of shape {shape}. Received: {len(table.columns)} columns."
        )
    x = np.stack([numbers_of(table, column) for column in table.columns], axis=1)
    missing = np.argwhere(np.isnan(x))
    if len(missing):
        row, column = missing[0]
        raise BadInput(
            f"{path} must have a number in each row and column. Received: a missing one in column "
            f"{quoted(list(table.columns)[column])} on line {table.lines[row]}."
        )
    return x.reshape(-1, *shape)


def _images(path, shape, dtype):
    is_folder = path.is_dir()
    if dtype != "uint8" or len(shape) not in (2, 3) or shape[2:] not in ((), (1,), (3,)):
        raise BadInput(
            f"{path} must not be {'a folder' if is_folder else 'an image'}, for the model was not "
            f"trained on image files but on {dtype} arrays of shape {shape}. A .npz with x of this "
            "shape would do."
        )
    folder, paths = (path, find_images(path)) if is_folder else (path.parent, [path])
    x = read_images(paths, *shape[:2], channels=shape[2] if len(shape) == 3 else 1)
    return x.reshape(-1, *shape), [readable(each.relative_to(folder).as_posix()) for each in paths]


def _fitting(x, shape, dtype, where):
    if isinstance(x, dict):
        raise BadInput(f"{where} must be an array of shape {shape} for each example, not a table.")
    x = canonical(x, where)
    if x.shape[1:] != shape:
        raise BadInput(
            f"{where} must have examples of the model's input shape {shape}. "
            f"Received: {x.shape[1:]}."
        )
    if dtype == "uint8" and x.dtype != np.uint8:
        if (x != np.round(x)).any() or x.min() < 0 or x.max() > 255:
            raise BadInput(
                f"{where} must hold whole numbers from 0 to 255, as the model's training data did. "
                f"Received: numbers from {x.min():g} to {x.max():g}."
            )
        return x.astype(np.uint8)
    return x.astype(dtype, copy=False)
