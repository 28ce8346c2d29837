"""2.4 With a sigmoid, gamma and beta let the units use more than its linear middle.

Mean 0 and variance 1 for ever would hold most of a unit's inputs where a sigmoid is almost a
straight line, and many such layers are hardly more than one. Gamma and beta, being learned, spread
and shift them to where it bends.

You will see what reaches the sigmoids of three hidden layers before and after training, with gamma
and beta learned and with both fixed at 1 and 0. Measured is the share of it outside the linear
middle: where the slope is less than half of its largest, |z| > ln(3 + sqrt(8)) = 1.76. Expected
is that learning makes it larger, by a tenth at least; with both fixed, Chebyshev's inequality
allows 1 / 1.76**2 = 32 % whatever the distribution, and a normal one has 7.8 %.

    python -m recipes.claims.linear_middle

Takes 15 seconds on two cores. Source: Ioffe & Szegedy (2015), "Batch Normalization", section 3.
"""

import dataclasses
from functools import partial

import keras
import numpy as np
from scipy import stats

from layers import BatchNorm
from recipes.claims.covariate_shift import network
from recipes.ingredients.claims import (
    Check,
    Expected,
    SideBySide,
    conduct,
    flat_examples,
    ratio_of,
    seeded,
    worst_of,
)
from recipes.ingredients.command_line import run
from recipes.ingredients.data import DataSettings
from recipes.ingredients.errors import refuse_below
from recipes.ingredients.run_directory import RunSettings
from tuning.pictures import paper

EDGE = np.log(3 + np.sqrt(8))
LAYERS = "first", "second", "third"


@dataclasses.dataclass(frozen=True)
class Settings:
    """Compares sigmoid networks with gamma and beta learned and fixed."""

    where: RunSettings = RunSettings()
    dataset: DataSettings = DataSettings()
    hidden_units: int = 100
    """Units of each of the three hidden layers, 1 or more."""
    steps: int = 600
    """Mini-batches of each training, 1 or more."""
    learning_rate: float = 1.0
    """Learning rate of gradient descent, above 0."""
    seeds: int = 5
    """Networks of each kind, 2 or more."""

    def __post_init__(self):
        """Refuses values outside their range."""
        refuse_below(self, hidden_units=1, steps=1, seeds=2, above_zero=["learning_rate"])


def main(settings):
    """Measures, judges and draws: a `recipes.ingredients.claims.Result`."""
    return conduct(__file__, settings, measure, judge, draw)


def learned():
    """Batch norm with gamma and beta."""
    return BatchNorm()


def fixed():
    """Batch norm without them."""
    return BatchNorm(scale=False, center=False)


def measure(settings, learned=learned, fixed=fixed):
    """Takes what reaches the sigmoids before and after training.

    Args:
        settings: `Settings`.
        learned: Makes batch norm with gamma and beta. Default `learned`.
        fixed: Makes batch norm without them. Default `fixed`.

    Returns:
        `{"learned", "fixed": (2, seeds, layers, examples, units)}`, before and after.
    """
    x, labels = flat_examples(settings.dataset)["train"]
    sizes = x.shape[1], labels.max() + 1, settings.hidden_units
    found = {}
    for name, norm in (("learned", learned), ("fixed", fixed)):
        build = partial(network, *sizes, norm, settings.learning_rate)
        models = [seeded(seed, build) for seed in range(settings.seeds)]
        before = np.array([inputs_of_sigmoids(model, x) for model in models])
        for _ in SideBySide(x, labels).watch(models, 1, settings.steps):
            found[name] = np.stack([before, [inputs_of_sigmoids(model, x) for model in models]])
    return found


def inputs_of_sigmoids(model, x):
    """What reaches each layer of sigmoids: `(layers, examples, units)`."""
    sigmoids = [layer for layer in model.layers if isinstance(layer, keras.layers.Activation)]
    probe = keras.Model(model.inputs[0], [layer.input for layer in sigmoids])
    return np.array([values.numpy() for values in probe(x, training=True)])


def judge(found):
    """Shares outside the linear middle, seed by seed and layer by layer."""
    outside = {name: (np.abs(z) > EDGE).mean((-2, -1)) for name, z in found.items()}
    before, after = outside["learned"]
    grown = tuple(
        ratio_of(after[:, number], before[:, number], f"{name} hidden layer")
        for number, name in enumerate(LAYERS)
    )
    return [
        Check(
            "2.4",
            "share of the sigmoids' inputs outside the linear middle, gamma and beta learned:"
            " after / before training",
            grown,
            Expected("gamma and beta spread and shift them, by a tenth or more", low=1.1),
        ),
        Check(
            "2.4",
            "the same share with gamma = 1, beta = 0 after training: largest of all layers",
            worst_of(outside["fixed"][1]),
            Expected("Chebyshev's inequality", high=1 / EDGE**2),
        ),
    ]


def draw(found):
    """The distribution of what reaches the sigmoids of each layer."""
    figure = paper(13, 4.2)
    edges = np.linspace(-6, 6, 121)
    normal = stats.norm.pdf(edges)
    for panel, (number, name) in zip(figure.subplots(1, 3), enumerate(LAYERS), strict=True):
        panel.axvspan(-EDGE, EDGE, color="0.92", label="the linear middle")
        panel.plot(edges, normal, ":", color="black", label="normal distribution")
        for kind, (_, after) in found.items():
            values = np.clip(after[:, number].ravel(), -6, 6)
            panel.hist(values, edges, density=True, histtype="step", label=f"{kind}, after")
        panel.set(title=f"{name} hidden layer", xlabel="input of a sigmoid", ylabel="density")
        panel.grid(alpha=0.3)
    figure.axes[0].legend(fontsize=8)
    return figure


if __name__ == "__main__":
    run(main, Settings)
