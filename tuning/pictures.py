"""Figures as pixels and as files, whatever letters are in them."""

import contextlib
import warnings

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import imsave
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
    """Writes a figure as PNG, and returns its pixels: it is drawn once, which takes a second."""
    figure.set_dpi(120)
    drawn = pixels(figure)
    imsave(path, drawn)
    return drawn


def part_of(drawn, part):
    """The pixels of a part of a figure that was drawn, with its labels.

    Args:
        drawn: What `save` or `pixels` returned.
        part: A matplotlib `Axes` or `SubFigure` of the figure.

    Returns:
        `(height, width, 4)`, uint8.
    """
    box = part.bbox if isinstance(part, SubFigure) else part.get_tightbbox().padded(6)
    left, bottom = np.maximum(np.floor([box.x0, box.y0]).astype(int), 0)
    right, top = np.ceil([box.x1, box.y1]).astype(int)
    return drawn[max(len(drawn) - top, 0) : len(drawn) - bottom, left:right]


@contextlib.contextmanager
def missing_letters_allowed():
    """Matplotlib's own font lacks many scripts; it draws boxes for them, and warns of each."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield
