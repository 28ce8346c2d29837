"""TensorBoard: all searches and trainings side by side.

You will see every trial and every training as a row of one table (HParams) that can be filtered,
sorted and plotted, and their curves. What is trained meanwhile appears by itself.

    make tensorboard
    make tensorboard ARGS="--logdir runs/search/2026-01-31-120000 --port 7000"

Ready in about 10 seconds on two cores, and serves until Ctrl-C. Expect the links printed.

Source: https://www.tensorflow.org/tensorboard/hyperparameter_tuning_with_hparams.
"""

import dataclasses
import threading
from collections import defaultdict
from pathlib import Path

from recipes.ingredients.command_line import console, run
from recipes.ingredients.errors import BadInput
from recipes.ingredients.run_directory import RUNS
from tuning.dashboard import links, server
from tuning.dashboard.log_directory import Reader

MOST_LINKS = 10
CLAIMS = "claims"
"""Folder of the runs of `recipes.claims`."""
VIEWS = {
    "best of each search": "text",
    "course of each search": "scalars",
    "pictures of each search": "images",
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """Shows what is under a folder in TensorBoard."""

    logdir: Path = RUNS
    """Folder that holds the runs, at any depth."""
    host: str = "127.0.0.1"
    """Address to serve on; 0.0.0.0 lets other machines see it."""
    port: int = 6006
    """Port to serve on, 1 to 65535; 0 takes a free one."""

    def __post_init__(self):
        """Refuses values outside their range."""
        if not 0 <= self.port <= 65535:
            raise BadInput(f"port must be from 0 to 65535. Received: port={self.port}.")
        if self.logdir != RUNS and not self.logdir.is_dir():
            raise BadInput(f"logdir must be an existing folder. Received: logdir={self.logdir}.")


@dataclasses.dataclass(frozen=True)
class Result:
    """What was served."""

    url: str
    rows: int
    """Rows of the table at the start."""


def main(settings):
    """Writes the table's configuration, serves, and prints where to look.

    Args:
        settings: `Settings`.

    Returns:
        A `Result`, after Ctrl-C.
    """
    reader = Reader(settings.logdir)
    write_configuration(reader)
    url = launch(reader, settings)
    found = reader.read()
    print_links(url, found, settings.logdir)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        console.print()
    return Result(url, len(found.rows))


def write_configuration(reader):
    """Writes what the table's columns are; without it only this server knows."""
    try:
        server.write_configuration(reader)
    except OSError as error:
        console.print(
            f"the table's columns could not be written for others: {error}", soft_wrap=True
        )


def launch(reader, settings):
    """Starts the server; returns its address."""
    try:
        return server.launch(reader, settings.host, settings.port)
    except server.CannotServe as error:
        raise BadInput(
            f"port must be free and host an address of this machine. Received:"
            f" port={settings.port}, host={settings.host} ({error}). --port 0 takes a free one."
        ) from None


def print_links(url, found, logdir):
    """Prints links: the table, what searches found, the curves of each search and of trainings."""
    runs = defaultdict(list)
    for name, row in found.rows.items():
        runs[row.get("search")].append(name)
    measured = latest_claims(found.tags)
    if not runs and not measured:
        console.print(f"nothing to show yet in {logdir}: make train or make search, then reload")
    lines = {f"all rows ({len(found.rows):,})": links.table(url)}
    if findings := [run for run in found.tags if Path(run).name == links.FINDINGS]:
        lines |= {text: links.findings(url, view, findings) for text, view in VIEWS.items()}
    if measured:
        lines["pictures of the claims"] = links.claims(url, "images", measured)
        lines["tables of the claims"] = links.claims(url, "text", measured)
    for search in sorted(runs, key=str)[-MOST_LINKS:]:  # of dated names the latest
        link, selected = links.curves(url, runs[search], list(found.tags))
        hint = "" if selected else "  (tick the box above the list of runs)"
        lines[f"curves of {search or 'others'}"] = link + hint
    width = max(map(len, lines))
    for text, link in lines.items():
        console.print(f"{text:{width}}  {link}", soft_wrap=True)
    console.print("Ctrl-C ends it")


def latest_claims(runs):
    """Folder of the last run of all claims, else of the claims that were run one by one, if any."""
    folders = {Path(run).parts[1] for run in runs if Path(run).parts[:1] == (CLAIMS,)}
    dated = sorted(folder for folder in folders if folder[0].isdigit())
    return f"{CLAIMS}/{dated[-1]}" if dated else CLAIMS if folders else None


if __name__ == "__main__":
    run(main, Settings)
