"""What things compute, as values to be compared: equal descriptions train as one program.

A configuration alone does not tell: most loss, metric and layer classes of people's own have no
`get_config`, and some, Keras's Huber loss for one, leave something out. So attributes are looked at
too.
"""

import contextlib
import dataclasses
import functools
import hashlib
import types

import keras
import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Number:
    """A floating-point number in a description."""

    text: str


_DEEPEST = 8  # things within things; what is deeper is compared by identity


def described(value, depth=0):
    """Something hashable, equal for values that compute the same.

    Args:
        value: Anything: a number, an array, a function, an object of Keras's or of one's own, or
            a nest of these.
        depth: How deep in a nest it is. Default 0.

    Returns:
        Nest of tuples, in which floating-point numbers are `Number`s. What cannot be looked into is
        described by its identity.
    """
    if depth > _DEEPEST:
        return _Itself(value)
    further = functools.partial(described, depth=depth + 1)
    if isinstance(value, float | np.floating):
        return type(value).__name__, Number(repr(value))
    if value is None or isinstance(value, str | bytes | bool | int | complex | type):
        return type(value).__name__, value
    if isinstance(value, dict):
        return tuple(sorted(((str(k), further(v)) for k, v in value.items()), key=lambda e: e[0]))
    if isinstance(value, list | tuple | set | frozenset):
        return type(value).__name__, tuple(map(further, value))
    is_eager = isinstance(value, tf.Tensor) and hasattr(value, "numpy")
    if is_eager or isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        content = repr(array.tolist()).encode() if array.dtype == object else array.tobytes()
        return "array", array.shape, str(array.dtype), hashlib.sha256(content).hexdigest()
    if isinstance(value, functools.partial):
        return "partial", *map(further, (value.func, value.args, value.keywords))
    if isinstance(value, types.MethodType):
        return "method", further(value.__func__), further(value.__self__)
    if isinstance(value, types.FunctionType):
        return _function(value, further)
    if isinstance(value, types.CodeType):
        return value.co_code, further(value.co_consts), value.co_names
    return _object(value, further)


class _Itself:
    """Equal for one and the same object, which it keeps: else its `id` could be used again."""

    def __init__(self, value):
        self._value = value

    def __eq__(self, other):
        return isinstance(other, _Itself) and self._value is other._value

    def __hash__(self):
        return id(self._value)


def _function(function, further):
    if is_of_keras(function):
        return function.__module__, function.__qualname__
    cells = [_content(cell) for cell in function.__closure__ or ()]
    own = function.__code__, cells, function.__defaults__, function.__kwdefaults__
    return "function", function.__module__, further(own)


def _content(cell):
    try:
        return cell.cell_contents
    except ValueError:  # not yet filled
        return None


def _object(value, further):
    kind = type(value)
    if isinstance(value, keras.DTypePolicy):
        return kind, value.name
    if isinstance(value, keras.layers.Layer | keras.Variable | tf.Variable):
        return _Itself(value)  # what it holds is no setting
    config = _config_of(value)
    if config is None and not hasattr(value, "__dict__"):
        return _Itself(value)
    return kind, further(config), further(own_attributes(value))


def _config_of(value):
    """An object's configuration, None if it has none."""
    with contextlib.suppress(Exception):
        return without_beginnings(value.get_config())


def numbers_apart(description):
    """A description without its floating-point numbers.

    Args:
        description: What `described` returned, or a tuple of such.

    Returns:
        `(description, numbers)`, both hashable.
    """
    numbers = []

    def without(part):
        if isinstance(part, Number):
            numbers.append(part)
            return None
        return tuple(map(without, part)) if isinstance(part, tuple) else part

    return without(description), tuple(numbers)


def own_attributes(value):
    """The attributes of an object that its Keras base class does not have.

    Args:
        value: Object.

    Returns:
        `{name: value}`, without names and initialisers; of layers their settings, of variables
        their types.
    """
    hidden = _attributes_of_base(next((base for base in _BASES if isinstance(value, base)), object))
    return {
        name: settings_of(attribute)
        for name, attribute in getattr(value, "__dict__", {}).items()
        if name not in hidden and not name.startswith("_self_")  # TensorFlow's
        if not name.endswith("_initializer")
    }


def settings_of(value):
    """A value with its layers, variables and generators replaced by what they are made like.

    Args:
        value: Anything, or a nest.
    """
    if isinstance(value, keras.random.SeedGenerator):
        return "seed"  # each trial draws from its own
    if isinstance(value, keras.Variable | tf.Variable | keras.KerasTensor):
        return str(value.dtype)  # its shape follows from what is read
    if isinstance(value, keras.layers.Layer):
        own = {} if is_of_keras(type(value)) else own_attributes(value)
        return type(value), _config_of(value), own
    if isinstance(value, dict):
        return {key: settings_of(item) for key, item in value.items()}
    return [settings_of(item) for item in value] if isinstance(value, list | tuple) else value


_BASES = keras.Loss, keras.Metric, keras.layers.Layer, keras.Operation


@functools.cache
def _attributes_of_base(base):
    return frozenset({"name", *vars(base(name="base"))} if base in _BASES else ())


def is_of_keras(thing):
    """Whether a class or function is one of Keras's own."""
    return (getattr(thing, "__module__", None) or "").partition(".")[0] == "keras"


def without_beginnings(config):
    """A configuration without names, seeds and initialisers."""
    if isinstance(config, dict):
        return {
            key: value if key == "dtype" else without_beginnings(value)  # a policy is its name
            for key, value in config.items()
            if key not in ("name", "seed", "build_config") and not key.endswith("_initializer")
        }
    if isinstance(config, list | tuple):
        return [without_beginnings(value) for value in config]
    return config
