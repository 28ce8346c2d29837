"""What is known of each trial: one row in `trials.csv`, one row for each epoch in `curves.csv`."""

import collections
import csv
import dataclasses
import io
import sys
from pathlib import Path

from tuning.files import write_atomically

AT_ONCE = 1000
"""Rows that may be written again at once; with more, changed rows wait until they are a share."""


@dataclasses.dataclass(frozen=True)
class TrialRecord:
    """One ended trial; with Hyperband one that may have gone on several times."""

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
    """Why it failed or went no further; empty if nothing happened."""
    values: dict
    """Value of each hyperparameter by its own name."""
    scores: tuple = ()
    """The score of each execution, of which `score` is the mean."""

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

    def gone_on(self, later, direction):
        """The record of a trial that went on: its best so far, and all its seconds.

        Args:
            later: `TrialRecord` of what came after.
            direction: `"max"` or `"min"`: which scores are good.
        """
        sign = 1 if direction == "max" else -1
        scored = [each for each in (self, later) if each.score is not None]
        best = max(scored, key=lambda each: sign * each.score, default=later)
        reason = later.reason or self.reason
        return dataclasses.replace(best, seconds=self.seconds + later.seconds, reason=reason)


class Records:
    """The trials of a search and their curves: in two files, and as rows in TensorBoard.

    Args:
        folder: Existing folder for `trials.csv` and `curves.csv`.
        objective: `keras_tuner.Objective` of the search.
        rows: `tuning.dashboard.TrialRows`, or None.
    """

    def __init__(self, folder, objective, rows=None):
        self.objective, self.rows = objective, rows
        self._by_name, self._changed, self._epochs = {}, 0, {}
        self._trials = _Table(Path(folder) / "trials.csv")
        self._curves = _Table(Path(folder) / "curves.csv")

    @property
    def trials(self):
        """`TrialRecord` of each ended trial, in the order they first ended."""
        return list(self._by_name.values())

    @property
    def by_number(self):
        """The same in the order they were handed out; a later stack of them may end first."""
        return sorted(self.trials, key=lambda record: int(record.trial))

    def take_up(self, records):
        """Takes in, without writing anything, what an earlier process did.

        Args:
            records: `TrialRecord` of each ended trial, in order.
        """
        self._by_name = {}
        for record in records:
            self._add(record)

    def restore(self, epochs=None):
        """Puts the files right after `take_up`: a kill may have left a line too few or half a one.

        A trial that has ended, or ended again, since its row in `trials.csv` was written gets its
        end in TensorBoard again.

        Args:
            epochs: `{trial: set of its epochs}` where that is known; rows of others belong to a
                training that was cut short, or is run again.

        Returns:
            `{trial: number of its rows in curves.csv}`.
        """
        counting = dict.fromkeys(self._by_name, range(sys.maxsize)) | (epochs or {})
        written = {row.get("trial"): row for row in self._trials.rows()}
        curves = [row for row in self._curves.rows() if _counts(row, counting)]
        if self.rows:
            for name, record in self._by_name.items():
                if not _is_written(record, written.get(name, {})):
                    curve = [_numbers(row) for row in curves if row["trial"] == name]
                    self._show(record, curve)
        self._curves.replace(curves)
        self._trials.replace([trial.as_row() for trial in self.trials])
        return collections.Counter(row["trial"] for row in curves)

    def curves(self):
        """Each epoch of each ended trial as `{"trial": ..., "epoch": ..., metric: number}`."""
        return [{"trial": row["trial"]} | _numbers(row) for row in self._curves.rows()]

    def begin(self, trial, values):
        """Notes that a trial begins, or goes on.

        Args:
            trial: Name of the trial.
            values: Value of each hyperparameter by its own name.
        """
        self._epochs[trial] = []
        if self.rows:
            self.rows.begin(trial, values)

    def epoch(self, trial, epoch, metrics):
        """Notes one epoch of a trial that runs.

        Args:
            trial: Name of the trial.
            epoch: Number of the epoch, from 1.
            metrics: `{name: number}`, and `execution` if there are several.
        """
        self._epochs.setdefault(trial, []).append({"trial": trial, "epoch": epoch, **metrics})

    def write_curve(self, trial):
        """Writes the curve of a trial that is about to end.

        Args:
            trial: Name of the trial.

        Returns:
            The number of its rows.
        """
        self._curves.append(self._epochs.get(trial, []))
        return len(self._epochs.get(trial, []))

    def end(self, record):
        """Writes an ended trial, after its curve.

        Args:
            record: `TrialRecord`.
        """
        curve = [
            {name: value for name, value in row.items() if name != "trial"}
            for row in self._epochs.pop(record.trial, [])
        ]
        went_on = record.trial in self._by_name
        record = self._add(record)
        if self.rows:
            self._show(record, curve)
        if not went_on:
            self._trials.append([record.as_row()])
            return
        self._changed += 1
        if self._changed > len(self._by_name) // AT_ONCE:
            self.finish()

    def finish(self):
        """Writes the rows of trials that went on and still stand as they were before."""
        if self._changed:
            self._trials.replace([trial.as_row() for trial in self.trials])
            self._changed = 0

    def _add(self, record):
        before = self._by_name.get(record.trial)
        if before:
            record = before.gone_on(record, self.objective.direction)
        self._by_name[record.trial] = record
        return record

    def _show(self, record, curve):
        decides = None if record.score is None else self.objective.name  # as in `trials.csv`
        names = (decides, self.objective.direction)
        self.rows.end(record.trial, record.status, curve, *names, score=record.score)


def _is_written(record, row):
    """Whether a row of `trials.csv` is that of a record, whose seconds may be unknown by now."""
    known = {name: value for name, value in record.as_row().items() if value == value}  # no NaN
    return all(row.get(name) == str(value) for name, value in known.items())


def _counts(row, epochs):
    """Whether a row is of an epoch that counts; a damaged one is not."""
    try:
        return _numbers(row)["epoch"] in epochs.get(row["trial"], ())
    except (KeyError, TypeError, ValueError, OverflowError):
        return False


def _numbers(row):
    """A row of `curves.csv` as it was before it was text."""
    numbers = {name: float(text) for name, text in row.items() if text and name != "trial"}
    whole = {name: int(numbers[name]) for name in ("epoch", "execution") if name in numbers}
    return numbers | whole


def whole_rows(path):
    """All whole rows of a CSV file, which a kill may have cut and a process may be writing.

    Args:
        path: The file; one that does not exist has no rows.

    Returns:
        List of `{column: text}`.
    """
    if not path.exists():
        return []
    text, end, _ = path.read_text(errors="replace").rpartition("\n")
    return list(csv.DictReader(io.StringIO(text + end)))


class _Table:
    """A CSV file that grows by rows, and now and then by a column."""

    def __init__(self, path):
        self.path = path
        self.columns = []
        if path.exists():
            with path.open(newline="", errors="replace") as file:
                self.columns = next(csv.reader(file), [])

    def rows(self):
        return whole_rows(self.path)

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
