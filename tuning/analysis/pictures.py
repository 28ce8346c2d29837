"""The pictures of a search. Each brings its own white paper, to be read on a dark page too."""

from tuning.analysis import curves, interaction, shares, slices
from tuning.pictures import paper


def learning_curves(found):
    """All learning curves, coloured by score."""
    figure = paper(9, 5.5)
    curves.draw(figure, figure.subplots(), found)
    return figure


def importance(found):
    """Importance of each hyperparameter, with its uncertainty, beside its priority."""
    figure = paper(9, shares.height(found))
    shares.draw(figure, figure.subplots(), found)
    return figure


def score_slices(found):
    """Scores by each hyperparameter, on its own scale."""
    panels = max(1, len(slices.names_of(found)))
    figure = paper(3.9 * min(3, panels) + 1.2, 3.1 * -(-panels // 3) + 0.6)
    slices.draw(figure, found)
    return figure


def two_together(found):
    """Scores by the two most important hyperparameters together."""
    figure = paper(9, 7)
    interaction.draw(figure, found)
    return figure


def overview(found):
    """Learning curves and importance on one page."""
    figure = paper(14, max(5.0, shares.height(found)))
    left, right = figure.subfigures(1, 2, width_ratios=(1.05, 1))
    curves.draw(left, left.subplots(), found)
    shares.draw(right, right.subplots(), found)
    return figure
