"""Analysis: what searches found, from their records alone.

You will see, for each search, its best trial and which hyperparameters mattered; in TensorBoard
its course and pictures: all learning curves, importance, slices, the two most important together.
A search that was killed or still runs is shown as far as it got; one that ended has shown all that
by itself.

    make analysis
    make analysis ARGS="--run-directory runs/search/2026-01-31-120000"

Two seconds a search on two cores, four for one of 1,000 trials. Expect `figure.png` in each
folder; the links that `make tensorboard` prints show the rest.

Source: Bergstra & Bengio (2012), "Random Search for Hyper-Parameter Optimization", JMLR 13, whose
finding, that few hyperparameters matter, the importance shows or refutes.
"""

import dataclasses
from pathlib import Path

from rich.table import Table

from recipes.ingredients.command_line import console, run
from recipes.ingredients.errors import BadInput
from recipes.ingredients.run_directory import RUNS
from tuning.analysis import searches_in
from tuning.dashboard.findings import write_findings


@dataclasses.dataclass(frozen=True)
class Settings:
    """Shows what searches found."""

    run_directory: Path = RUNS
    """Folder of a search, or one that holds searches at any depth."""

    def __post_init__(self):
        """Refuses what is no folder."""
        if not self.run_directory.is_dir():
            raise BadInput(
                "run_directory must be an existing folder."
                f" Received: run_directory={self.run_directory}."
            )


@dataclasses.dataclass(frozen=True)
class Result:
    """What was shown."""

    found: dict
    """`{folder: tuning.analysis.Found}`, a folder for each search."""


def main(settings):
    """Analyses each search and prints what it found.

    Args:
        settings: `Settings`.

    Returns:
        A `Result`.
    """
    folders = list(searches_in(settings.run_directory))
    if not folders:
        raise BadInput(
            "run_directory must hold a search, which make search begins."
            f" Received: run_directory={settings.run_directory}."
        )
    found = {folder: write_findings(folder) for folder in folders}
    report(found, settings.run_directory)
    return Result(found)


def report(found, run_directory):
    """Prints a line for each search, then where the pictures are."""
    table = Table(title="searches")
    for heading in ("search", "trials", "best score", "of trial", "most important"):
        table.add_column(heading, overflow="fold")
    for each in found.values():
        best = each.scored[0] if each.scored else None
        importances = [i for i in each.importances() if i.low > 0]
        table.add_row(
            each.search,
            f"{len(each.trials):,}",
            f"{best.score:.4f}" if best else "",
            best.trial if best else "",
            ", ".join(i.name for i in importances[:2]) or "cannot be told yet",
        )
    console.print(table)
    for folder in found:
        console.print(f"picture: {folder / 'figure.png'}", soft_wrap=True)
    console.print("see the others: make tensorboard")
    console.print(f"run directory: {run_directory}", soft_wrap=True)


if __name__ == "__main__":
    run(main, Settings)
