"""Scores by the two most important hyperparameters together."""

import numpy as np

from tuning.analysis import scores
from tuning.analysis.axis import axis_of

CELLS = 80
"""Of the ground, in each direction."""


def draw(figure, found):
    """Draws each trial where its two values are, on a ground of its neighbours' mean.

    Args:
        figure: Matplotlib figure without axes.
        found: `Found`.
    """
    names = [each.name for each in found.importances()][:2]
    axes = figure.subplots()
    if len(names) < 2 or len(found.scored) < 4:
        scores.say(axes, "the map needs 4 scored trials and two hyperparameters that vary")
        return
    across, up = (axis_of(found, name) for name in names)
    across.draw(axes.xaxis)
    up.draw(axes.yaxis)
    places = np.stack((across.spread_places(), up.spread_places()))
    values, colours = scores.of_trials(found), scores.colours(found)
    known = np.isfinite(values) & np.isfinite(places).all(0)
    ends = [*axes.get_xlim(), *axes.get_ylim()]
    look = {"cmap": colours.cmap, "norm": colours.norm}
    ground = _smoothed(places[:, known], values[known], ends)
    axes.imshow(ground, extent=ends, origin="lower", aspect="auto", alpha=0.8, **look)
    size = 34 if len(values) <= 200 else 14
    edges = {"edgecolors": "white", "linewidths": size / 50, "s": size}
    axes.scatter(*places[:, known], c=values[known], **edges, **look)
    failed = np.isnan(values)
    if failed.any():
        label = f"without a score: {failed.sum()}"
        axes.plot(*places[:, failed], "x", color="black", markersize=5, label=label)
    scores.draw_best(axes, *places, found)
    axes.set_title("The two most important together, on the mean score of what lies near")
    scores.add_bar(figure, axes, colours, found)
    scores.add_legend(figure, axes)


def _smoothed(places, values, ends):
    """`(CELLS, CELLS)`: mean of all values, weighted by a bell, narrower with more trials."""
    width = 0.25 * len(values) ** (-1 / 6)
    across, up = (np.linspace(*ends[i : i + 2], CELLS) for i in (0, 2))
    cells = np.stack(np.meshgrid(across, up), -1)
    distances = np.sum((cells[:, :, None] - places.T) ** 2, -1) / (2 * width**2)
    weights = np.exp(distances.min(-1, keepdims=True) - distances)
    return weights @ values / weights.sum(-1)
