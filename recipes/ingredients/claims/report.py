"""What a claim's recipe came to, as tables and as a text to read."""

import inspect
import re
from collections import Counter

from rich.table import Table
from rich.text import Text

from recipes.ingredients.claims.check import NO, YES
from recipes.ingredients.errors import quoted

COLOURS = {YES: "green", NO: "red"}
CHAPTERS = {
    "1": "Hyperparameter tuning",
    "2": "Batch normalisation",
    "3": "Softmax classification",
}


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


def verdicts(rows):
    """How many checks came to what, such as `3 yes, 1 no`."""
    found = Counter(row["holds"].partition(" (")[0] for row in rows)
    return ", ".join(f"{count} {word}" for word, count in found.items())


def book(preface, results):
    """All claims as a text to read from top to bottom, in Markdown.

    Args:
        preface: Title, and below it what comes first.
        results: `[(module, rows)]`, in order. The pictures are `<name>/figure.png`.
    """
    index = ["| claim | about | checks |", "|---|---|---|"]
    pages, chapter = [], None
    for module, rows in results:
        numbers, title = ", ".join(numbers_of(module)), title_of(module)
        anchor = re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-")
        about = title.removeprefix(numbers).strip()
        index.append(f"| [{numbers}](#{anchor}) | {about} | {verdicts(rows)} |")
        if numbers[0] != chapter:
            chapter = numbers[0]
            pages.append(f"## {chapter}. {CHAPTERS[chapter]}")
        text = inspect.cleandoc(module.__doc__).partition("\n")[2].strip()
        picture = f"![{about}]({module.__name__.rpartition('.')[2]}/figure.png)"
        pages += [f"### {title}", text, picture, markdown(rows)]
    title, _, text = preface.partition("\n")
    first = [f"# {title.rstrip('.')}", text.strip(), "\n".join(index)]
    return "\n\n".join([*first, *pages]) + "\n"
