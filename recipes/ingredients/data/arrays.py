"""Arrays: a .npz file with x and y, and maybe x_test and y_test."""

from pathlib import Path

import numpy as np

from recipes.ingredients.data.source import (
    Examples,
    Source,
    is_missing,
    name_classes,
    refuse_measured,
)
from recipes.ingredients.errors import BadInput, did_you_mean, listed, quoted


def read_npz(path: Path) -> Source:
    """Reads arrays to learn from.

    `x` is numeric, `(examples,)`, `(examples, features)`, `(examples, height, width)` or
    `(examples, height, width, channels)`; uint8 stays, all else becomes float32. `y` is
    `(examples,)` or `(examples, 1)`: whole numbers, text or booleans.

    Raises:
        BadInput: if the file or its arrays cannot be learned from. Pickled objects are never
            loaded.
    """
    arrays, others = read_arrays(path, ("x", "y"), ("x_test", "y_test"))
    notes = (f"arrays of other names are left out: {listed(others)}",) if others else ()
    if ("x_test" in arrays) != ("y_test" in arrays):
        found = "x_test" if "x_test" in arrays else "y_test"
        raise BadInput(
            f"{path} must hold both x_test and y_test, or neither. Received: {found} alone."
        )
    examples_x, names = _pair(path, arrays, "x", "y")
    if arrays["y"].dtype.kind in "iuf":
        refuse_measured(names, f"y of {path}")
    labels, class_names = name_classes(names, f"y of {path}")
    if "x_test" not in arrays:
        return Source(path.name, Examples(examples_x, labels), class_names, notes=notes)
    test_x, names = _pair(path, arrays, "x_test", "y_test")
    if test_x.shape[1:] != examples_x.shape[1:]:
        raise BadInput(
            f"x_test of {path} must have examples of the same shape as x. "
            f"Received: {test_x.shape[1:]}, and {examples_x.shape[1:]} in x."
        )
    unknown = sorted(set(names) - set(class_names))
    if unknown:
        raise BadInput(
            f"y_test of {path} must hold classes of y only, which are {listed(class_names)}. "
            f"Received also: {listed(unknown)}."
        )
    both = np.result_type(examples_x, test_x)
    test_labels = np.array([class_names.index(name) for name in names], np.int32)
    return Source(
        path.name,
        Examples(examples_x.astype(both, copy=False), labels),
        class_names,
        test=Examples(test_x.astype(both, copy=False), test_labels),
        notes=notes,
    )


def read_arrays(
    path: Path, needed: tuple, optional: tuple = ()
) -> tuple[dict[str, np.ndarray], list[str]]:
    """The arrays of these names in a .npz file, and the names of its others.

    Raises:
        BadInput: if the file cannot be read, lacks a needed array, or holds pickled objects.
    """
    try:
        with path.open("rb") as file:
            return _named_arrays(path, file, needed, optional)
    except OSError as error:
        raise BadInput(f"{path} must be a readable file. Received: {error.strerror}.") from error


def canonical(x: np.ndarray, where: str) -> np.ndarray:
    """Raw inputs in the form that every model takes: uint8 as they are, others float32.

    Raises:
        BadInput: unless they are finite real numbers, some examples of rank 0 to 3.
    """
    if x.dtype.kind not in "biuf":
        raise BadInput(f"{where} must hold real numbers. Received: {x.dtype}.")
    if not 1 <= x.ndim <= 4 or not x.size:
        raise BadInput(
            f"{where} must have the shape (examples, features), (examples, height, width) or "
            f"(examples, height, width, channels), none of them 0. Received: {x.shape}."
        )
    if x.ndim == 1:
        x = x[:, np.newaxis]
    if x.dtype == np.uint8:
        return x
    with np.errstate(over="ignore"):
        numbers = x.astype(np.float32)
    wrong = np.argwhere(~np.isfinite(numbers))
    if len(wrong):
        place = tuple(int(index) for index in wrong[0])
        raise BadInput(
            f"{where} must hold finite numbers below 3.4e38. "
            f"Received: {x[place]} at {list(place)}, one of {len(wrong)}."
        )
    return numbers


def _named_arrays(path, file, needed, optional):
    try:
        # A broken file raises nearly anything here: BadZipFile, zlib.error, EOFError, SyntaxError,
        # UnicodeDecodeError, MemoryError for a header that claims a huge array, and more.
        archive = np.load(file, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise ValueError("a single array, as in a .npy file")
        names = set(archive.files)
    except Exception as error:
        # NumPy takes whatever it does not know for pickled objects.
        is_other = "pickle" in str(error)
        cause = "Received: a file of another kind." if is_other else _cause(error)
        raise BadInput(f"{path} must be a .npz file. {cause}") from error
    for name in needed:
        if name not in names:
            raise BadInput(
                f"{path} must hold an array {quoted(name)}. Received: {listed(sorted(names))}."
                f"{did_you_mean(name, names)}"
            )
    wanted = [name for name in (*needed, *optional) if name in names]
    return {name: _read(path, archive, name) for name in wanted}, sorted(names - set(wanted))


def _read(path, archive, name):
    try:
        array = archive[name]
    except Exception as error:
        kind = "a numeric array" if name.startswith("x") else "an array of numbers or text"
        raise BadInput(f"{name} of {path} must be {kind}. {_cause(error)}") from error
    if not isinstance(array, np.ndarray):
        raise BadInput(f"{name} of {path} must be an array. Received: other bytes.")
    return array


def _cause(error):
    if "allow_pickle" in str(error) or "pickle" in str(error):
        return "Received: pickled objects, which are not loaded, for they could run any program."
    return f"Received: {type(error).__name__}, {str(error) or 'no more is known'}."


def _pair(path, arrays, x_name, y_name):
    """Canonical inputs, and the name of each one's class."""
    x = canonical(arrays[x_name], f"{x_name} of {path}")
    names = _label_names(arrays[y_name], f"{y_name} of {path}")
    if len(x) != len(names):
        raise BadInput(
            f"{x_name} and {y_name} of {path} must have the same length. "
            f"Received: {len(x)} and {len(names)}."
        )
    return x, names


def _label_names(y, where):
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise BadInput(
            f"{where} must hold one class for each example, in the shape (examples,). "
            f"Received: {y.shape}."
        )
    if y.dtype.kind == "f":
        if not np.isfinite(y).all() or (y != np.round(y)).any():
            raise BadInput(
                f"{where} must hold classes: whole numbers or text, not a continuous quantity. "
                f"Received: {y.dtype} with fractions, NaN or infinity."
            )
        return [str(int(label)) for label in y]
    if y.dtype.kind not in "biuUS":
        raise BadInput(f"{where} must hold whole numbers, text or booleans. Received: {y.dtype}.")
    if y.dtype.kind == "S":
        try:
            y = np.char.decode(y, "utf-8")
        except UnicodeDecodeError as error:
            raise BadInput(f"{where} must hold text in UTF-8. Received: other bytes.") from error
    names = [str(label) for label in y.tolist()]
    missing = sum(map(is_missing, names))
    if missing:
        raise BadInput(
            f"{where} must name a class for every example. Received: {missing} empty or NaN."
        )
    for name in set(names):
        if not _is_unicode(name):
            raise BadInput(f"{where} must hold text in Unicode. Received: {name!a}.")
    return names


def _is_unicode(text):
    """Whether all of it are characters, none the half of one, as in names that are no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
