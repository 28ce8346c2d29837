"""Claims: every claim of the subject run, measured and drawn.

You will see, for each claim, what was measured over several seeds, what mathematics or the source
lets one expect, and whether it holds: yes, no, under conditions, which are named, or that these
seeds cannot tell. A claim that does not hold is a finding; its picture says more than the word.

    make claims
    make claims ARGS="--only 2.8"
    make claims ARGS="--only covariate_shift softmax_gradient"

All together take less than ten minutes on two cores. Expect `claims.json`, `claims.md`, a text to
read, and a folder for each recipe, with its `figure.png`; `make tensorboard` shows the same.

Source: each recipe names its own.
"""

import dataclasses
import importlib
import inspect
import pkgutil
import time
import traceback
from pathlib import Path

from recipes import claims
from recipes.ingredients.claims import (
    NO,
    UNCERTAIN,
    YES,
    book,
    markdown,
    numbers_of,
    verdicts,
)
from recipes.ingredients.command_line import console, run
from recipes.ingredients.errors import BadInput, RunFailed, did_you_mean, quoted
from recipes.ingredients.progress import ClaimProgress
from recipes.ingredients.run_directory import RunSettings, open_run
from tuning.dashboard import EventFile
from tuning.files import write_atomically


@dataclasses.dataclass(frozen=True)
class Settings:
    """Runs the claims' recipes and prints what each came to."""

    where: RunSettings = RunSettings()
    only: tuple[str, ...] = ()
    """Numbers of claims (2.8), of chapters (2) or names of recipes; all if none is given."""
    strict: bool = False
    """Whether a claim that does not hold, or cannot be told, makes the exit code 1."""


@dataclasses.dataclass(frozen=True)
class Result:
    """What the claims came to."""

    run_directory: Path
    rows: list[dict]
    """What `claims.json` holds: a row for each check."""


def main(settings):
    """Runs one recipe after another; one that crashes does not stop the others.

    Args:
        settings: `Settings`.

    Returns:
        A `Result`.

    Raises:
        BadInput: Something in `only` is no claim.
        RunFailed: A recipe crashed; or, if that is asked for, a claim does not hold.
    """
    recipes = chosen(find(claims), settings.only)
    with open_run("claims", settings.where, {"only": sorted(recipes)}) as directory:
        began = time.monotonic()
        results, crashed = run_each(recipes, directory, settings.where)
        write(results, directory, time.monotonic() - began, is_whole=not crashed)
        return report(results, crashed, directory.path, settings.strict)


def find(package):
    """The recipes in a package: `{name: module}`, in the order of their claims."""
    names = (each.name for each in pkgutil.iter_modules(package.__path__))
    modules = {
        name: importlib.import_module(f"{package.__name__}.{name}")
        for name in names
        if not name.startswith("_")
    }
    return dict(sorted(modules.items(), key=lambda item: _in_order(numbers_of(item[1]))))


def _in_order(numbers):
    return [tuple(map(int, number.split("."))) for number in numbers]


def chosen(recipes, only):
    """Those of the recipes that are asked for; all if nothing is."""
    names = {name: {name, *numbers_of(module)} for name, module in recipes.items()}
    names = {name: own | {n.partition(".")[0] for n in own} for name, own in names.items()}
    for wanted in only:
        if not any(wanted in own for own in names.values()):
            raise BadInput(
                "only must be the number of a claim or the name of a recipe in recipes/claims."
                f" Received: only={quoted(wanted)}.{did_you_mean(wanted, recipes)}"
            )
    return {n: each for n, each in recipes.items() if not only or names[n] & set(only)}


def run_each(recipes, directory, where):
    """Runs the recipes, each in its own folder.

    Returns:
        `[(module, rows)]`, and the names of those that crashed.
    """
    results, crashed = [], []
    with ClaimProgress(len(recipes)) as progress:
        for name, module in recipes.items():
            progress.note(name)
            folder = directory.path / name
            is_begun = (folder / "settings.json").exists()
            own = RunSettings(folder, where.resume and is_begun, where.overwrite)
            try:
                results.append((module, module.main(module.Settings(where=own)).rows))
            except Exception:
                crashed.append(name)
                console.print(f"{name} crashed:\n{traceback.format_exc()}", soft_wrap=True)
            progress.advance("recipe", name)
    return results, crashed


def write(results, directory, seconds, is_whole):
    """Writes all rows as JSON, as a text to read, and for TensorBoard; ends the run if whole."""
    rows = [row for _, rows in results for row in rows]
    directory.write_json("claims.json", rows)
    preface = inspect.cleandoc(claims.__doc__)
    write_atomically(directory.path / "claims.md", book(preface, results))
    EventFile(directory.path / "tensorboard").text("claims/all", markdown(rows))
    if is_whole:  # else `--resume` runs those again that crashed
        directory.finish({"checks": verdicts(rows), "seconds": round(seconds, 3)})
    console.print(f"checks: {verdicts(rows)}; {seconds:.0f} seconds")


def report(results, crashed, path, is_strict):
    """Names what is not plainly so; the last line names the run directory."""
    rows = [row for _, rows in results for row in rows]
    for row in rows:
        if row["holds"] != YES:
            console.print(f"{row['claim']} {row['statement']}: {row['holds']}", soft_wrap=True)
    console.print(f"run directory: {path}", soft_wrap=True)
    if crashed:
        raise RunFailed(f"{len(crashed)} crashed: {', '.join(crashed)}.")
    failing = sorted({row["claim"] for row in rows if row["holds"] in (NO, UNCERTAIN)})
    if is_strict and failing:
        raise RunFailed(f"these claims do not hold, or cannot be told: {', '.join(failing)}.")
    return Result(path, rows)


if __name__ == "__main__":
    run(main, Settings)
