"""Importance of each hyperparameter beside the priority that it was given."""

from matplotlib.patches import Patch

from tuning.analysis import scores
from tuning.analysis.axis import shortened

MOST, LONGEST = 16, 32
PRIORITIES = {
    1: ("#d94801", "priority 1, first"),
    2: ("#fd8d3c", "priority 2"),
    3: ("#fdbe85", "priority 3"),
    4: ("#feedde", "priority 4, last"),
    None: ("0.75", "no priority"),
}


def draw(figure, axes, found):
    """Draws a bar for each hyperparameter, the most important on top, with its 90 % interval.

    Args:
        figure: Figure or subfigure of the axes.
        axes: Matplotlib axes.
        found: `Found`.
    """
    everything = found.importances()
    if not everything:
        scores.say(axes, "importance needs 4 trials and a hyperparameter that varies")
        return
    shown = everything[:MOST]
    for place, each in enumerate(shown):
        colour = PRIORITIES[found.priority(each.name)][0]
        axes.barh(place, each.share, color=colour, edgecolor="black", linewidth=0.5)
        axes.plot((each.low, each.high), (place, place), color="black", linewidth=1.2)
        axes.plot((each.low, each.high), (place, place), "|", color="black", markersize=8)
        axes.plot(each.share, place, "o", color=colour, markeredgecolor="black", markersize=9)
    axes.set_yticks(range(len(shown)), [shortened(each.name, LONGEST) for each in shown])
    axes.set(xlim=(-0.02, 1.02), ylim=(len(shown) - 0.4, -0.6))
    axes.set_xlabel("share of the variance of ranks, explained alone")
    of = "" if len(shown) == len(everything) else f", {MOST} of {len(everything)}"
    axes.set_title(f"Importance from {shown[0].trials:,} trials{of}, with 90 % intervals")
    axes.grid(axis="x", alpha=0.3)
    present = {found.priority(each.name) for each in shown}
    handles = [
        Patch(facecolor=colour, edgecolor="black", label=text)
        for priority, (colour, text) in PRIORITIES.items()
        if priority in present
    ]
    scores.add_legend(figure, axes, handles)


def height(found):
    """Inches that the bars need."""
    return 2.0 + 0.4 * max(3, min(MOST, len(found.varied())))
