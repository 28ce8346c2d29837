"""1.8 The right scale samples more densely where the result is more sensitive.

Half of the draws of a learning rate on a linear scale lie above the middle of its range, where
twice as much changes little; on a logarithmic scale each factor has its share. For momenta near 1
the logarithm of 1 - beta does the same.

You will see the loss of trained networks by learning rate and by momentum, drawn on a linear and on
the right scale. Measured is the best loss of four draws on the linear scale less that of four on
the right one, which should be no less than 0. It need not be where the best values lie at the end
that a linear scale prefers, as Momentum's learning rates with batch norm do.

    python -m recipes.claims.right_scale

Takes half a minute on two cores. Source: Ng (2017), "Improving Deep Neural Networks", week 3.
"""

import dataclasses

import numpy as np

from recipes.ingredients.claims import (
    Check,
    Expected,
    conduct,
    drawn,
    flat_examples,
    losses_of,
    mean_of,
)
from recipes.ingredients.command_line import run
from recipes.ingredients.data import DataSettings
from recipes.ingredients.errors import refuse_below
from recipes.ingredients.run_directory import RunSettings
from tuning import Linear, Logarithmic, LogarithmicComplement
from tuning.pictures import paper

RANGES = {"learning_rate": (1e-4, 1.0), "sgd_momentum": (0.9, 0.999)}
KINDS = {
    "learning rate of momentum": ("learning_rate", {"optimizer": "momentum"}),
    "learning rate of adam": ("learning_rate", {"optimizer": "adam"}),
    "momentum": ("sgd_momentum", {"optimizer": "momentum", "learning_rate": 0.01}),
}
"""What is tuned alone, and what it is tuned in."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Compares networks of a few draws on linear scales and on the right ones."""

    where: RunSettings = RunSettings()
    dataset: DataSettings = DataSettings(validation_share=0.2)
    few: int = 4
    """Draws of which the best counts, 1 or more."""
    seeds: int = 32
    """How often so few are drawn on each scale, 2 or more."""
    epochs: int = 3
    """Epochs of each training, 1 or more."""
    hidden_units: int = 32
    """Units of the hidden layer, 1 or more."""

    def __post_init__(self):
        """Refuses values outside their range."""
        refuse_below(self, few=1, seeds=2, epochs=1, hidden_units=1)


def main(settings):
    """Measures, judges and draws: a `recipes.ingredients.claims.Result`."""
    return conduct(__file__, settings, measure, judge, draw)


def measure(settings, logarithmic=Logarithmic, complement=LogarithmicComplement):
    """Draws on the scales and trains what was drawn.

    Args:
        settings: `Settings`.
        logarithmic: The scale of learning rates that is right. Default `Logarithmic`.
        complement: The scale of momenta that is right. Default `LogarithmicComplement`.

    Returns:
        `{kind: {"linear", "right": (values, losses)}}`, both of shape `(seeds, few)`.
    """
    right = {"learning_rate": logarithmic, "sgd_momentum": complement}
    found = {}
    for kind, (name, fixed) in KINDS.items():
        ends = RANGES[name]
        scales = {"linear": Linear(*ends), "right": right[name](*ends)}
        found[kind] = tried(settings, name, fixed, scales)
    return found


def tried(settings, name, fixed, scales):
    """Values drawn on each scale, and their losses: all trained side by side."""
    shape = settings.seeds, settings.few
    values = {which: drawn(s, settings.seeds * settings.few, 1) for which, s in scales.items()}
    model = {"hidden_layers": 1, "hidden_units": settings.hidden_units, **fixed}
    trials = [{name: float(value)} for each in values.values() for value in each]
    losses = losses_of(flat_examples(settings.dataset), model, trials, settings.epochs)
    parts = zip(values.values(), np.split(losses, len(values)), strict=True)
    return {
        which: (each.reshape(shape), part.reshape(shape))
        for which, (each, part) in zip(values, parts, strict=True)
    }


def judge(found):
    """The best of a few draws, seed by seed."""
    return [
        Check(
            "1.8",
            "best loss of a few draws: linear scale less right scale",
            tuple(
                mean_of(both["linear"][1].min(1) - both["right"][1].min(1), kind)
                for kind, both in found.items()
            ),
            Expected("draws lie where the result is sensitive", low=0.0),
            "nats",
        )
    ]


def draw(found):
    """What was tried on each scale, and what it came to."""
    figure = paper(13, 4.2)
    for axes, (kind, both) in zip(figure.subplots(1, len(found)), found.items(), strict=True):
        draw_tried(axes, kind, both)
    return figure


def draw_tried(axes, kind, both):
    """Draws the loss of each value that was tried; the best of few, on average, as a line."""
    name = KINDS[kind][0]
    for number, (which, (values, losses)) in enumerate(both.items()):
        across = 1 - values if name == "sgd_momentum" else values
        axes.plot(across.ravel(), losses.ravel(), ".", color=f"C{number}", alpha=0.5)
        mean = losses.min(1).mean()
        label = f"{which} scale: best of {losses.shape[1]} {mean:.3f} nats"
        axes.axhline(mean, color=f"C{number}", label=label)
    axes.set(xscale="log", yscale="log", ylabel="validation loss [nats]")
    axes.set(xlabel="1 - beta" if name == "sgd_momentum" else "learning rate")
    axes.set_title(kind, fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)


if __name__ == "__main__":
    run(main, Settings)
