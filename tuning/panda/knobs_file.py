"""The knobs as a small file that a person edits, or another process sets, while a model trains.

Whoever changes the file saw it as it was after some entry of the journal, and the file says which:
`as_of`. A change is what differs from the knobs of that entry, so that an old number in it never
undoes what the guard did in between.
"""

import contextlib
import fcntl
import json
import time
import tomllib
from pathlib import Path

from tuning.files import write_atomically
from tuning.panda.knobs import AT_REST, COMMANDS, NUMBERS, BadKnob, checked

NAME = "knobs.toml"
AS_OF = "as_of"
SECONDS_TO_SETTLE = 0.1
"""A file younger than this may be in the middle of being written, and is read again."""
HEAD = """\
# The knobs of this training. Change a number and save: it counts from the next step on.
# stop ends the training with its best model; snapshot keeps this moment as one to come back to;
# a note goes into the journal.
"""


class KnobsFile:
    """The knobs of one training on the disk.

    Args:
        folder: Run directory.
    """

    def __init__(self, folder):
        self.path = Path(folder) / NAME
        self._seen = None

    def write(self, values, as_of, wanted=()):
        """Shows the knobs as they are now, and takes the commands back.

        Args:
            values: `{knob: number}`.
            as_of: Number of journal entries that they follow from.
            wanted: `{knob: value}` that a person changed meanwhile, to be read next.
        """
        content = values | AT_REST | {AS_OF: as_of} | dict(wanted)
        write_atomically(self.path, _text(content), synchronise=False)
        self._seen = None if wanted else self._stamp()

    def is_new(self):
        """Whether the file may say something that was not read yet; a few microseconds."""
        return self._stamp() != self._seen

    def read(self):
        """What the file says.

        Returns:
            `{knob: value}`, unchecked, with `as_of`; None if it is gone, or being written.

        Raises:
            BadKnob: It cannot be read.
        """
        stamp = self._stamp()
        age = time.time_ns() - stamp[0] if stamp else 0
        is_settled = not 0 <= age < SECONDS_TO_SETTLE * 1e9
        self._seen = stamp if is_settled else None
        try:
            return parsed(self.path.read_bytes())
        except (BadKnob, FileNotFoundError):
            if not self.path.exists() or not is_settled:
                return None
            raise

    def set(self, changes):
        """Changes some knobs as a person does, from any process.

        Args:
            changes: `{knob: value}`.

        Returns:
            `(before, after)`, `{knob: value}` of the changed ones.

        Raises:
            BadKnob: A knob or its value is wrong, or the file cannot be read; nothing was changed.
        """
        with self.held():
            content = parsed(self.path.read_bytes())
            names = [name for name in content if name != AS_OF]
            changes = checked(changes, names)
            write_atomically(self.path, _text(content | changes), synchronise=False)
        return {name: content[name] for name in changes}, changes

    @contextlib.contextmanager
    def held(self):
        """Lets no other process write the file (an editor does not ask)."""
        with self.path.with_name(f".{NAME}.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _stamp(self):
        try:
            about = self.path.stat()
        except FileNotFoundError:
            return None
        return about.st_mtime_ns, about.st_ino, about.st_size


def parsed(content):
    """Reads the bytes of a knobs file.

    Raises:
        BadKnob: They are not TOML, or half-written.
    """
    if not content.endswith(b"\n"):
        raise BadKnob(f"{NAME} must end with a line's end; without, it may be half-written.")
    try:
        return tomllib.loads(content.decode(errors="replace"))
    except tomllib.TOMLDecodeError as error:
        raise BadKnob(f"{NAME} must be lines of `knob = value`. Received: {error}.") from None


def value_of(text):
    """A knob's value as it was typed: a number, true, false, or else text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _text(content):
    lines = [f"{name} = {_toml(value)}" for name, value in content.items()]
    width = max(map(len, lines)) if len(max(lines, key=len)) < 40 else 28
    conditions = {name: knob.condition for name, knob in (NUMBERS | COMMANDS).items()}
    conditions[AS_OF] = "the journal's entry that this shows: leave it"
    rows = zip(lines, content, strict=True)
    return HEAD + "".join(f"{line:{width}}  # {conditions[name]}\n" for line, name in rows)


def _toml(value):
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value).lower() if isinstance(value, bool) else repr(value)
