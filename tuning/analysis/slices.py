"""Scores by each hyperparameter."""

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.ticker import MaxNLocator
from scipy.stats import rankdata

from tuning.analysis import scores
from tuning.analysis.axis import axis_of

MOST = 12
LATER_IS_DARKER = ListedColormap(np.linspace((0.75, 0.85, 0.95), (0.03, 0.19, 0.42), 64))


def draw(figure, found):
    """Draws a panel for each hyperparameter, the most important first.

    Args:
        figure: Matplotlib figure without axes.
        found: `Found`.
    """
    names = names_of(found)
    if not names:
        scores.say(figure.subplots(), "no hyperparameter has two values and a score yet")
        return
    columns = min(3, len(names))
    panels = figure.subplots(-(-len(names) // columns), columns, sharey=True, squeeze=False)
    ends = scores.limits([trial.score for trial in found.scored])
    order = ScalarMappable(Normalize(1, max(2, len(found.trials))), LATER_IS_DARKER)
    for number, panel in enumerate(panels.flat):
        if number >= len(names):
            panel.axis("off")
            continue
        _draw_panel(panel, axis_of(found, names[number]), found, ends, order)
    figure.supylabel(scores.label(found), fontsize="medium")
    whole = MaxNLocator(integer=True)
    bar = figure.colorbar(order, ax=panels, fraction=0.03, pad=0.01, ticks=whole)
    bar.set_label("number of the trial")
    scores.add_legend(figure, panels[0, 0])


def names_of(found):
    """The hyperparameters that slices show, the most important first."""
    if not found.scored:
        return []
    ranked = [each.name for each in found.importances()]
    return [*ranked, *(name for name in found.varied() if name not in ranked)][:MOST]


def _draw_panel(panel, axis, found, ends, order):
    values, places = scores.of_trials(found), axis.spread_places()
    colours = order.to_rgba(np.arange(1, len(values) + 1))
    small = {"s": 20 if len(values) <= 200 else 8, "linewidths": 0.3, "edgecolors": "0.3"}
    inside = (values >= ends[0]) & (values <= ends[1])
    panel.scatter(places[inside], values[inside], c=colours[inside], **small)
    _draw_at_the_edge(panel, places, values, ends, found)
    groups, medians = _medians(axis, values)
    if len(groups) > 1:
        panel.plot(groups, medians, "-k", linewidth=1.5, label="median of neighbours")
    scores.draw_best(panel, places, values, found)
    axis.draw(panel.xaxis)
    panel.set(ylim=ends)
    panel.grid(alpha=0.3)


def _draw_at_the_edge(panel, places, values, ends, found):
    """Draws trials that are far from all others, and those without a score."""
    edge = {"transform": panel.get_xaxis_transform(), "color": "0.45", "linestyle": ""}
    far = (values < ends[0]) | (values > ends[1])
    low = found.direction == "max"
    if far.any():
        place, marker = (0.02, "v") if low else (0.98, "^")
        label = f"far {'below' if low else 'above'}: {far.sum()}"
        heights = np.full(far.sum(), place)
        panel.plot(places[far], heights, marker=marker, markersize=5, label=label, **edge)
    failed = np.isnan(values)
    if failed.any():
        heights = np.full(failed.sum(), 0.07 if low else 0.93)
        label = f"without a score: {failed.sum()}"
        panel.plot(places[failed], heights, marker="x", markersize=4, label=label, **edge)


def _medians(axis, values):
    """Place and median score of groups of trials with like values."""
    known = np.isfinite(axis.places) & np.isfinite(values)
    if known.sum() < 16:
        return [], []
    places, values = axis.places[known], values[known]
    number = round(len(places) ** (1 / 3)) + 2
    distinct, groups = np.unique(places, return_inverse=True)
    if len(distinct) > number:
        groups = (rankdata(places, method="min") - 1) * number // len(places)
    members = [groups == group for group in np.unique(groups)]
    return [places[m].mean() for m in members], [np.median(values[m]) for m in members]
