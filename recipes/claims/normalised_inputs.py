"""2.1 Normalised inputs speed up learning, and normalised hidden values do so for deeper layers.

Inputs of zero mean and unit variance make the loss about as steep in each direction: one learning
rate suits them all. Batch norm does to hidden values what normalising does to inputs.

You will see how many mini-batches a network needs to a validation loss, by learning rate, from raw
inputs, from the same with each feature in another unit and counted from another origin, and from
normalised ones; then a deeper one, from normalised inputs, with and without batch norm. Each is
compared at its own best learning rate; a training that fails counts with all its mini-batches.
Expected is that normalising saves a tenth at least: LeCun et al. show why for gradient descent.
Adam gives each weight a step of its own and may need it less.

    python -m recipes.claims.normalised_inputs

Takes a minute on two cores. Source: LeCun, Bottou, Orr & Müller (1998), "Efficient BackProp",
section 4.3; Ioffe & Szegedy (2015), "Batch Normalization", section 2.
"""

import dataclasses
from functools import partial
from typing import Literal

import keras
import numpy as np

from layers import SoftmaxCrossEntropy
from recipes.ingredients.claims import (
    Check,
    Expected,
    RaceSettings,
    SideBySide,
    conduct,
    race,
    ratio_of,
    raw_examples,
)
from recipes.ingredients.command_line import run
from recipes.ingredients.data import DataSettings
from recipes.ingredients.errors import refuse_below
from recipes.ingredients.mlp import mlp
from recipes.ingredients.run_directory import RunSettings
from tuning.pictures import paper

OPTIMIZERS = {
    "momentum": lambda rate: keras.optimizers.SGD(rate, 0.9),
    "adam": keras.optimizers.Adam,
}
SHALLOW, DEEP = 2, 6
"""Hidden layers."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Compares raw, badly scaled and normalised inputs, and normalised hidden values."""

    where: RunSettings = RunSettings()
    dataset: DataSettings = DataSettings(validation_share=0.2)
    training: RaceSettings = RaceSettings()
    optimizers: tuple[Literal["momentum", "adam"], ...] = ("momentum", "adam")
    """How gradients become updates; each is a condition of its own."""
    hidden_units: int = 64
    """Units of each hidden layer, 1 or more."""
    rates: int = 9
    """Learning rates that are tried, 1 or more, from 4**-8 on, each four times the one before."""

    def __post_init__(self):
        """Refuses values outside their range."""
        refuse_below(self, hidden_units=1, rates=1)


def main(settings):
    """Measures, judges and draws: a `recipes.ingredients.claims.Result`."""
    return conduct(__file__, settings, measure, judge, draw)


def normalise(x, train):
    """Each feature with mean 0 and deviation 1 over the training part; constant ones with 0."""
    deviation = train.std(0)
    return (x - train.mean(0)) / np.where(deviation > 0, deviation, 1)


def rescale(x, train):
    """Each feature in another unit, 1/30 to 30 times as large, and from another origin."""
    draw = np.random.default_rng(0)
    unit = 10 ** draw.uniform(-1.5, 1.5, x.shape[1])
    return unit * (x - train.mean(0) + draw.uniform(-3, 3, x.shape[1]) * train.std(0))


def measure(settings, normalise=normalise, use_batch_norm=True):
    """Runs a race for each optimiser and each kind of input or network.

    Args:
        settings: `Settings`.
        normalise: Function from inputs and those of the training part to normalised ones.
        use_batch_norm: Whether the network that should have batch norm has it.

    Returns:
        `{kind: {optimiser: Race}}`.
    """
    parts = raw_examples(settings.dataset)
    kinds = {
        "raw inputs": (lambda x, _: x, SHALLOW, False),
        "badly scaled inputs": (rescale, SHALLOW, False),
        "normalised inputs": (normalise, SHALLOW, False),
        "deep, without batch norm": (normalise, DEEP, False),
        "deep, with batch norm": (normalise, DEEP, use_batch_norm),
    }
    return {kind: races(settings, parts, *which) for kind, which in kinds.items()}


def races(settings, parts, change, hidden_layers, use_batch_norm):
    """A race for each optimiser, from changed inputs."""
    train = parts["train"][0]
    x, validation = (
        (change(parts[part][0], train).astype("float32"), parts[part][1])
        for part in ("train", "validation")
    )
    together = SideBySide(*x, validation)
    classes = [str(number) for number in range(x[1].max() + 1)]

    def build(optimizer, rate):
        model = mlp(
            train.shape[1:],
            classes,
            hidden_units=settings.hidden_units,
            hidden_layers=hidden_layers,
            use_batch_norm=use_batch_norm,
        )
        model.compile(optimizer(rate), SoftmaxCrossEntropy())
        return model

    rates = 4.0 ** np.arange(-8, settings.rates - 8)
    return {
        name: race(together, partial(build, optimizer), rates, settings.training)
        for name, optimizer in OPTIMIZERS.items()
        if name in settings.optimizers
    }


def judge(found):
    """Ratios of mini-batches to the target, seed by seed."""
    tenth = Expected("normalising saves a tenth or more", low=1.1)
    pairs = {
        "raw inputs": "normalised inputs",
        "badly scaled inputs": "normalised inputs",
        "deep, without batch norm": "deep, with batch norm",
    }
    return [
        Check(
            "2.1",
            f"mini-batches to the target, best rates: {slow} / {fast}",
            tuple(
                ratio_of(found[slow][name].best_steps, found[fast][name].best_steps, name)
                for name in found[slow]
            ),
            tenth,
        )
        for slow, fast in pairs.items()
    ]


def draw(found):
    """Mini-batches to the target by learning rate: a panel for each optimiser and depth."""
    figure = paper(12, 7.5)
    optimizers = list(next(iter(found.values())))
    panels = figure.subplots(len(optimizers), 2, squeeze=False)
    colours = {kind: f"C{number}" for number, kind in enumerate(found)}
    for row, name in zip(panels, optimizers, strict=True):
        for kind, raced in found.items():
            axes = row[int(kind.startswith("deep"))]
            raced[name].draw_steps(axes, kind, colours[kind])
            axes.set(title=f"{name} (a cross: some seeds fail)")
            axes.grid(alpha=0.3)
            axes.legend()
    return figure


if __name__ == "__main__":
    run(main, Settings)
