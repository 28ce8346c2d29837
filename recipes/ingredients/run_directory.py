"""Where a run writes: a new folder each time, or the one that is named; resumed or overwritten.

A folder holds a run when it has a `settings.json` that names the recipe, written first. The run is
finished when it has `summary.json`, written last.
"""

import contextlib
import dataclasses
import datetime
import json
import platform
import shlex
import shutil
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from recipes.ingredients.command_line import console
from recipes.ingredients.errors import BadInput, RunFailed
from tuning import files

RUNS = Path("runs")
FINGERPRINT = "data_fingerprint"
REMOVING = "is_being_removed"
"""In `settings.json` while an old run is removed: if a kill leaves it there, nothing is resumed."""
OWN_FILES = (
    *("summary.json", "curves.csv", "trials.csv", "checkpoint.npz"),
    *("model.keras", "figure.png", "tensorboard", "trials", "analysis"),
    *("finalists", "claims.json", "claims.md"),
    *("journal.jsonl", "knobs.toml", ".knobs.toml.lock", "looks"),
)


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

    @property
    def name(self):
        """Its name in TensorBoard, unique; the page shows the beginning of a long one."""
        path, runs = self.path.resolve(), RUNS.resolve()
        if runs in path.parents:
            return str(path.relative_to(runs))
        return f"{path.name} in {path.parent}"

    def reopen(self):
        """Makes a finished run an unfinished one, which `--resume` finds after a kill."""
        (self.path / "summary.json").unlink(missing_ok=True)

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
        recipe: Name of the recipe below `recipes`, e.g. `"train"` or `"claims.covariate_shift"`.
        where: `RunSettings`.
        identity: JSON-like dict of all that decides the result; only an equal one resumes a run.

    Yields:
        A `Run`.

    Raises:
        BadInput: The folder holds a run and neither `resume` nor `overwrite` was given, holds
            something else, is in use, cannot be written, or was begun with other settings.
        RunFailed: A file could not be written meanwhile, the disk being full, say.
        KeyboardInterrupt: A person interrupted; the message says how the run goes on.
    """
    if where.resume and where.overwrite:
        raise BadInput("--resume and --overwrite exclude each other: give one of them.")
    identity = json.loads(json.dumps({"recipe": recipe, **identity}, default=str))  # as read back
    path = where.run_directory
    if path is None:
        unfinished = _latest_unfinished(recipe, identity) if where.resume else None
        path = unfinished or _new_path(recipe)
    with contextlib.ExitStack() as stack:
        try:
            path.mkdir(parents=True, exist_ok=True)
            _refuse_what_is_no_run(path, recipe)
            stack.enter_context(files.lock(path))
            summary = _begin_or_resume(path, where, identity)
        except OSError as error:
            reason = error if isinstance(error, files.InUse) else f"{path} cannot be used: {error}"
            raise BadInput(f"{reason}. Name another --run-directory.") from None
        hint = f"the same command with --resume --run-directory {shlex.quote(str(path))} goes on"
        try:
            yield Run(path, summary)
        except KeyboardInterrupt as interrupt:
            interrupt.args = (f"interrupted: {hint}",)  # of a run within a run, the outer one's
            raise
        except OSError as error:
            raise RunFailed(
                f"{path} could not be written: {error}. With that mended, {hint}."
            ) from None


def _folder_of(recipe):
    return RUNS.joinpath(*recipe.split("."))


def latest_unfinished(recipe):
    """`Path` of the latest run of a recipe that has not ended, whatever its settings, or None."""
    return next(_unfinished(recipe), None)


def _unfinished(recipe):
    """The runs of a recipe that have not ended, the latest first."""
    for begun in sorted(_folder_of(recipe).glob("*/settings.json"), reverse=True):
        if not begun.with_name("summary.json").exists():
            yield begun.parent


def _new_path(recipe):
    """`runs/<recipe>/<date-time>`, made exclusively: two runs of one second get two folders."""
    stem = _folder_of(recipe) / datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S")
    for number in range(1, 1000):
        path = stem if number == 1 else stem.with_name(f"{stem.name}-{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise BadInput(f"{path} cannot be made: {error}. Name a --run-directory.") from None
        return path
    raise BadInput(
        f"{_folder_of(recipe)} holds too many runs of this second: name a --run-directory."
    )


def _latest_unfinished(recipe, identity):
    """The latest run of these settings that is neither finished nor in use."""
    for path in _unfinished(recipe):
        try:
            is_mine = _read_json(path / "settings.json") == identity
        except BadInput as error:
            console.print(f"passed over: {error}", soft_wrap=True)
            continue
        if is_mine:
            with contextlib.suppress(files.InUse), files.lock(path):
                return path
    return None


def _refuse_what_is_no_run(path, recipe):
    entries = {entry.name for entry in path.iterdir() if not entry.name.startswith(".")}
    if not entries:
        return
    settings = _read_json(path / "settings.json") if "settings.json" in entries else {}
    found = settings.get("recipe") if isinstance(settings, dict) else None
    if found != recipe:
        what = f"a run of recipes.{found}" if found else "other files"
        raise BadInput(
            f"run_directory must be empty or hold a run of recipes.{recipe}."
            f" Received: {path}, which holds {what}."
        )


def _begin_or_resume(path, where, identity):
    """Returns the summary of the finished run that is resumed, else None."""
    begun = path / "settings.json"
    old = _read_json(begun) if begun.exists() else {}
    if old and not (where.resume or where.overwrite):
        raise BadInput(f"{path} holds a run: give --resume to go on with it or --overwrite.")
    if old and where.resume and REMOVING not in old:
        _refuse_other_settings(path, old, identity)
        files.remove_temporary(path)
        console.print(f"resuming {path}", soft_wrap=True)
        with contextlib.suppress(FileNotFoundError, BadInput):
            return _read_json(path / "summary.json")
        return None
    if where.resume:
        others = _others_unfinished(path, identity)
        console.print(f"nothing to resume: a new run begins in {path}{others}", soft_wrap=True)
    run = Run(path, None)
    if old:
        run.write_json("settings.json", {"recipe": identity["recipe"], REMOVING: True})
    _remove_own_files(path)
    run.write_json("settings.json", identity)
    return None


def _refuse_other_settings(path, old, new):
    changes = _changes(old, new)
    if changes:
        raise BadInput(f"{path} was begun with other settings and cannot be resumed ({changes}).")


def _others_unfinished(path, identity):
    """Names the latest unfinished run with other settings, which a person may have meant."""
    for other in _unfinished(identity["recipe"]):
        with contextlib.suppress(BadInput):
            old = _read_json(other / "settings.json")
            if isinstance(old, dict) and REMOVING not in old and other != path:
                changes = _changes(old, identity)
                return f"; {other} was begun with other settings ({changes})" if changes else ""
    return ""


def _changes(old, new):
    return ", ".join(
        "other data" if key == FINGERPRINT else f"{key}: {old.get(key)} there, {new.get(key)} now"
        for key in {**old, **new}
        if old.get(key) != new.get(key)
    )


def _read_json(path):
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise BadInput(
            f"{path} must be JSON. Received: {error}. Delete {path.parent}, or name another folder."
        ) from None


def _remove_own_files(path):
    """Removes what recipes write; what a person put beside it stays."""
    for entry in (path / name for name in OWN_FILES):
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink(missing_ok=True)
    files.remove_temporary(path)
