"""What the files of a search say, finished, killed or running, as far as they go."""

import csv
import dataclasses
import json
import math
import os
from pathlib import Path

import numpy as np

from tuning.importance import first_order_importance
from tuning.records import TrialRecord, whole_rows

TRIALS, CURVES, SEARCH, SUMMARY = "trials.csv", "curves.csv", "search.json", "summary.json"
OWN_COLUMNS = ("trial", "status", "score", "best_epoch", "seconds", "reason")


@dataclasses.dataclass(frozen=True)
class Found:
    """A search as its records show it."""

    search: str
    """Its name."""
    objective: str
    """Name of the metric that decides."""
    direction: str
    """`"max"` or `"min"`: which scores are good."""
    trials: list
    """`TrialRecord` of each trial that ended, in order."""
    curves: dict
    """`{trial: its epochs in order, each {column: number}}`."""
    hyperparameters: dict
    """`{own name: what search.json says of it}`; empty where it says nothing."""
    finalists: dict
    """`{trial: scores of the trainings with other seeds}`."""

    @property
    def scored(self):
        """The trials that have a score, the best first."""
        sign = -1 if self.direction == "max" else 1
        return sorted((t for t in self.trials if t.score is not None), key=lambda t: sign * t.score)

    @property
    def seconds(self):
        """Seconds of training at the end of each trial."""
        return np.cumsum([t.seconds if math.isfinite(t.seconds) else 0.0 for t in self.trials])

    @property
    def best_so_far(self):
        """The best score up to each trial; NaN before the first one."""
        scores = [math.nan if t.score is None else t.score for t in self.trials]
        best = np.fmax if self.direction == "max" else np.fmin
        return best.accumulate(scores) if scores else np.array([])

    def priority(self, name):
        """How early a hyperparameter is worth tuning, 1 to 4, or None."""
        priority = self.hyperparameters.get(name, {}).get("priority")
        return priority if priority in (1, 2, 3, 4) else None

    def importances(self):
        """`Importance` of each hyperparameter that varied, the most important first."""
        sign = 1 if self.direction == "max" else -1
        scores = [math.nan if t.score is None else sign * t.score for t in self.trials]
        return first_order_importance({n: self.column(n) for n in self.varied()}, scores)

    def varied(self):
        """Names of the hyperparameters of which there is more than one value."""
        names = dict.fromkeys(name for trial in self.trials for name in trial.values)
        return [name for name in names if len({t.values.get(name) for t in self.trials}) > 1]

    def column(self, name):
        """The values of a hyperparameter in all trials, as numbers if they are.

        Where a trial has none: NaN, or an empty text.
        """
        values = [trial.values.get(name) for trial in self.trials]
        if all(is_number(value) or value is None for value in values):
            return np.array([math.nan if value is None else value for value in values], float)
        return np.array(["" if value is None else str(value) for value in values])


def is_search(folder):
    """Whether a folder holds the records of a search, which may have ended no trial yet."""
    return (folder / TRIALS).exists() or _search_file(folder) is not None


def searches_in(folder):
    """The folders of all searches in a folder, at any depth, in order; the folder itself if it is.

    Args:
        folder: Any folder.
    """
    for path, names, _ in os.walk(folder):
        names.sort()
        if is_search(Path(path)):
            names.clear()  # what is in it is its own
            yield Path(path)


def read(folder):
    """Reads a search as far as its files can be read.

    Args:
        folder: Folder of `trials.csv`, `curves.csv` and, if it was a recipe, `summary.json`;
            `search.json` lies there or in the folder `trials`.

    Returns:
        A `Found`; without trials if there is nothing to read.
    """
    folder = Path(folder)
    about = _json(_search_file(folder))
    entries = about.get("hyperparameters")
    entries = [e for e in entries if isinstance(e, dict)] if isinstance(entries, list) else []
    hyperparameters = {entry["name"]: entry for entry in entries if "name" in entry}
    return Found(
        search=str(about.get("search") or folder.name),
        objective=str(about.get("objective", "score")),
        direction="min" if about.get("direction") == "min" else "max",
        trials=[_trial(row, hyperparameters) for row in _rows(folder / TRIALS)],
        curves=_curves(_rows(folder / CURVES)),
        hyperparameters=hyperparameters,
        finalists=_finalists(_json(folder / SUMMARY)),
    )


def is_number(value):
    """Whether a value is a number and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _search_file(folder):
    paths = (folder / SEARCH, folder / "trials" / SEARCH)
    return next((path for path in paths if path.exists()), None)


def _json(path):
    try:
        content = json.loads(path.read_bytes()) if path else {}
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _rows(path):
    """Rows that name their trial."""
    try:
        return [row for row in whole_rows(path) if row.get("trial")]
    except (OSError, UnicodeDecodeError, csv.Error):
        return []


def _trial(row, hyperparameters):
    """A row of `trials.csv` as it was before it was text."""
    epoch = _number(row.get("best_epoch"))
    return TrialRecord(
        trial=row["trial"],
        status=row.get("status") or "",
        score=_number(row.get("score")),
        best_epoch=None if epoch is None else int(epoch),
        seconds=_number(row.get("seconds")) or 0.0,
        reason=row.get("reason") or "",
        values={
            name: _value(text, hyperparameters.get(name, {}))
            for name, text in row.items()
            if name and name not in OWN_COLUMNS
        },
    )


def _value(text, about):
    """One of the values that the hyperparameter can have, or else what the text looks like."""
    listed = about.get("values")
    for value in listed if isinstance(listed, list) else []:
        if str(value) == text:
            return value
    number = _number(text)
    if number is None:
        return text or None
    return int(number) if about.get("kind") == "int" else number


def _number(text):
    """A finite number, or None."""
    try:
        number = float(text)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _curves(rows):
    """The epochs of each trial, of its first execution if there are several."""
    curves = {}
    for row in rows:
        epochs = curves.setdefault(row["trial"], [])
        if _number(row.get("epoch")) and (
            not epochs or row.get("execution") == epochs[0].get("execution")
        ):
            epochs.append(row)
    return {
        trial: [{name: _number(text) for name, text in row.items() if name} for row in epochs]
        for trial, epochs in curves.items()
    }


def _finalists(summary):
    entries = summary.get("finalists")
    return {
        str(entry.get("trial")): entry["accuracies"]
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict) and _are_numbers(entry.get("accuracies"))
    }


def _are_numbers(values):
    return isinstance(values, list) and all(map(is_number, values))
