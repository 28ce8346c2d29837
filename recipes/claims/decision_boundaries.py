"""3.5 Without hidden layers boundaries between classes are lines; with hidden layers they bend.

Where two classes are equally probable, (w_i - w_j) x + b_i - b_j = 0: a line. A hidden layer bends
the plane first, so that a line behind it is a curve in front of it.

You will see 3 to 6 classes as the arms of a spiral, and which class a softmax gives each place:
without hidden layers, and with two of 32 ReLUs. Measured is how far the boundary between two
classes strays from the line that fits it best, root mean square, in units of the picture's width:
the largest without hidden layers, the mean of all pairs of classes with them. Expected are zero
without, up to rounding; and a hundredth at least with them, which the eye sees.

    python -m recipes.claims.decision_boundaries

Takes 20 seconds on two cores. Source: Bishop (2006), "Pattern Recognition and Machine Learning",
section 4.1.2.
"""

import dataclasses
import itertools

import keras
import numpy as np

from layers import SoftmaxCrossEntropy, SoftmaxHead
from recipes.ingredients.claims import (
    Check,
    Expected,
    SideBySide,
    conduct,
    mean_of,
    seeded,
    worst_of,
)
from recipes.ingredients.command_line import run
from recipes.ingredients.errors import refuse_below
from recipes.ingredients.run_directory import RunSettings
from tuning.pictures import paper

EDGE = 1.1
GRID = np.linspace(-EDGE, EDGE, 121)
PLACES = np.stack(np.meshgrid(GRID, GRID), -1).reshape(-1, 2).astype("float32")


@dataclasses.dataclass(frozen=True)
class Settings:
    """Draws the boundaries between classes, without and with hidden layers."""

    where: RunSettings = RunSettings()
    classes: tuple[int, ...] = (3, 4, 5, 6)
    """How many classes, each 2 or more."""
    examples: int = 150
    """Examples of each class, 1 or more."""
    steps: int = 600
    """Mini-batches of each training, 1 or more."""
    seeds: int = 4
    """Networks of each kind, 2 or more."""

    def __post_init__(self):
        """Refuses values outside their range."""
        refuse_below(self, examples=1, steps=1, seeds=2)


def main(settings):
    """Measures, judges and draws: a `recipes.ingredients.claims.Result`."""
    return conduct(__file__, settings, measure, judge, draw)


def straight(features):
    """No hidden layer."""
    return features


def bent(features):
    """Two hidden layers of 32 ReLUs."""
    for _ in range(2):
        features = keras.layers.Dense(32, activation="relu")(features)
    return features


def measure(settings, straight=straight, bent=bent):
    """Trains both kinds for each number of classes.

    Args:
        settings: `Settings`.
        straight: Hidden layers of those that should have none. Default `straight`.
        bent: Hidden layers of those that should have some. Default `bent`.

    Returns:
        `{classes: {"examples": (x, labels), "straight", "bent": (seeds, rows, columns, C)}}`:
        logits on the grid.
    """
    found = {}
    for classes in settings.classes:
        x, labels = spiral(classes, settings.examples)
        found[classes] = {"examples": (x, labels)}
        for name, hidden in (("straight", straight), ("bent", bent)):
            models = [seeded(n, network, classes, hidden) for n in range(settings.seeds)]
            for _ in SideBySide(x, labels).watch(models, 1, settings.steps):
                found[classes][name] = np.array([logits(model) for model in models])
    return found


def spiral(classes, examples):
    """Points on the arms of a spiral, an arm for each class, a little scattered."""
    draw = np.random.default_rng(classes)
    labels = np.repeat(np.arange(classes), examples)
    radius = draw.uniform(0.1, 1, len(labels))
    angle = 2 * np.pi * (labels / classes + 0.6 * radius) + draw.normal(0, 0.12, len(labels))
    x = radius[:, np.newaxis] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return x.astype("float32"), labels


def network(classes, hidden):
    """Softmax of what the hidden layers make of a place."""
    inputs = keras.Input((2,))
    model = keras.Model(inputs, SoftmaxHead(classes)(hidden(inputs)))
    model.compile(keras.optimizers.Adam(0.02), SoftmaxCrossEntropy())
    return model


def logits(model):
    """The logits of each place of the grid, in float64: `(rows, columns, C)`."""
    head = model.layers[-1]
    features = keras.Model(model.inputs[0], head.input)(PLACES).numpy().astype("float64")
    found = features @ np.asarray(head.kernel, "float64") + np.asarray(head.bias, "float64")
    return found.reshape(len(GRID), len(GRID), -1)


def bends(logits):
    """How far the boundary of each pair of classes strays from its line, in widths."""
    strays = []
    for i, j in itertools.combinations(range(logits.shape[-1]), 2):
        points = boundary(logits, i, j)
        if len(points) > 10:
            centred = points - points.mean(0)
            smallest = np.linalg.svd(centred, compute_uv=False)[-1]
            strays.append(smallest / np.sqrt(len(points)) / (2 * EDGE))
    return strays or [np.nan]


def boundary(logits, i, j):
    """Places where classes i and j are equally probable and more so than the others: `(n, 2)`."""
    gap, top = logits[..., i] - logits[..., j], logits.argmax(-1)
    points = []
    for axis in (0, 1):
        one = [slice(None)] * 2
        other = [slice(None)] * 2
        one[axis], other[axis] = slice(None, -1), slice(1, None)
        one, other = tuple(one), tuple(other)
        pair = np.sort([top[one], top[other]], axis=0)
        rows, columns = np.nonzero((pair[0] == i) & (pair[1] == j))
        before, after = gap[one][rows, columns], gap[other][rows, columns]
        share = before / (before - after)  # linear in between, hence exact for a line
        place = np.stack([GRID[columns], GRID[rows]], 1)
        place[:, 1 - axis] += share * (GRID[1] - GRID[0])
        points.append(place)
    return np.concatenate(points)


def judge(found):
    """How far boundaries bend, for each number of classes."""

    def measured(kind, over_pairs, over_seeds):
        return tuple(
            over_seeds([over_pairs(bends(one)) for one in of[kind]], f"{classes} classes")
            for classes, of in found.items()
        )

    return [
        Check(
            "3.5",
            "without hidden layers boundaries stray from straight lines: largest, in widths",
            measured("straight", np.max, worst_of),
            Expected("differences of linear functions are linear", high=1e-5),
        ),
        Check(
            "3.5",
            "with two hidden layers boundaries stray from straight lines: mean, in widths",
            measured("bent", np.mean, mean_of),
            Expected("a hundredth or more, which the eye sees", low=0.01),
        ),
    ]


def draw(found):
    """Which class each place gets: above without, below with hidden layers."""
    figure = paper(3.1 * len(found), 6.4)
    panels = figure.subplots(2, len(found), squeeze=False)
    titles = {"straight": "no hidden layers", "bent": "two hidden layers"}
    for column, (classes, of) in zip(panels.T, found.items(), strict=True):
        x, labels = of["examples"]
        for axes, (kind, title) in zip(column, titles.items(), strict=True):
            choices = of[kind][0].argmax(-1)
            colours = {"cmap": "tab10", "vmin": 0, "vmax": 9}
            axes.imshow(choices, origin="lower", extent=(-EDGE, EDGE) * 2, alpha=0.4, **colours)
            axes.scatter(*x.T, c=labels, s=4, **colours)
            axes.set_title(f"{classes} classes, {title}", fontsize=10)
            axes.set(xticks=[], yticks=[])
    return figure


if __name__ == "__main__":
    run(main, Settings)
