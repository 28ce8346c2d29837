"""How scores look in every picture: the better the darker; one absurd score hides no other."""

import math

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

GREY = "0.6"
BEST = "#d62728"


def label(found):
    """The objective in words."""
    words = found.objective.replace("val_", "validation ").replace("_", " ")
    return f"{words} [share of examples]" if words.endswith("accuracy") else words


def colours(found):
    """A mappable from scores to colours; those far below all others have the same one.

    Args:
        found: `Found` with at least one scored trial.
    """
    low, high = limits([trial.score for trial in found.scored], margin=0.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    name = "viridis_r" if found.direction == "max" else "viridis"
    return ScalarMappable(Normalize(low, high), name)


def add_bar(figure, axes, mappable, found):
    """Draws what the colours mean beside the axes."""
    beyond = "min" if found.direction == "max" else "max"
    bar = figure.colorbar(mappable, ax=axes, extend=beyond, fraction=0.05, pad=0.02)
    bar.set_label(f"score: {label(found)}")


def add_legend(figure, axes, handles=None):
    """Says below the axes what its named lines, dots and bars are, or these handles."""
    handles = handles or axes.get_legend_handles_labels()[0]
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def limits(scores, margin=0.05):
    """Ends of an axis that shows the scores, but for those far away from all others."""
    low, high = np.percentile(scores, (25, 75))
    reach = 3 * (high - low)
    inside = [s for s in scores if low - reach <= s <= high + reach]
    beyond = margin * (max(inside) - min(inside) or abs(inside[0]) or 1.0)
    return min(inside) - beyond, max(inside) + beyond


def spans_decades(values):
    """Whether numbers are better drawn on a logarithmic axis."""
    return min(values) > 0 and max(values) > 10 * min(values)


def say(axes, sentence):
    """Says why there is nothing to draw."""
    axes.axis("off")
    axes.text(0.5, 0.5, sentence, ha="center", va="center", wrap=True, transform=axes.transAxes)


def of_trials(found):
    """Score of each trial in order; NaN where there is none."""
    return np.array([math.nan if t.score is None else t.score for t in found.trials], float)


def draw_best(axes, across, up, found):
    """Marks the best trial with a star.

    Args:
        axes: Matplotlib axes.
        across: Horizontal place of each trial.
        up: Vertical place of each trial.
        found: `Found` with at least one scored trial.
    """
    best = found.scored[0]
    number = found.trials.index(best)
    star = {"color": BEST, "markeredgecolor": "white", "markersize": 14, "linestyle": ""}
    axes.plot(across[number], up[number], "*", label=f"best: trial {best.trial}", **star)
