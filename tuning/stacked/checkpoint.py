"""What a kill in the middle of a stack leaves: its trials, half a minute old at most."""

import io
import pickle
import time
from pathlib import Path

from tuning.files import write_atomically

_KEPT = ("curve", "measured", "score", "seconds", "ended", "reason")
_KEPT += ("next_epoch", "iterations", "held")


class StackCheckpoint:
    """Keeps the training of each stack in a file of its own.

    Args:
        folder: Folder of the search.
        seconds: How old a file may grow.
    """

    def __init__(self, folder, seconds):
        self.folder, self.seconds = Path(folder), seconds
        self._written = {}
        self._found = {}
        for path in self._files():
            for key, kept in _read(path).items():
                if kept["next_epoch"] > self._found.get(key, {"next_epoch": -1})["next_epoch"]:
                    self._found[key] = kept

    def restore(self, member):
        """Puts a member where the stack was that a kill ended, if it was in that."""
        kept = self._found.pop((member.trial.trial_id, member.execution), {})
        is_whole = kept.keys() >= set(_KEPT)  # or else another version of this program wrote it
        if is_whole and kept["span"] == (member.first_epoch, member.epochs):
            for name in _KEPT:
                setattr(member, name, kept[name])
            member.go_through_curve()
            member.state, member.snapshot = kept["state"], kept["best"]

    def after_epoch(self, training):
        """Writes the file of a stack if it is time.

        Args:
            training: `StackTraining`.
        """
        last = self._written.setdefault(id(training), time.monotonic())
        if time.monotonic() - last >= self.seconds:
            self.write(training)

    def write(self, training):
        """Writes the file of a stack."""
        content = {}
        for member, state in zip(training.members, training.states(), strict=True):
            if member.failure:  # which need not pickle: it fails once more
                continue
            kept = {name: getattr(member, name) for name in _KEPT}
            best = member.snapshot.state if member.snapshot else None
            kept |= {"span": (member.first_epoch, member.epochs), "state": state, "best": best}
            content[member.trial.trial_id, member.execution] = kept
        write_atomically(self._file_of(training), pickle.dumps(content))
        self._written[id(training)] = time.monotonic()

    def remove(self, training):
        """Forgets a stack, whose trials have ended."""
        self._file_of(training).unlink(missing_ok=True)

    def remove_all(self):
        """Forgets all stacks."""
        for path in self._files():
            path.unlink()

    def _files(self):
        return list(self.folder.glob("stack-*.pickle"))

    def _file_of(self, training):
        first = training.members[0]
        return self.folder / f"stack-{first.trial.trial_id}-{first.execution}.pickle"


def _read(path):
    """`{(trial, execution): what is kept of it}`; nothing if the file cannot be used."""
    try:
        return pickle.load(io.BytesIO(path.read_bytes()))
    except Exception:  # pickle raises whatever a damaged file makes it do
        return {}
