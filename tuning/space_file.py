"""Reads the TOML file that narrows, widens or fixes hyperparameters of a space."""

import tomllib
from dataclasses import replace
from pathlib import Path

from tuning.discrete import Choices, Fixed, Integers
from tuning.scales import Linear, Logarithmic, LogarithmicComplement

SCALES = {
    "linear": Linear,
    "logarithmic": Logarithmic,
    "logarithmic complement": LogarithmicComplement,
}
KEYS = ("low", "high", "scale", "values", "fixed", "default", "priority")


def read_overrides(path):
    """Read a file into a dict of hyperparameter's name to the entry that changes it."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"space must be a TOML file. Received: {path}: {error}.") from None


def override(space, name, entry):
    """The space with one hyperparameter changed as an entry of the file says."""
    if isinstance(entry, dict):
        return _override_keys(space, name, entry)
    if isinstance(entry, list):
        return space.replace(name, _choices(space, name, entry))
    return space.fix(name, _like_the_default(space, name, entry))


def _override_keys(space, name, entry):
    old = space[name].range
    for key in entry:
        if key not in KEYS:
            raise ValueError(f"key must be one of {', '.join(KEYS)}. Received: key={key!r}.")
    kinds = [kind for kind in ({"fixed"}, {"values"}, {"low", "high", "scale"}) if kind & {*entry}]
    if len(kinds) > 1:
        raise ValueError(
            "entry must have one of fixed, values, or low, high and scale. "
            f"Received: {', '.join(entry)}."
        )
    others = {key: entry[key] for key in ("default", "priority") if key in entry}
    if "fixed" in entry:
        value = _like_the_default(space, name, entry["fixed"])
        return space.fix(name, value).replace(name, priority=others.get("priority"))
    if "values" in entry:
        if not isinstance(entry["values"], list):
            raise ValueError(f"values must be a list. Received: values={entry['values']!r}.")
        return space.replace(name, _choices(space, name, entry["values"]), **others)
    if kinds:
        return space.replace(name, _ends(old, entry), **others)
    return space.replace(name, **others)


def _choices(space, name, values):
    return Choices([_like_the_default(space, name, value) for value in values])


def _like_the_default(space, name, value):
    """1 as 1.0 where the hyperparameter is a float: Keras takes no whole learning rate."""
    return float(value) if type(value) is int and isinstance(space[name].default, float) else value


def _ends(old, entry):
    scale = entry.get("scale")
    if scale is not None and scale not in SCALES:
        raise ValueError(f"scale must be one of {', '.join(SCALES)}. Received: scale={scale!r}.")
    ends = {end: entry[end] for end in ("low", "high") if end in entry}
    if isinstance(old, Choices | Fixed):
        if len(ends) < 2:
            raise ValueError(f"entry must have both low and high. Received: {', '.join(entry)}.")
        whole = all(isinstance(end, int) for end in ends.values()) and scale is None
        return Integers(**ends) if whole else SCALES[scale or "linear"](**ends)
    if isinstance(old, Integers):
        return replace(old, **ends, **({"scale": SCALES[scale]} if scale else {}))
    kind = SCALES[scale] if scale else type(old)
    return kind(ends.get("low", old.low), ends.get("high", old.high))
