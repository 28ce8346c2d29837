"""The classifier's search space: what may be tuned, over which range, on which scale, how early."""

import dataclasses
from pathlib import Path

from recipes.ingredients.classifier import ClassifierSettings
from recipes.ingredients.errors import BadInput
from tuning import (
    Choices,
    Hyperparameter,
    Integers,
    Logarithmic,
    LogarithmicComplement,
    SearchSpace,
)

EVERYWHERE = (
    #              name             range                        default   priority
    Hyperparameter("learning_rate", Logarithmic(1e-4, 1.0), 0.01, 1),
    Hyperparameter("hidden_units", Integers(50, 100), 64, 2),
    Hyperparameter("batch_size", Choices((32, 64, 128, 256)), 64, 2),
    Hyperparameter("hidden_layers", Integers(2, 4), 2, 3),
    Hyperparameter(
        "learning_rate_decay", Logarithmic(1e-4, 1.0), 0.0, 3, default_outside_range=True
    ),
)
BY_OPTIMIZER = {
    "momentum": (Hyperparameter("sgd_momentum", LogarithmicComplement(0.9, 0.999), 0.9, 2),),
    "rmsprop": (),
    "adam": (
        Hyperparameter("adam_beta_1", LogarithmicComplement(0.9, 0.999), 0.9, 4),
        Hyperparameter("adam_beta_2", LogarithmicComplement(0.9, 0.9999), 0.999, 4),
        Hyperparameter("adam_epsilon", Logarithmic(1e-10, 1e-4), 1e-8, 4),
    ),
}


@dataclasses.dataclass(frozen=True)
class SpaceSettings:
    """What is searched.

    Each hyperparameter's flag takes a value that fixes it (0.01), two ends on its own scale
    (0.001:0.1), or values to choose from (32,64).
    """

    space: Path | None = None
    """A TOML file that narrows, widens or fixes hyperparameters; flags go before it."""
    tiers: str = "1,2,3,4"
    """Priorities that are searched, 1 the first to tune; all others keep their defaults."""
    learning_rate: str | None = None
    """Default 0.0001:1, logarithmic; priority 1."""
    sgd_momentum: str | None = None
    """Default 0.9:0.999, logarithm of 1 - value; priority 2; momentum only."""
    hidden_units: str | None = None
    """Default 50:100, linear; priority 2."""
    batch_size: str | None = None
    """Default 32,64,128,256; priority 2."""
    hidden_layers: str | None = None
    """Default 2:4, linear; priority 3."""
    learning_rate_decay: str | None = None
    """Default 0.0001:1, logarithmic, and 0 where it is not searched; priority 3."""
    adam_beta_1: str | None = None
    """Default 0.9:0.999, logarithm of 1 - value; priority 4; adam only."""
    adam_beta_2: str | None = None
    """Default 0.9:0.9999, logarithm of 1 - value; priority 4; adam only."""
    adam_epsilon: str | None = None
    """Default 1e-10:1e-4, logarithmic; priority 4; adam only."""


def search_space(settings, optimizer):
    """The default space of an optimiser with a person's changes.

    Args:
        settings: `SpaceSettings`.
        optimizer: `"momentum"`, `"rmsprop"` or `"adam"`; the space holds only what it reads.

    Returns:
        A `SearchSpace` whose names are fields of `ClassifierSettings`.

    Raises:
        BadInput: A change names nothing in the space or is no range.
    """
    space = SearchSpace(sorted((*EVERYWHERE, *BY_OPTIMIZER[optimizer]), key=lambda h: h.priority))
    try:
        if settings.space is not None:
            space = SearchSpace.from_toml(settings.space, space)
        for name in [field.name for field in dataclasses.fields(settings)][2:]:
            change = getattr(settings, name)
            if change is not None:
                space = _changed(space, name, change)
        space = space.only(_tiers(settings.tiers))
    except OSError as error:
        raise BadInput(
            f"space must be a TOML file. Received: {settings.space}, {error.strerror}."
        ) from None
    except ValueError as error:
        raise BadInput(str(error)) from None
    for hyperparameter in space:
        for value in _extremes(hyperparameter):  # refused here, not in the middle of a search
            ClassifierSettings(**{hyperparameter.name: value})
    if not space.priorities:
        raise BadInput("space must leave something to search. Received: all of it fixed.")
    return space


def _changed(space, name, change):
    try:
        return space.override(name, _entry(change))
    except ValueError as error:
        raise BadInput(f"{name}={change}: {error}") from None


def _extremes(hyperparameter):
    scale = hyperparameter.range
    if isinstance(scale, Choices):
        return scale.values
    return (scale.low, scale.high) if hyperparameter.is_searched else (scale.value,)


def _entry(text):
    """A flag's text as what a TOML file would say: a value, a list, or a table with two ends."""
    if ":" in text:
        low, _, high = text.partition(":")
        return {"low": _number(low), "high": _number(high)}
    if "," in text:
        return [_number(part) for part in text.split(",")]
    return _number(text)


def _number(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    raise BadInput(f"value must be a number, LOW:HIGH or A,B,C. Received: {text}.")


def _tiers(text):
    parts = text.replace(",", " ").split()
    if not parts or not all(part in ("1", "2", "3", "4") for part in parts):
        raise BadInput(f"tiers must be some of 1,2,3,4. Received: tiers={text}.")
    return tuple(map(int, parts))
