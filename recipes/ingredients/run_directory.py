"""Where a run writes: a new folder each time, or the one that is named; resumed or overwritten.

A folder holds a run when it has `settings.json`, written first. The run is finished when it has
`summary.json`, written last.
"""

import contextlib
import dataclasses
import datetime
import json
import platform
import shutil
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from recipes.ingredients.command_line import console
from recipes.ingredients.errors import BadInput
from tuning import files

RUNS = Path("runs")


@dataclasses.dataclass(frozen=True)
class RunSettings:
    """Where the run is written."""

    run_directory: Path | None = None
    """Folder of this run; a new runs/<recipe>/<date-time> if not named."""
    resume: bool = False
    """Go on with the run in that folder, or with the latest unfinished one if none is named."""
    overwrite: bool = False
    """Delete the run in that folder and begin anew."""


@dataclasses.dataclass(frozen=True)
class Run:
    """An open run directory, held by this process."""

    path: Path
    summary: dict | None
    """What the run came to if it was finished before, else None."""

    def write_json(self, name, value):
        """Writes `value` as JSON to the file `name` of the run, atomically; null for NaN."""
        value = json.loads(json.dumps(value, default=str), parse_constant=lambda _: None)
        text = json.dumps(value, indent=2, ensure_ascii=False)
        files.write_atomically(self.path / name, text + "\n")

    def finish(self, summary):
        """Writes `summary.json`, versions included: from then on the run is finished.

        Returns:
            What was written.
        """
        versions = {"tensorflow": tf.__version__, "keras": keras.__version__}
        versions |= {"python": platform.python_version(), "numpy": np.__version__}
        self.write_json("summary.json", summary | {"versions": versions})
        return summary | {"versions": versions}


@contextlib.contextmanager
def open_run(recipe, where, identity):
    """Opens the run directory of a recipe and holds it for this process.

    Args:
        recipe: Name of the recipe, e.g. `"train"`.
        where: `RunSettings`.
        identity: JSON-like dict of all that decides the result; only an equal one resumes a run.

    Yields:
        A `Run`.

    Raises:
        BadInput: The folder holds a run and neither `resume` nor `overwrite` was given, holds
            something else, is in use, cannot be written, or was begun with other settings.
    """
    if where.resume and where.overwrite:
        raise BadInput("--resume and --overwrite exclude each other: give one of them.")
    path = where.run_directory or (where.resume and _latest_unfinished(recipe)) or _new_path(recipe)
    with contextlib.ExitStack() as stack:
        try:
            path.mkdir(parents=True, exist_ok=True)
            _refuse_what_is_no_run(path)
            stack.enter_context(files.lock(path))
            summary = _begin_or_resume(path, where, identity)
        except OSError as error:
            reason = error if isinstance(error, files.InUse) else f"{path} cannot be used: {error}"
            raise BadInput(f"{reason}. Name another --run-directory.") from None
        try:
            yield Run(path, summary)
        except KeyboardInterrupt:
            console.print(
                f"\ninterrupted: the same command with --resume --run-directory {path} goes on",
                soft_wrap=True,
            )
            raise


def _new_path(recipe):
    """`runs/<recipe>/<date-time>`, made exclusively: two runs of one second get two folders."""
    stem = RUNS / recipe / datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S")
    for number in range(1, 1000):
        path = stem if number == 1 else stem.with_name(f"{stem.name}-{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise BadInput(f"{path} cannot be made: {error}. Name a --run-directory.") from None
        return path
    raise BadInput(f"{RUNS / recipe} holds too many runs of this second: name a --run-directory.")


def _latest_unfinished(recipe):
    begun = sorted((RUNS / recipe).glob("*/settings.json"), reverse=True)
    return next((p.parent for p in begun if not (p.parent / "summary.json").exists()), None)


def _refuse_what_is_no_run(path):
    entries = {entry.name for entry in path.iterdir() if not entry.name.startswith(".")}
    if entries and "settings.json" not in entries:
        raise BadInput(f"run_directory must be empty or hold a run. Received: {path}.")


def _begin_or_resume(path, where, identity):
    """Returns the summary of the finished run that is resumed, else None."""
    identity = json.loads(json.dumps(identity, default=str))  # as it will be read back
    begun = path / "settings.json"
    if begun.exists() and not (where.resume or where.overwrite):
        raise BadInput(f"{path} holds a run: give --resume to go on with it or --overwrite.")
    if begun.exists() and where.resume:
        _refuse_other_settings(path, _read_json(begun), identity)
        return _read_json(path / "summary.json") if (path / "summary.json").exists() else None
    if begun.exists():
        _empty(path)
    Run(path, None).write_json("settings.json", identity)
    return None


def _refuse_other_settings(path, old, new):
    differing = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    if differing:
        changes = ", ".join(f"{key}: {old.get(key)} there, {new.get(key)} now" for key in differing)
        raise BadInput(f"{path} was begun with other settings and cannot be resumed ({changes}).")


def _read_json(path):
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise BadInput(f"{path} must be JSON. Received: {error}. Give --overwrite.") from None


def _empty(path):
    for entry in path.iterdir():
        if entry.name == ".lock":
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
