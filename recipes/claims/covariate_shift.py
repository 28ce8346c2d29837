"""2.8 Covariate shift: seen from the third hidden layer, its inputs move; batch norm steadies them.

As earlier layers learn, the distribution of a later layer's inputs moves. Batch norm limits how
far, so that layers learn more independently and training is faster.

You will see the 15th, 50th and 85th percentile of what reaches a sigmoid of the third hidden layer
through training, with and without batch norm: Ioffe & Szegedy's figure 1, on digits. Measured are
the way that these percentiles travel, in units of the distribution's spread; the mini-batches to a
validation loss, each network at its own best learning rate; and the largest rate that gets there.
Expected are the paper's findings, each by a tenth at least: less would be of no use. Losses are
looked at every 30 mini-batches, by when batch norm is often there already, so that it may be faster
than it seems.

    python -m recipes.claims.covariate_shift

Takes a minute on two cores. Whether the steadiness is why training is faster is another question:
see `recipes.claims.random_shifts`. Source: Ioffe & Szegedy (2015), "Batch Normalization", figure 1
and section 3.3, https://arxiv.org/abs/1502.03167.
"""

import dataclasses
from functools import partial

import keras
import numpy as np

from layers import BatchNorm, SoftmaxCrossEntropy, SoftmaxHead
from recipes.ingredients.claims import (
    Check,
    Expected,
    RaceSettings,
    SideBySide,
    conduct,
    flat_examples,
    race,
    ratio_of,
    seeded,
)
from recipes.ingredients.command_line import run
from recipes.ingredients.data import DataSettings
from recipes.ingredients.errors import refuse_below
from recipes.ingredients.run_directory import RunSettings
from tuning.pictures import paper

PERCENTILES = 15, 50, 85
COLOURS = "tab:blue", "tab:orange", "tab:green"


@dataclasses.dataclass(frozen=True)
class Settings:
    """Compares sigmoid networks with and without batch norm."""

    where: RunSettings = RunSettings()
    dataset: DataSettings = DataSettings(validation_share=0.2)
    training: RaceSettings = RaceSettings(every=30)
    hidden_units: int = 100
    """Units of each of the three hidden layers, 1 or more."""
    rates: int = 12
    """Learning rates that are tried, 1 or more, from 1/4 on, each twice the one before."""

    def __post_init__(self):
        """Refuses values outside their range."""
        refuse_below(self, hidden_units=1, rates=1)


def main(settings):
    """Measures, judges and draws: a `recipes.ingredients.claims.Result`."""
    return conduct(__file__, settings, measure, judge, draw)


def batch_norm():
    """The layer that is on trial, before each sigmoid."""
    return BatchNorm(momentum=0.9, debias=True)


def network(features, classes, hidden_units, norm, rate):
    """Three hidden layers of sigmoids; `norm` makes the layer before each, or is None."""
    model = keras.Sequential([keras.Input((features,))])
    for _ in range(3):
        model.add(keras.layers.Dense(hidden_units, use_bias=norm is None))
        if norm is not None:
            model.add(norm())
        model.add(keras.layers.Activation("sigmoid"))
    model.add(SoftmaxHead(classes))
    model.compile(keras.optimizers.SGD(rate), SoftmaxCrossEntropy())
    return model


def measure(settings):
    """Trains networks with and without batch norm.

    Args:
        settings: `Settings`.

    Returns:
        `{"without", "with": (race, percentiles)}`, as `trained` returns them.
    """
    return {"without": trained(settings, None), "with": trained(settings, batch_norm)}


def trained(settings, norm):
    """Trains one kind of network: with all rates, then watched at the best one.

    Args:
        settings: `Settings`.
        norm: What `network` takes.

    Returns:
        `Race`, and percentiles `(seeds, 1 + looks, percentiles, units)` of what reaches the third
        hidden layer's sigmoids.
    """
    parts = flat_examples(settings.dataset)
    (x, labels), validation = parts["train"], parts["validation"]
    together = SideBySide(x, labels, validation)
    sizes = x.shape[1], labels.max() + 1, settings.hidden_units
    build = partial(network, *sizes, norm)
    found = race(together, build, 2.0 ** np.arange(-2, settings.rates - 2), settings.training)
    models = [seeded(n, build, found.best_rate) for n in range(settings.training.seeds)]
    return found, watched(together, models, x, settings.training)


def watched(together, models, x, settings):
    """Percentiles through training of what reaches the third hidden layer's sigmoids."""
    probes = [keras.Model(model.inputs[0], model.layers[-2].input) for model in models]

    def look():
        values = [probe(x, training=True).numpy() for probe in probes]
        return np.stack([np.percentile(value, PERCENTILES, axis=0) for value in values])

    looks = [look()]
    looks += [look() for _ in together.watch(models, settings.looks, settings.every)]
    return np.stack(looks, axis=1)


def travelled(percentiles):
    """The way of the percentiles over the mean spread, averaged over units: `(seeds,)`."""
    way = np.abs(np.diff(percentiles, axis=1)).sum(1).mean(1)
    spread = (percentiles[:, :, -1] - percentiles[:, :, 0]).mean(1)
    return (way / spread).mean(1)


def judge(found):
    """Ratios, seed by seed."""
    tenth = Expected("the paper's finding, by a tenth or more", low=1.1)
    (without, moved), (with_norm, steady) = found["without"], found["with"]
    said = {
        "way of the third hidden layer's inputs, without batch norm / with it": ratio_of(
            travelled(moved), travelled(steady)
        ),
        "mini-batches to the target, best rates, without batch norm / with it": ratio_of(
            without.best_steps, with_norm.best_steps
        ),
        "largest learning rate that works, with batch norm / without it": ratio_of(
            with_norm.largest_rates, without.largest_rates
        ),
    }
    return [Check("2.8", text, measured, tenth) for text, measured in said.items()]


def draw(found):
    """Percentiles of one unit of each kind, losses at the best rates, steps by rate."""
    figure = paper(12, 7.5)
    upper, lower = figure.subfigures(2, 1)
    draw_percentiles(upper, found)
    losses, steps = lower.subplots(1, 2)
    for (name, (raced, _)), colour in zip(found.items(), COLOURS, strict=False):
        raced.draw_losses(losses, f"{name} batch norm", colour)
        raced.draw_steps(steps, f"{name} batch norm", colour)
    losses.set_title("Each at its best learning rate")
    steps.set_title("How soon, and up to which rate (a cross: some seeds fail)")
    for axes in (losses, steps):
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def draw_percentiles(figure, found):
    """Draws percentiles through training of the first unit of each kind of network."""
    panels = figure.subplots(1, len(found))
    for axes, (name, (raced, percentiles)) in zip(panels, found.items(), strict=True):
        points = [0, *raced.points]
        for percentile, line in zip(PERCENTILES, percentiles[0, :, :, 0].T, strict=True):
            (drawn,) = axes.plot(points, line)
            end, colour = (points[-1], line[-1]), drawn.get_color()
            place = {"xytext": (4, -3), "textcoords": "offset points", "color": colour}
            axes.annotate(f"{percentile}th", end, **place)
        axes.margins(x=0.18)
        axes.set(xlabel="mini-batches", ylabel="input of a sigmoid, percentiles")
        axes.set_title(f"{name} batch norm: a unit of layer 3", fontsize=10)
        axes.grid(alpha=0.3)


if __name__ == "__main__":
    run(main, Settings)
