"""What is known of each trial: one row in `trials.csv`, one row for each epoch in `curves.csv`."""

import csv
import dataclasses
import io
import math
from pathlib import Path

from tuning.files import write_atomically


@dataclasses.dataclass(frozen=True)
class TrialRecord:
    """One ended trial."""

    trial: str
    """Its name, unique in the search."""
    status: str
    """`COMPLETED`, `FAILED` or `INVALID`, as keras-tuner says it."""
    score: float | None
    """Best finite value of the objective; None if there was none."""
    best_epoch: int | None
    """Epoch, from 1, that had it."""
    seconds: float
    """How long it took, building included."""
    reason: str
    """Why it failed; empty if it did not."""
    values: dict
    """Value of each hyperparameter by its own name."""

    def as_row(self):
        """Its row in `trials.csv`: own columns, then one for each hyperparameter."""
        return {
            "trial": self.trial,
            "status": self.status,
            "score": "" if self.score is None else self.score,
            "best_epoch": "" if self.best_epoch is None else self.best_epoch,
            "seconds": round(self.seconds, 3),
            "reason": self.reason,
            **self.values,
        }


class Records:
    """The trials of a search and their curves, written as they end.

    Args:
        folder: Existing folder for `trials.csv` and `curves.csv`; what a stopped search left there
            is kept.
    """

    def __init__(self, folder):
        self.trials = []
        self._trials = _Table(Path(folder) / "trials.csv")
        self._curves = _Table(Path(folder) / "curves.csv")
        self._epochs = {}

    def restore(self, trials):
        """Takes up a search that was stopped: exactly these trials have ended.

        A kill may have left a line too few or half a line; both files are written anew.

        Args:
            trials: `TrialRecord` of each ended trial, in order; their `seconds` are looked up.
        """
        seconds = {row["trial"]: float(row["seconds"] or "nan") for row in self._trials.rows()}
        self.trials = [
            dataclasses.replace(trial, seconds=seconds.get(trial.trial, math.nan))
            for trial in trials
        ]
        ended = {trial.trial for trial in trials}
        self._curves.replace([row for row in self._curves.rows() if row["trial"] in ended])
        self._trials.replace([trial.as_row() for trial in self.trials])

    def epoch(self, trial, epoch, metrics):
        """Notes one epoch of a trial that runs.

        Args:
            trial: Name of the trial.
            epoch: Number of the epoch, from 1.
            metrics: `{name: number}`.
        """
        self._epochs.setdefault(trial, []).append({"trial": trial, "epoch": epoch, **metrics})

    def end(self, record):
        """Writes an ended trial and its curve.

        Args:
            record: `TrialRecord`.
        """
        self._curves.append(self._epochs.pop(record.trial, []))
        self._trials.append([record.as_row()])
        self.trials.append(record)


class _Table:
    """A CSV file that grows by rows, and now and then by a column."""

    def __init__(self, path):
        self.path = path
        self.columns = []
        if path.exists():
            with path.open(newline="") as file:
                self.columns = next(csv.reader(file), [])

    def rows(self):
        """All whole rows."""
        if not self.path.exists():
            return []
        text, end, _ = self.path.read_text().rpartition("\n")
        return list(csv.DictReader(io.StringIO(text + end)))

    def replace(self, rows):
        """Writes these rows and no others."""
        self.columns = list(dict.fromkeys(name for row in rows for name in row))
        if rows:
            write_atomically(self.path, self._header() + self._text(rows))
        else:
            self.path.unlink(missing_ok=True)

    def append(self, rows):
        new = [name for row in rows for name in row if name not in self.columns]
        if new:
            self._add_columns(dict.fromkeys(new))
        if rows:
            with self.path.open("a", newline="") as file:
                file.write(self._text(rows))

    def _add_columns(self, names):
        old = self.rows()
        self.columns += names
        write_atomically(self.path, self._header() + self._text(old))

    def _header(self):
        return self._text([dict(zip(self.columns, self.columns, strict=True))])

    def _text(self, rows):
        text = io.StringIO()
        csv.DictWriter(text, self.columns, restval="", lineterminator="\n").writerows(rows)
        return text.getvalue()
