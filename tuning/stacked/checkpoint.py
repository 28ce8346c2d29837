"""What a kill in the middle of a stack leaves: its trials, half a minute old at most."""

import io
import pickle
import time
from pathlib import Path

from tuning.files import write_atomically
from tuning.stacked.member import Snapshot

SECONDS = 30.0
NAME = "stack.pickle"
_KEPT = ("curve", "score", "best_epoch", "seconds", "ended", "reason", "next_epoch")


class StackCheckpoint:
    """Keeps the training of the current stack in one file.

    Args:
        folder: Folder of the search.
        seconds: How old the file may grow.
    """

    def __init__(self, folder, seconds=SECONDS):
        self.path, self.seconds = Path(folder) / NAME, seconds
        self._written = time.monotonic()
        self._found = self._read()

    def _read(self):
        """`{(trial, execution): what is kept of it}`; nothing if the file cannot be used."""
        try:
            return pickle.load(io.BytesIO(self.path.read_bytes()))
        except FileNotFoundError:
            return {}
        except Exception:  # pickle raises whatever a damaged file makes it do
            return {}

    def restore(self, member):
        """Puts a member where the stack was that a kill ended, if it was in that."""
        kept = self._found.pop((member.trial.trial_id, member.execution), None)
        if kept and kept["span"] == (member.first_epoch, member.epochs):
            for name in _KEPT:
                setattr(member, name, kept[name])
            for epoch, metrics in enumerate(member.curve, member.first_epoch):
                for callback in member.callbacks:
                    callback.on_epoch_end(epoch, metrics)
            member.state, member.snapshot = kept["state"], kept["best"]

    def after_epoch(self, training):
        """Writes the file if it is time.

        Args:
            training: `StackTraining`.
        """
        if time.monotonic() - self._written < self.seconds:
            return
        content = {}
        for member, state in zip(training.members, training.states(), strict=True):
            kept = {name: getattr(member, name) for name in _KEPT}
            best = member.snapshot.state if isinstance(member.snapshot, Snapshot) else None
            kept |= {"span": (member.first_epoch, member.epochs), "state": state, "best": best}
            content[member.trial.trial_id, member.execution] = kept
        write_atomically(self.path, pickle.dumps(content))
        self._written = time.monotonic()

    def remove(self):
        """Forgets the stack, whose trials have ended."""
        self.path.unlink(missing_ok=True)
        self._written = time.monotonic()
