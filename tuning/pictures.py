"""Figures as pixels and as files, whatever letters are in them."""

import contextlib
import warnings

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter


def paper(width, height):
    """An empty figure, in inches, on white paper of its own: it is read on dark pages too."""
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def plain_numbers(axis):
    """Writes 0.1 rather than a power on a logarithmic axis; of two decades also 0.2 and 0.5."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


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
