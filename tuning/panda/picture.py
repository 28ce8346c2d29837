"""The course of a watched training: its loss day by day, and every change that was made to it."""

import textwrap

import numpy as np

from tuning.panda.journal import ADVICE, FORK, GUARD, PERSON, RANGE_TEST
from tuning.pictures import paper, plain_numbers

COLOURS = {
    PERSON: "tab:blue",
    GUARD: "tab:red",
    ADVICE: "tab:green",
    RANGE_TEST: "tab:purple",
    FORK: "tab:orange",
}
MOST_LISTED = 16
WIDTH_OF_A_LINE = 160


def figure(outcome):
    """Draws a training.

    Args:
        outcome: `Outcome`.

    Returns:
        A `matplotlib.figure.Figure`: the loss of all steps, those that were undone grey, and of the
        validation part, on a logarithmic scale; below the accuracy; each intervention a numbered
        line, told beneath.
    """
    changes = [entry for entry in outcome.entries if entry.by in COLOURS]
    told = _told(changes)
    height = 0.165 * told.count("\n") + 0.4
    page = paper(12, 6.4 + height)
    top, bottom = page.subfigures(2, 1, height_ratios=(6.4, height))
    loss, accuracy = top.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    _draw_loss(loss, outcome)
    _draw_accuracy(accuracy, outcome)
    for entry in changes:
        for axes in (loss, accuracy):
            axes.axvline(entry.step, color=COLOURS[entry.by], linewidth=0.9, alpha=0.7)
    _number(loss, changes)
    bottom.text(0.012, 0.98, told, va="top", fontsize=7.5, family="monospace")
    return page


def undone(entries, last):
    """Which steps were undone by going back.

    Args:
        entries: List of `Entry`.
        last: Last step.

    Returns:
        Booleans, `(last + 1,)`: whether step i led nowhere.
    """
    is_undone = np.zeros(last + 1, bool)
    for entry in entries:
        if entry.back_to is not None:
            is_undone[entry.back_to + 1 : entry.step + 1] = True
    return is_undone


def _draw_loss(axes, outcome):
    steps, losses = np.array(outcome.curve.steps), np.array(outcome.curve.losses)
    losses[~np.isfinite(losses)] = np.nan
    if len(steps):
        is_undone = undone(outcome.entries, steps[-1])[steps]
        kept, lost = np.where(is_undone, np.nan, losses), np.where(is_undone, losses, np.nan)
        axes.plot(steps, lost, color="0.7", linewidth=1, label="undone")
        axes.plot(steps, kept, color="tab:blue", linewidth=0.7, alpha=0.45, label="each step")
    _draw_days(axes, outcome, "loss", "training, day by day")
    _draw_days(axes, outcome, "val_loss", "validation")
    axes.set(ylabel="loss", yscale="log", title=f"What happened to this training: {outcome.reason}")
    values = [day[name] for day in outcome.days for name in ("loss", "val_loss") if name in day]
    if lowest := min((value for value in values if value > 0), default=None):
        axes.set_ylim(bottom=lowest / 3)  # single steps reach far below
    plain_numbers(axes.yaxis)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left")


def _draw_accuracy(axes, outcome):
    _draw_days(axes, outcome, "accuracy", "training")
    _draw_days(axes, outcome, "val_accuracy", "validation")
    axes.set(ylabel="accuracy at each day's end", xlabel="step (a day is an epoch)")
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend(loc="lower right")


def _draw_days(axes, outcome, name, label):
    """Draws one number of each day, those undone pale; a line ends where the training went back."""
    colour = "tab:orange" if label == "validation" else "tab:blue"
    days = [day for day in outcome.days if name in day]
    is_undone = undone(outcome.entries, max((day["step"] for day in days), default=0))
    returns = [entry.step for entry in outcome.entries if entry.back_to is not None]
    for kept in (False, True):
        steps, values = [], []
        for day in days:
            if any(last <= at < day["step"] for at in returns for last in steps[-1:]):
                steps, values = [*steps, np.nan], [*values, np.nan]
            if is_undone[day["step"]] != kept:
                steps, values = [*steps, day["step"]], [*values, day[name]]
        style = {"alpha": 1.0, "label": label} if kept else {"alpha": 0.3}
        axes.plot(steps, values, color=colour, marker=".", linewidth=1.2, **style)


def _number(axes, changes):
    """Numbers the lines at the upper edge, on several levels where they are close."""
    left, right = axes.get_xlim()
    last_at = [-np.inf] * 4
    for number, entry in enumerate(changes, 1):
        place = (entry.step - left) / (right - left)
        level = next((i for i, at in enumerate(last_at) if place - at > 0.022), number % 4)
        last_at[level] = place
        axes.text(
            *(place, 0.97 - 0.065 * level, str(number)),
            transform=axes.transAxes,
            ha="center",
            va="top",
            fontsize=8,
            color="white",
            bbox={"boxstyle": "round,pad=0.15", "fc": COLOURS[entry.by], "ec": "none"},
        )


def _told(changes):
    """The interventions as text, a numbered line each, long ones wrapped."""
    lines = []
    for number, entry in enumerate(changes[:MOST_LISTED], 1):
        because = f": {entry.why}" if entry.why else ""
        text = f"step {entry.step}, epoch {entry.epoch}, {entry.by}: {entry.what}{because}"
        wrapped = textwrap.wrap(" ".join(text.split()), WIDTH_OF_A_LINE - 4)[:3]
        lines += [f"{number:>3} {wrapped[0]}", *(f"    {line}" for line in wrapped[1:])]
    more = len(changes) - MOST_LISTED
    lines += [f"    and {more} more in journal.jsonl"] if more > 0 else []
    return "\n".join(lines or ["    nobody changed anything"]).replace("$", r"\$")
