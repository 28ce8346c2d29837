"""Figures as pixels and as files, whatever letters are in them."""

import contextlib
import warnings

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def paper(width, height):
    """An empty figure with its own white paper, to be read on a dark page too.

    Args:
        width: Inches.
        height: Inches.
    """
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def pixels(figure):
    """Draws a figure: `(height, width, 4)`, uint8."""
    canvas = FigureCanvasAgg(figure)
    with missing_letters_allowed():
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def save(figure, path):
    """Writes a figure as PNG."""
    with missing_letters_allowed():
        figure.savefig(path, dpi=120)


@contextlib.contextmanager
def missing_letters_allowed():
    """Matplotlib's own font lacks many scripts; it draws boxes for them, and warns of each."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield
