"""The two ways in which a recipe ends without its result, and words for what a person is told."""

import difflib
import json


class BadInput(ValueError):
    """What a person gave cannot be used; the message is one line: what is wrong, what is right.

    The command line turns it into `error: <message>` and exit code 2.
    """

    def __init__(self, message: str):
        super().__init__(" ".join(message.split()))


class RunFailed(RuntimeError):
    """The input was fine, the run was not (a loss that is no number, say); exit code 1."""


def quoted(text: object, most: int = 60) -> str:
    """The text in double quotes on one line, cut after `most` characters."""
    text = str(text)
    return json.dumps(text if len(text) <= most else text[:most] + "…", ensure_ascii=False)


def listed(names, most: int = 20) -> str:
    """The names, quoted and separated by commas; after `most` of them, how many more there are."""
    names = list(names)
    shown = ", ".join(quoted(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def readable(name: str) -> str:
    """A file's name as text; a byte of it that is no UTF-8 becomes its number, escaped."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def did_you_mean(name: str, names) -> str:
    """A sentence that proposes the names most like `name`; empty if there is none."""
    names = {str(candidate).lower(): str(candidate) for candidate in names}
    close = difflib.get_close_matches(str(name).lower(), names, n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(quoted(names[match]) for match in close)}?" if close else ""


def refuse_below(settings, *, above_zero=(), **least):
    """Refuses settings that are too small.

    Args:
        settings: Dataclass.
        above_zero: Names of those that must be above 0.
        **least: `{name: the least it may be}`.

    Raises:
        BadInput: One of them is smaller.
    """
    for name, minimum in least.items():
        value = getattr(settings, name)
        if not value >= minimum:
            raise BadInput(f"{name} must be {minimum} or more. Received: {name}={value}.")
    for name in above_zero:
        if not getattr(settings, name) > 0:
            raise BadInput(f"{name} must be above 0. Received: {name}={getattr(settings, name)}.")
