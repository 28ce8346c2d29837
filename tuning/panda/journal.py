"""Every intervention in a training: when, by whom, what and why, one JSON object a line."""

import dataclasses
import json
import os
from collections import deque
from pathlib import Path

from tuning.files import write_atomically

NAME = "journal.jsonl"
PERSON, GUARD, ADVICE, RANGE_TEST, FORK = "person", "guard", "advice", "range test", "fork"


class OtherCourse(RuntimeError):
    """A training does not follow the journal that it repeats: other data, or other software."""


class Damaged(ValueError):
    """A file that a training is to go on from is not as it was written."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """One intervention, whole enough to be made again."""

    step: int
    """Updates computed before it, those undone since included."""
    epoch: int
    """Epoch, from 1, that the training was in."""
    by: str
    """`start`, `person`, `guard`, `advice`, `range test` or `fork`."""
    what: str
    """What was done, in words."""
    why: str
    """Why, in words."""
    knobs: dict
    """All numbers after it, `{knob: number}`."""
    back_to: int | None = None
    """Step of the snapshot that the training went back to."""
    snapshot: bool = False
    """Whether this moment was kept as one to come back to."""
    stop: bool = False
    """Whether the training ended here."""
    fork: dict | None = None
    """Arguments of the fork whose winner the training went on with."""
    forks: int = 0
    """Forks before it, those that came to nothing included."""

    def sentence(self):
        """The intervention as a line for a person."""
        because = f" ({self.why})" if self.why else ""
        return f"step {self.step}, epoch {self.epoch}, {self.by}: {self.what}{because}"


class Journal:
    """The journal of one training; entries that are to be repeated come before new ones.

    Args:
        path: The file.
        repeat: Entries to repeat beyond those in the file, a list of `Entry`.
    """

    def __init__(self, path, repeat=()):
        self.path = Path(path)
        written = read(self.path) if self.path.exists() else []
        self._drop_half_a_line()
        self._written = len(written)
        self.entries = []
        self.waiting = deque([*written, *repeat[len(written) :]])
        """Recorded entries that have not happened again yet."""

    @property
    def is_caught_up(self):
        """Whether all entries of the file are behind the training."""
        return len(self.entries) >= self._written

    def went_through(self, count):
        """Notes that the first entries are behind the training, as a checkpoint says.

        Raises:
            Damaged: There are not as many.
        """
        if self._written < count:
            raise Damaged(
                f"{self.path} must have the {count} entries that were made before the checkpoint."
                f" Received: {self._written} entries."
            )
        while len(self.entries) < count:
            self.entries.append(self.waiting.popleft())

    def recorded(self, step, *by):
        """The next recorded entry if it is of this moment, to be given to `append`; else None.

        Args:
            step: Updates computed so far.
            *by: Whose it must be; anybody's if nothing is given.

        Raises:
            OtherCourse: It was to happen before.
        """
        if not self.waiting:
            return None
        entry = self.waiting[0]
        if entry.step < step:
            raise OtherCourse(
                f"the training must follow its journal, whose entry {len(self.entries) + 1} was"
                f" made after step {entry.step}, by {entry.by}. Received: step {step}."
            )
        return entry if entry.step == step and (not by or entry.by in by) else None

    def append(self, entry):
        """Adds an entry; on the disk when this returns.

        Raises:
            OSError: The disk is full; the file is as it was.
        """
        if self.waiting:
            self.waiting.popleft()
        self.entries.append(entry)
        if len(self.entries) <= self._written:
            return
        rest = (json.dumps(dataclasses.asdict(entry), ensure_ascii=False) + "\n").encode()
        with self.path.open("ab", buffering=0) as file:
            size = file.tell()
            try:
                while rest:  # a disk that fills up takes a part first
                    rest = rest[file.write(rest) :]
                os.fsync(file.fileno())
            except OSError:
                file.truncate(size)
                self.entries.pop()
                raise
        self._written += 1

    def _drop_half_a_line(self):
        if self.path.exists():
            content = self.path.read_bytes()
            whole = content[: content.rfind(b"\n") + 1]
            if whole != content:
                write_atomically(self.path, whole)


def read(path):
    """The whole entries of a journal.

    Args:
        path: The file; what a kill left of a last line does not count.

    Returns:
        List of `Entry`.

    Raises:
        Damaged: A line is none of a journal.
        OSError: The file cannot be read.
    """
    entries = []
    for number, line in enumerate(Path(path).read_bytes().split(b"\n")[:-1], 1):
        try:
            entries.append(_of_right_kinds(Entry(**json.loads(line))))
        except (ValueError, TypeError) as error:
            raise Damaged(f"{path} must be a journal. Received: line {number}: {error}.") from None
    return entries


def _of_right_kinds(entry):
    """The entry, if each field is of its kind and each knob a number."""
    for field in dataclasses.fields(Entry):
        value = getattr(entry, field.name)
        if not isinstance(value, field.type):
            raise TypeError(f"{field.name} is {json.dumps(value)}")
    for name, value in entry.knobs.items():
        if not isinstance(value, int | float):
            raise TypeError(f"{name} is {json.dumps(value)}")
    return entry
