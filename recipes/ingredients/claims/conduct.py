"""How a claim's recipe is run: it measures, is judged, drawn, written down and printed."""

import dataclasses
import json
import sys
import time
from pathlib import Path

import keras

from recipes.ingredients.claims.report import markdown, table, title_of
from recipes.ingredients.command_line import console
from recipes.ingredients.run_directory import open_run
from tuning.dashboard import EventFile
from tuning.pictures import save


@dataclasses.dataclass(frozen=True)
class Result:
    """What a claim's recipe came to."""

    run_directory: Path
    rows: list[dict]
    """What `claims.json` holds: a row for each check."""


def conduct(file, settings, measure, judge, draw):
    """Runs a claim's recipe; one that is finished already and resumed is printed again.

    Args:
        file: The recipe's `__file__`.
        settings: Its `Settings`, a frozen dataclass with `where: RunSettings`.
        measure: Function from settings to what was measured, whatever that is.
        judge: Function from that to a list of `Check`.
        draw: Function from that to a `matplotlib.figure.Figure`.

    Returns:
        A `Result`.
    """
    name = Path(file).stem
    own = {key: value for key, value in dataclasses.asdict(settings).items() if key != "where"}
    with open_run(f"claims.{name}", settings.where, own) as directory:
        if not directory.summary:
            began = time.monotonic()
            keras.utils.clear_session(free_memory=False)  # alone or after others, the same result
            measured = measure(settings)
            rows = [check.row() for check in judge(measured)]
            show(directory.path, name, rows, draw(measured))
            directory.write_json("claims.json", rows)
            directory.finish({"settings": own, "seconds": round(time.monotonic() - began, 3)})
        rows = json.loads((directory.path / "claims.json").read_text())
        console.print(table(rows, title_of(sys.modules[measure.__module__])))
        console.print(f"run directory: {directory.path}", soft_wrap=True)
        return Result(directory.path, rows)


def show(path, name, rows, figure):
    """Draws a claim's picture: `figure.png`, and TensorBoard's, with the table beside it."""
    drawn = save(figure, path / "figure.png")
    events = EventFile(path / "tensorboard")
    tag = f"claims/{rows[0]['claim']} {name.replace('_', ' ')}"
    events.image(tag, drawn)
    events.text(f"{tag}: table", markdown(rows))  # else the page shows one of the two
