"""What can be changed while a model trains, and which values each of it may have."""

import dataclasses
import difflib
import math
from collections.abc import Callable


class BadKnob(ValueError):
    """A change that cannot be made; the message is one line."""


@dataclasses.dataclass(frozen=True)
class Knob:
    """One thing that can be changed between two steps."""

    kind: str
    """`number`, `whole`, `flag` or `text`."""
    condition: str
    """Which values it may have, in words."""
    allows: Callable = lambda _: True
    """Whether it may have a value of its kind."""


NUMBERS = {
    "learning_rate": Knob("number", "a number above 0", lambda value: value > 0),
    "momentum": Knob("number", "a number in [0, 1)", lambda value: 0 <= value < 1),
    "weight_decay": Knob("number", "a number in [0, 1)", lambda value: 0 <= value < 1),
    "dropout": Knob("number", "a number in [0, 1)", lambda value: 0 <= value < 1),
    "batch_size": Knob("whole", "a whole number, 1 or more", lambda value: 1 <= value < 2**31),
}
COMMANDS = {
    "stop": Knob("flag", "true or false"),
    "snapshot": Knob("flag", "true or false"),
    "note": Knob("text", "a text in double quotes"),
}
AT_REST = {"stop": False, "snapshot": False, "note": ""}
"""What the commands are while nobody gives one."""


def checked(changes, names):
    """Checks changes of knobs.

    Args:
        changes: `{knob: value}`.
        names: Knobs that this training has.

    Returns:
        The changes, whole numbers made `float` where the knob is a number.

    Raises:
        BadKnob: A knob is unknown, or its value is not one that it may have.
    """
    return {name: _checked(name, value, names) for name, value in changes.items()}


def _checked(name, value, names):
    known = NUMBERS | COMMANDS
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f" Did you mean {close[0]}?" if close and name not in known else ""
        raise BadKnob(
            f"{name} must be a knob of this training: {', '.join(names)}. Received: {name}.{hint}"
        )
    knob = known[name]
    if not (_is_of_kind(knob.kind, value) and knob.allows(value)):
        shown = {True: "true", False: "false"}[value] if isinstance(value, bool) else value
        raise BadKnob(f"{name} must be {knob.condition}. Received: {name}={shown}.")
    return float(value) if knob.kind == "number" else value


def _is_of_kind(kind, value):
    if kind == "text":
        return isinstance(value, str)
    if kind == "flag" or isinstance(value, bool):
        return kind == "flag" and isinstance(value, bool)
    if kind == "whole":
        return isinstance(value, int)
    return isinstance(value, int | float) and math.isfinite(value)


def shown(values):
    """Knobs and their values as a person reads them, `learning_rate 0.01, momentum 0.9`."""
    return ", ".join(f"{name} {as_text(value)}" for name, value in values.items())


def as_text(value):
    """A number with as many digits as a person needs."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
