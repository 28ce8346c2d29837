"""Where searches are disturbed, and whether they end as if they had not been."""

import collections
import math
from pathlib import Path

from tests.tuning.search_files import rows_of


def made(where, *names):
    """Makes folders of these names in another; returns their paths."""
    folders = [Path(where) / name for name in names]
    for folder in folders:
        folder.mkdir()
    return folders


def faults_of(folder, undisturbed, trials, epochs):
    """Compares the ends of two searches.

    Args:
        folder: Of the disturbed one.
        undisturbed: Folder of the other.
        trials: How many there must be.
        epochs: How many rows each trial's curve must have.

    Returns:
        List of sentences: every trial must have ended once, none failed, with its whole curve, and
        with the values and, but for rounding, the score of the undisturbed search.
    """
    faults, theirs = [], {row["trial"]: row for row in rows_of(undisturbed)}
    ended = collections.Counter(row["trial"] for row in rows_of(folder))
    curves = collections.Counter(row["trial"] for row in rows_of(folder, "curves.csv"))
    if not len(ended) == len(theirs) == trials:
        faults.append(f"{len(ended)} trials have ended, undisturbed {len(theirs)} of {trials}")
    if {*ended} != {*curves}:
        faults.append(f"{len(curves)} trials have curves, {len(ended)} have ended")
    faults += [f"trial {name} has ended {n} times" for name, n in ended.items() if n != 1]
    faults += [f"trial {name} has {n} epochs" for name, n in curves.items() if n != epochs]
    for row in rows_of(folder):
        name, other = row["trial"], theirs.get(row["trial"], {})
        if row["status"] != "COMPLETED":
            faults.append(f"trial {name} is {row['status']}: {row['reason']}")
        elif not other or values_of(row) != values_of(other):
            faults.append(f"trial {name} has other values than undisturbed")
        elif not math.isclose(float(row["score"]), float(other["score"]), rel_tol=1e-4):
            faults.append(f"trial {name} has score {row['score']}, undisturbed {other['score']}")
    return faults


def values_of(row):
    """A trial's hyperparameters."""
    results = ("status", "score", "best_epoch", "seconds", "reason")
    return {name: value for name, value in row.items() if name not in results}
