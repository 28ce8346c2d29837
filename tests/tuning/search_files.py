"""What a search, ended or killed, has left in its folder."""

import csv
from pathlib import Path


def rows_of(folder, name="trials.csv"):
    """The rows of one of its CSV files; none if there is no file yet."""
    path = Path(folder) / "search" / name
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def results_of(folder):
    """What a search found: its rows but for the time they took, and its curves."""
    trials = [{k: v for k, v in row.items() if k != "seconds"} for row in rows_of(folder)]
    return trials, rows_of(folder, "curves.csv")
