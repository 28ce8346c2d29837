"""Where a hyperparameter's values lie in a picture: from 0 to 1 on its own scale."""

import dataclasses
import math

import numpy as np
from matplotlib.ticker import MaxNLocator

from tuning.analysis.found import is_number
from tuning.scales import Linear, Logarithmic, LogarithmicComplement

SCALES = {
    "linear": Linear,
    "logarithmic": Logarithmic,
    "logarithmic complement": LogarithmicComplement,
}
MOST_TICKS = 5
MOST_LETTERS, LONGEST = 14, 26
MARGIN = 0.08
BESIDE = 0.2
"""How far beside the scale a value lies that is outside its range, a default perhaps."""


@dataclasses.dataclass(frozen=True)
class Axis:
    """The axis of one hyperparameter."""

    label: str
    """Its name, and its scale if that is not linear."""
    places: np.ndarray
    """Place of each trial's value, mostly from 0 to 1; NaN where it has none."""
    ticks: list
    """Pairs of a place and a text."""
    room: float
    """Width in which trials that share a value can be spread; 0 where values are continuous."""

    def spread_places(self):
        """The places, those of trials that share a value a little beside one another."""
        golden = np.arange(len(self.places)) * 0.618034 % 1  # even, and the same in every picture
        return self.places + self.room * (golden - 0.5)

    def draw(self, axis):
        """Labels a matplotlib axis, `axes.xaxis` or `axes.yaxis`."""
        step = math.ceil(len(self.ticks) / (2 * MOST_TICKS))
        shown = self.ticks[::step]
        turned = axis.axis_name == "x" and sum(len(text) + 2 for _, text in shown) > 30
        axis.set_ticks([place for place, _ in shown], [text for _, text in shown])
        if turned:
            axis.set_tick_params(labelrotation=90)
        axis.set_label_text(self.label)
        ends = min(0, np.nanmin(self.places)) - MARGIN, max(1, np.nanmax(self.places)) + MARGIN
        axis.set_view_interval(*ends, ignore=True)


def axis_of(found, name):
    """The axis of a hyperparameter for the trials of a search.

    Args:
        found: `Found`.
        name: The hyperparameter's own name.
    """
    about, column = found.hyperparameters.get(name, {}), found.column(name)
    scale = _scale(about, column)
    if scale is None:
        return _listed(name, about, [trial.values.get(name) for trial in found.trials])
    inside = (column >= scale.low) & (column <= scale.high)
    places = np.where(column < scale.low, -BESIDE, 1 + BESIDE)
    places[inside] = scale.to_unit(column[inside])
    places[np.isnan(column)] = math.nan
    ticks = [(float(scale.to_unit(v)), f"{v:.10g}") for v in _round(scale, about.get("kind"))]
    ticks = [*_outside(column[column < scale.low], -BESIDE), *ticks]
    ticks += _outside(column[column > scale.high], 1 + BESIDE)
    named = next(text for text, kind in SCALES.items() if type(scale) is kind)
    is_whole = about.get("kind") == "int" and named == "linear"
    room = _room(1 / (scale.high - scale.low)) if is_whole else 0.0
    label = shortened(name, LONGEST) + ("" if named == "linear" else f" ({named})")
    return Axis(label, places, ticks, room)


def _scale(about, column):
    """The declared scale, or one that fits the numbers; None for a list of values."""
    if column.dtype.kind != "f" or about.get("values"):
        return None
    kind, low, high = SCALES.get(str(about.get("scale"))), about.get("low"), about.get("high")
    if kind is None or not (is_number(low) and is_number(high)):
        numbers = np.unique(column[np.isfinite(column)])
        if len(numbers) <= MOST_TICKS:
            return None
        low, high = numbers[0], numbers[-1]
        kind = Logarithmic if low > 0 and high >= 100 * low else Linear
    try:
        return kind(low, high)
    except ValueError:  # search.json may say anything
        return None


def _listed(name, about, values):
    listed = about.get("values")
    known = [_text(value) for value in listed] if isinstance(listed, list) else []
    present = {v: None for v in values if v is not None}
    more = sorted(present, key=lambda v: (not is_number(v), v if is_number(v) else str(v)))
    texts = list(dict.fromkeys([*known, *(_text(v) for v in more)]))
    spacing = 1 / max(len(texts) - 1, 1)
    place = {text: number * spacing if len(texts) > 1 else 0.5 for number, text in enumerate(texts)}
    places = np.array([math.nan if v is None else place[_text(v)] for v in values])
    ticks = [(place[text], shortened(text)) for text in texts]
    return Axis(shortened(name, LONGEST), places, ticks, _room(spacing))


def _text(value):
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _round(scale, kind):
    """A few round numbers of a range, dense where the scale is."""
    if isinstance(scale, Linear):
        ticks = MaxNLocator(
            MOST_TICKS - 1, steps=(1, 2.5, 5, 10), integer=kind == "int"
        ).tick_values(scale.low, scale.high)
        return [tick for tick in ticks if scale.contains(tick)]
    to_number = (lambda x: 1 - x) if isinstance(scale, LogarithmicComplement) else (lambda x: x)
    ends = sorted((to_number(scale.low), to_number(scale.high)))
    decades = range(math.floor(math.log10(ends[0])), math.ceil(math.log10(ends[1])) + 1)
    for digits in ((1,), (1, 3), (1, 2, 5)):
        numbers = [digit * 10.0**decade for decade in decades for digit in digits]
        ticks = [n for n in numbers if ends[0] * 0.999999 <= n <= ends[1] * 1.000001]
        if len(ticks) > 2:
            break
    else:
        ticks = ends
    step = math.ceil(len(ticks) / MOST_TICKS)
    return [scale.nearest(to_number(tick)) for tick in ticks[::step]]


def _room(spacing):
    return min(0.25 * spacing, MARGIN)


def _outside(values, place):
    distinct = np.unique(values)
    if not len(distinct):
        return []
    return [(place, f"{distinct[0]:.3g}" if len(distinct) == 1 else "beyond")]


def shortened(text, most=MOST_LETTERS):
    """A text that fits beside others, and in which matplotlib reads no mathematics."""
    text = " ".join(text.split())
    text = text if len(text) <= most else f"{text[: most - 1]}…"
    return text.replace("$", r"\$")
