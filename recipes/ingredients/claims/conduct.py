"""How a claim's recipe is run: it measures, is judged, drawn, written down and printed."""

import dataclasses
import json
import re
import sys
import time
from pathlib import Path

import keras
from rich.table import Table
from rich.text import Text

from recipes.ingredients.claims.check import NO, YES
from recipes.ingredients.command_line import console
from recipes.ingredients.errors import quoted
from recipes.ingredients.run_directory import open_run
from tuning.dashboard import EventFile
from tuning.pictures import pixels, save

COLOURS = {YES: "green", NO: "red"}


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
    """Draws a claim's picture: `figure.png`, and TensorBoard's with a table under it."""
    save(figure, path / "figure.png")
    events = EventFile(path / "tensorboard")
    tag = f"claims/{rows[0]['claim']} {name.replace('_', ' ')}"
    events.image(tag, pixels(figure))
    events.text(tag, markdown(rows))


def title_of(module):
    """The first line of a recipe's docstring: the numbers of its claims, and what it is about."""
    return module.__doc__.strip().partition("\n")[0].rstrip(".")


def numbers_of(module):
    """The numbers of a recipe's claims, such as `["1.2", "1.3"]`: its docstring begins with them.

    Raises:
        ValueError: It begins otherwise.
    """
    numbers = re.match(r"((\d+\.\d+)(, \d+\.\d+)*) ", title_of(module))
    if not numbers:
        raise ValueError(
            "a claim's docstring must begin with its number, such as 2.8."
            f" Received: {module.__name__}, which begins with {quoted(title_of(module))}."
        )
    return numbers[1].split(", ")


def table(rows, title):
    """The rows of `claims.json` for a terminal."""
    shown = Table(title=title, title_justify="left", expand=True, show_lines=True)
    shown.add_column("claim", min_width=5)
    for column, ratio in (("statement", 4), ("measured", 3), ("expected", 4), ("holds", 2)):
        shown.add_column(column, ratio=ratio, overflow="fold")
    for row in rows:
        holds = Text(row["holds"], COLOURS.get(row["holds"], "yellow"))
        shown.add_row(row["claim"], row["statement"], row["text"], row["expected"], holds)
    return shown


def markdown(rows):
    """The same as Markdown."""
    lines = ["| claim | statement | measured | expected | holds |", "|---|---|---|---|---|"]
    for row in rows:
        cells = (row[name] for name in ("claim", "statement", "text", "expected", "holds"))
        cells = (cell.replace("|", "\\|").replace("\n", "<br>") for cell in cells)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
