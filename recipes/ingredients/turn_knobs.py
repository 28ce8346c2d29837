"""The command that turns knobs of a training that runs in another process."""

import dataclasses
from pathlib import Path

import tyro

from recipes.ingredients.command_line import console
from recipes.ingredients.errors import BadInput
from recipes.ingredients.run_directory import RUNS, latest_unfinished
from tuning import files
from tuning.panda import BadKnob
from tuning.panda.knobs import NUMBERS, as_text
from tuning.panda.knobs_file import NAME, KnobsFile, value_of


@dataclasses.dataclass(frozen=True)
class SetSettings:
    """Turns knobs of a training that runs."""

    changes: tyro.conf.Positional[tuple[str, ...]]
    """Each `knob=value`: learning_rate, momentum, weight_decay, dropout, batch_size; stop=true,
    snapshot=true, note="a remark for the journal"."""
    run_directory: Path | None = None
    """Folder of the run; the latest that has not ended if none is named."""


def set_knobs(settings):
    """Writes the changes into the knobs file, from where the training takes them.

    Args:
        settings: `SetSettings`.

    Returns:
        `{knob: value}` as it was accepted.

    Raises:
        BadInput: No training runs there, or a change cannot be made; nothing was changed.
    """
    pairs = [change_of(text) for text in settings.changes]
    changes = dict(pairs)
    if not changes:
        raise BadInput("set must be given knob=value, learning_rate=0.01 say. Received: nothing.")
    if len(changes) < len(pairs):
        twice = next(name for name in changes if [knob for knob, _ in pairs].count(name) > 1)
        raise BadInput(f"set must be given one value for each knob. Received: several for {twice}.")
    path = settings.run_directory or latest_unfinished("panda")
    refuse_what_does_not_run(path)
    try:
        before, after = KnobsFile(path).set(changes)
    except BadKnob as error:
        raise BadInput(f"{error} Nothing was changed.") from None
    words = [
        f"{name} {as_text(before[name])} -> {as_text(value)}"
        if name in NUMBERS
        else f"{name} {value}"
        for name, value in after.items()
    ]
    console.print(f"accepted: {', '.join(words)}, from the next step on ({path})", soft_wrap=True)
    return after


def change_of(text):
    """`(knob, value)` from `knob=value`."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise BadInput(f"a change must be knob=value, learning_rate=0.01 say. Received: {text}.")
    return name.strip(), value if name.strip() == "note" else value_of(value.strip())


def refuse_what_does_not_run(path):
    """A change is for a training that runs, that is, which holds its folder and has its knobs."""
    start = "Start one with make panda, or go on with an unfinished one with --resume."
    if path is None:
        raise BadInput(f"no training is running: {RUNS / 'panda'} has no unfinished run. {start}")
    if not (path / NAME).exists():
        raise BadInput(f"run_directory must be of a panda run. Received: {path}, without {NAME}.")
    try:
        with files.lock(path):
            pass
    except files.InUse:
        return
    raise BadInput(f"no training is running in {path}. {start}")
