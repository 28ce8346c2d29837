"""What a search found, as a run of its own in TensorBoard beside the trials."""

import contextlib
import dataclasses
import time
from pathlib import Path

import numpy as np

from tuning import pictures as drawn
from tuning.analysis import pictures, read, sentences
from tuning.dashboard import event_file, events
from tuning.dashboard.event_records import framed
from tuning.dashboard.links import FINDINGS
from tuning.files import write_atomically

FIGURE = "figure.png"
BEFORE_ALL_TRIALS = 1.0
"""When the run began, seconds since 1970. TensorBoard gives seven colours to runs, in the order
in which they began; those of searches must not depend on the trials between them."""
PICTURES = {
    "search/1 learning curves": pictures.learning_curves,
    "search/2 importance": pictures.importance,
    "search/3 slices": pictures.score_slices,
    "search/4 two together": pictures.two_together,
}
TEXTS = {"search/1 best trial": sentences.best_trial, "search/2 top ten": sentences.top_ten}


def write_findings(folder, finalists=None):
    """Shows what a search found so far, in place of what it showed before.

    Writes `analysis/`, which TensorBoard shows as a run with history, texts and pictures, and
    `figure.png`, learning curves and importance.

    Args:
        folder: Folder of the search, finished, killed or running; see `tuning.analysis.read`.
        finalists: `{trial: scores of the trainings with other seeds}` where no `summary.json` says
            them yet, else None.

    Returns:
        The `tuning.analysis.Found` that was shown.

    Raises:
        OSError: The disk is full or the folder cannot be written.
    """
    folder = Path(folder)
    found = read(folder)
    found = found if finalists is None else dataclasses.replace(found, finalists=finalists)
    shown = [
        *history(found),
        *(events.text(tag, write(found)) for tag, write in TEXTS.items()),
        *(events.image(tag, drawn.pixels(draw(found)), 0) for tag, draw in PICTURES.items()),
    ]
    _replace(folder / FINDINGS, b"".join(map(framed, [events.version(BEFORE_ALL_TRIALS), *shown])))
    drawn.save(pictures.overview(found), folder / FIGURE)
    return found


def history(found):
    """The course of a search as points of curves, by trial and by seconds of training.

    The points by trial bear the time at which trials would have ended one after another, so that
    TensorBoard's relative axis shows parts of seconds too. By seconds, a second holds one point,
    that of its last trial.

    Args:
        found: `tuning.analysis.Found`.

    Yields:
        Events.
    """
    began, seconds, best = time.time(), found.seconds, found.best_so_far
    second = np.floor(seconds).astype(int)
    for number, trial in enumerate(found.trials):
        values = {"objective": trial.score, "best so far": _or_none(best[number])}
        passed = float(seconds[number])
        by_trial = {f"by trial/{name}": value for name, value in values.items()}
        if passed > 0:
            by_trial["by trial/trials per second"] = (number + 1) / passed
        yield events.scalars(number + 1, by_trial, began + passed)
        if number + 1 == len(second) or second[number + 1] > second[number]:
            by_seconds = {f"by seconds/{name}": value for name, value in values.items()}
            yield events.scalars(int(second[number]) + 1, by_seconds, began + passed)


def _or_none(number):
    return None if np.isnan(number) else float(number)


def _replace(folder, content):
    """Writes the run's file under a new, later name, and removes the earlier one.

    A TensorBoard that serves the folder would not notice a file that changes under its name. In a
    later file of the run, steps that begin anew take the place of those it has.
    """
    folder.mkdir(exist_ok=True)
    earlier = list(folder.glob(f"{event_file.NAME}*"))
    write_atomically(folder / f"{event_file.NAME}.{time.time_ns()}", content)
    for path in earlier:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
