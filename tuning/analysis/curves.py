"""All learning curves of a search in one picture."""

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.ticker import MaxNLocator

from tuning.analysis import scores
from tuning.pictures import plain_numbers


def draw(figure, axes, found):
    """Draws the objective by epoch, a line for each trial, coloured by score, the best on top.

    Args:
        figure: Figure or subfigure of the axes.
        axes: Matplotlib axes.
        found: `Found`.
    """
    ranked = found.scored[::-1]
    without = [trial for trial in found.trials if trial.score is None]
    lines = {trial.trial: _line(found, trial.trial) for trial in [*without, *ranked]}
    lines = {trial: line for trial, line in lines.items() if len(line)}
    if not lines:
        scores.say(axes, "no trial has a curve yet")
        return
    good = [trial for trial in ranked if trial.trial in lines]
    width = 1.5 if len(lines) <= 60 else 0.6
    bad = [lines[trial.trial] for trial in without if trial.trial in lines]
    _add(axes, bad, width, colors=scores.GREY, label=f"without a score: {len(bad)}")
    if good:
        colours = scores.colours(found)
        rgba = colours.to_rgba([trial.score for trial in good])
        _add(axes, [lines[trial.trial] for trial in good], width, colors=rgba)
        _add(
            *(axes, [lines[good[-1].trial]], 2.5),
            colors=scores.BEST,
            label=f"best: trial {good[-1].trial}",
        )
        scores.add_bar(figure, axes, colours, found)
    axes.autoscale()
    scores.add_legend(figure, axes)
    _label(axes, found, np.concatenate(list(lines.values()))[:, 1], len(lines))


def _line(found, trial):
    """`(epochs, 2)`: the finite points of a trial's curve."""
    points = [(row["epoch"], row.get(found.objective)) for row in found.curves.get(trial, ())]
    return np.array([point for point in points if point[1] is not None], float).reshape(-1, 2)


def _add(axes, lines, width, colors, label=None):
    """Draws lines; a line of one point as a dot."""
    if not lines:
        return
    axes.add_collection(LineCollection(lines, linewidths=width, colors=colors, label=label))
    for line, colour in zip(lines, _each(colors, len(lines)), strict=True):
        if len(line) == 1:
            axes.plot(*line[0], "o", color=colour, markersize=3 + width)


def _each(colours, number):
    return colours if isinstance(colours, np.ndarray) else [colours] * number


def _label(axes, found, values, number):
    axes.set(xlabel="epoch", ylabel=scores.label(found), title=f"{number:,} learning curves")
    if scores.spans_decades(values) and found.direction == "min":
        axes.set_yscale("log")
        plain_numbers(axes.yaxis)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
