"""What a search is: its space, its strategy, its data. Another one must not go on in its folder."""

import json

import joblib
import keras_tuner
import numpy as np
import tensorflow as tf

from tuning.files import write_atomically
from tuning.space import own_name

NAME = "search.json"
kinds = keras_tuner.engine.hyperparameters


def of_the_search(name, seed, oracle, priorities):
    """What is known of a search before it is given data.

    Args:
        name: Its name.
        seed: Its trainings' seed.
        oracle: `keras_tuner.Oracle` that knows the space of the builder.
        priorities: `{own name: 1 to 4}`.

    Returns:
        JSON-like dict.
    """
    objective = oracle.objective
    return {
        "search": name,
        "seed": seed,
        "strategy": type(oracle).__name__,
        "objective": objective.name,
        "direction": objective.direction,
        "hyperparameters": [_described(hp, priorities) for hp in oracle.hyperparameters.space],
    }


def of_the_data(arguments, named):
    """What a search is given: a fingerprint of data, and plain settings such as the epochs.

    Args:
        arguments: Positional arguments of `search`.
        named: Its named arguments.

    Returns:
        JSON-like dict.
    """
    given = dict(enumerate(arguments)) | named
    given = {str(key): value for key, value in given.items() if key not in ("callbacks", "verbose")}
    plain = {key: value for key, value in given.items() if _is_plain(value)}
    data = {key: fingerprint(value) for key, value in given.items() if key not in plain}
    return {"data": data, "fit": plain}


def keep(folder, identity):
    """Writes `search.json`, or refuses a folder that holds another search.

    Args:
        folder: Folder of the search.
        identity: JSON-like dict.

    Raises:
        ValueError: The folder holds a search that differs; the message says in what.
    """
    refuse_others(folder, identity)
    whole = _read(folder) | json.loads(json.dumps(identity, default=str))
    write_atomically(folder / NAME, json.dumps(whole, indent=2, ensure_ascii=False) + "\n")


def refuse_others(folder, identity):
    """Raises `ValueError` if the search that a folder holds differs from this one."""
    old, new = _read(folder), json.loads(json.dumps(identity, default=str))
    differences = [
        _difference(key, old[key], new[key])
        for key in new
        if key != "search" and key in old and old[key] != new[key]
    ]
    if differences:
        raise ValueError(
            f"{folder} must hold the same search to go on with it. Received: another one "
            f"({'; '.join(differences)}). Name another project_name, or give overwrite=True."
        )


def fingerprint(value):
    """A short text that is the same for the same data.

    Args:
        value: Arrays, tensors, tables, nested tuples, lists and dicts of them; of a
            `tf.data.Dataset` or a generator only its form can be told.
    """
    if isinstance(value, dict):
        return {str(key): fingerprint(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [fingerprint(each) for each in value]
    if isinstance(value, tf.data.Dataset):
        return f"{value.element_spec} x {int(value.cardinality())}"
    if tf.is_tensor(value):
        value = np.asarray(value)
    if hasattr(value, "shape"):
        return f"{getattr(value, 'dtype', '')}{tuple(value.shape)} {joblib.hash(value)}"
    return f"{type(value).__name__} x {len(value)}" if hasattr(value, "__len__") else str(value)


def _is_plain(value):
    if isinstance(value, dict):
        return all(_is_plain(each) for each in value.values())
    return value is None or isinstance(value, bool | int | float | str)


def _described(hp, priorities):
    """One hyperparameter under its own name and on its own scale."""
    name = own_name(hp.name)
    about = {"name": name, "kind": type(hp).__name__.lower(), "priority": priorities.get(name)}
    if hp.conditions:
        about["conditions"] = [condition.get_config() for condition in hp.conditions]
    if isinstance(hp, kinds.Choice | kinds.Boolean):
        return about | {"values": list(getattr(hp, "values", (False, True)))}
    if isinstance(hp, kinds.Fixed):
        return about | {"values": [hp.value]}
    scale = {"log": "logarithmic"}.get(hp.sampling, hp.sampling)
    low, high = hp.min_value, hp.max_value
    if name != hp.name:
        low, high, scale = 1.0 - high, 1.0 - low, "logarithmic complement"
    return about | {"low": low, "high": high, "step": hp.step, "scale": scale}


def _difference(key, old, new):
    if key != "hyperparameters":
        return f"{key}: {_short(old)} there, {_short(new)} now"
    old, new = ({each["name"]: each for each in space} for space in (old, new))
    changes = []
    for name in {**old, **new}:
        there, now = old.get(name), new.get(name)
        if there is None or now is None:
            changes.append(f"{name}: only {'now' if there is None else 'there'}")
        elif there != now:
            parts = [part for part in {**there, **now} if there.get(part) != now.get(part)]
            changes += [f"{name}.{p}: {there.get(p)} there, {now.get(p)} now" for p in parts]
    return "; ".join(changes) or "hyperparameters in another order"


def _short(value):
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
    return text if len(text) <= 200 else f"{text[:200]}…"


def _read(folder):
    try:
        content = json.loads((folder / NAME).read_text())
        names = [hp["name"] for hp in content.get("hyperparameters", [])]
    except (FileNotFoundError, ValueError, AttributeError, TypeError, KeyError):
        return {}  # none yet, or one that cannot be compared with
    return content if all(isinstance(name, str) for name in names) else {}
