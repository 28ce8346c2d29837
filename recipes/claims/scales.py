"""1.6, 1.7, 1.8 The right scale spends its draws where the result is sensitive.

Learning rates on [0.0001, 1]: a linear scale puts nine tenths of its draws in [0.1, 1], a
logarithmic one a quarter in each decade. Momenta on [0.9, 0.999]: an average remembers about
1 / (1 - beta) values, so that 0.9005 is like 0.9 but 0.9995 remembers twice as much as 0.999; the
logarithm of 1 - beta gives each decade of 1 - beta its half of the draws.

You will see draws on both scales, the memory of an average by beta, and the loss of trained
networks by learning rate and by momentum, with the best of a few draws on each scale. Measured are
shares of draws, against arithmetic; the memory, as the mean age of what is left of an impulse in
`layers.move_average`, where the newest value has age 1, against the sum of the geometric series;
and the best loss of four draws on the wrong scale less that of four on the right one, which should
be no less than 0.

    python -m recipes.claims.scales

Takes half a minute on two cores. Source: Ng (2017), "Improving Deep Neural Networks", week 3.
"""

import dataclasses

import keras_tuner
import numpy as np

from layers.moving_average import move_average
from recipes.ingredients.claims import (
    Check,
    Expected,
    conduct,
    flat_examples,
    losses_of,
    mean_of,
    share_of,
    worst_of,
)
from recipes.ingredients.command_line import run
from recipes.ingredients.data import DataSettings
from recipes.ingredients.errors import refuse_below
from recipes.ingredients.run_directory import RunSettings
from tuning import Linear, Logarithmic, LogarithmicComplement
from tuning.pictures import paper

RATES, MOMENTA = (1e-4, 1.0), (0.9, 0.999)
DECADES = [(1e-4, 1e-3), (1e-3, 1e-2), (1e-2, 1e-1), (1e-1, 1.0)]
BETAS = np.array([0.9, 0.9005, 0.99, 0.999, 0.9995])
KINDS = {
    "learning rate of momentum": ("learning_rate", {"optimizer": "momentum"}),
    "learning rate of adam": ("learning_rate", {"optimizer": "adam"}),
    "momentum": ("sgd_momentum", {"optimizer": "momentum", "learning_rate": 0.01}),
}
"""What is tuned alone, and what it is tuned in."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Compares linear scales with the right ones."""

    where: RunSettings = RunSettings()
    dataset: DataSettings = DataSettings(validation_share=0.2)
    draws: int = 20_000
    """Draws whose shares are counted, 1 or more."""
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
        refuse_below(self, draws=1, few=1, seeds=2, epochs=1, hidden_units=1)


def main(settings):
    """Measures, judges and draws: a `recipes.ingredients.claims.Result`."""
    return conduct(__file__, settings, measure, judge, draw)


def measure(settings, logarithmic=Logarithmic, complement=LogarithmicComplement, move=move_average):
    """Draws on the scales, sends an impulse through an average, and trains what was drawn.

    Args:
        settings: `Settings`.
        logarithmic: The scale of learning rates that is right. Default `Logarithmic`.
        complement: The scale of momenta that is right. Default `LogarithmicComplement`.
        move: One step of the moving average. Default `move_average`.

    Returns:
        `{"draws": {scale: (draws,)}, "responses": (steps, betas), "tried": {kind: {scale:
        (values, losses)}}}`, the last two of shape `(seeds, few)`.
    """
    scales = {
        "learning_rate": {"linear": Linear(*RATES), "right": logarithmic(*RATES)},
        "sgd_momentum": {"linear": Linear(*MOMENTA), "right": complement(*MOMENTA)},
    }
    return {
        "draws": {
            (name, which): drawn(scale, settings.draws, 0)
            for name, both in scales.items()
            for which, scale in both.items()
        },
        "responses": impulse_responses(move, BETAS),
        "tried": {
            kind: tried(settings, name, fixed, scales[name])
            for kind, (name, fixed) in KINDS.items()
        },
    }


def drawn(scale, count, seed):
    """Draws as a search does: declared on keras-tuner's hyperparameters, sampled, read back."""
    hp = keras_tuner.HyperParameters()
    scale.declare(hp, "value", scale.low)
    (only,) = hp.space
    generator, values = np.random.default_rng(seed), []
    for unit in generator.random(count):
        hp.values[only.name] = only.prob_to_value(unit)
        values.append(scale.read(hp, "value"))
    return np.array(values)


def impulse_responses(move, betas):
    """What is left of a 1 among zeros, step by step: `(steps, betas)`."""
    steps = int(30 / (1 - betas.max()))  # the rest is exp(-30)
    average, responses = np.zeros(len(betas)), []
    for step in range(steps):
        average = move(average, float(step == 0), 1 - betas)
        responses.append(average)
    return np.array(responses)


def memory(responses):
    """The mean age of what an average remembers, `(betas,)`; the newest value has age 1."""
    ages = np.arange(1, len(responses) + 1)
    return ages @ responses / responses.sum(0)


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
    """Shares and memories against arithmetic; scores seed by seed."""
    lengths = memory(found["responses"])
    return [
        *judge_shares(found["draws"]),
        Check(
            "1.7",
            "memory of an average: relative error of 1 / (1 - beta), betas 0.9 to 0.9995",
            worst_of(np.abs(lengths * (1 - BETAS) - 1)),
            Expected("the sum of the geometric series, up to rounding", high=1e-6),
        ),
        Check(
            "1.7",
            "memory at 0.9005 / memory at 0.9",
            worst_of(lengths[1] / lengths[0]),
            Expected("0.1 / 0.0995", 1.005, 1.0051),
        ),
        Check(
            "1.7",
            "memory at 0.9995 / memory at 0.999",
            worst_of(lengths[4] / lengths[3]),
            Expected("0.001 / 0.0005", 1.9999, 2.0001),
        ),
        Check(
            "1.8",
            "best loss of a few draws: linear scale less right scale",
            tuple(
                mean_of(both["linear"][1].min(1) - both["right"][1].min(1), kind)
                for kind, both in found["tried"].items()
            ),
            Expected("draws lie where the result is sensitive", low=0.0),
            "nats",
        ),
    ]


def judge_shares(draws):
    """Checks of where draws fall."""

    def share(name, which, low, high):
        values = draws[name, which]
        inside = np.count_nonzero((values >= low) & (values <= high))
        return share_of(inside, len(values), f"[{low:g}, {high:g}]")

    def about(why, share):
        return Expected(f"{why}, give or take the draws", share - 0.02, share + 0.02)

    rates = [share("learning_rate", "right", *decade) for decade in DECADES]
    return [
        Check(
            "1.6",
            "linear scale: share of learning rates in [0.1, 1]",
            share("learning_rate", "linear", *DECADES[-1]),
            about("0.9 / 0.9999", 0.9 / 0.9999),
        ),
        Check("1.6", "logarithmic scale: share in each decade", tuple(rates), about("1/4", 0.25)),
        Check(
            "1.7",
            "linear scale: share of momenta in [0.99, 0.999]",
            share("sgd_momentum", "linear", 0.99, 0.999),
            about("0.009 / 0.099", 1 / 11),
        ),
        Check(
            "1.7",
            "scale of log(1 - beta): share of momenta in [0.99, 0.999]",
            share("sgd_momentum", "right", 0.99, 0.999),
            about("one of two decades", 0.5),
        ),
    ]


def draw(found):
    """Draws on both scales, memories, and what was tried with what it came to."""
    figure = paper(13, 7.5)
    upper, lower = figure.subfigures(2, 1)
    rates, momenta, memories = upper.subplots(1, 3)
    for axes, name, change, label in (
        (rates, "learning_rate", np.log10, "log10 of the learning rate"),
        (momenta, "sgd_momentum", lambda beta: np.log10(1 - beta), "log10 of 1 - beta"),
    ):
        for which in ("linear", "right"):
            values = change(found["draws"][name, which])
            axes.hist(values, bins=40, density=True, alpha=0.6, label=f"{which} scale")
        axes.set(xlabel=label, ylabel="density of draws")
        axes.legend()
    for beta, response in zip(BETAS, found["responses"].T, strict=True):
        label = f"beta = {beta:g}: memory {memory(response[:, None])[0]:,.0f}"
        memories.plot(np.arange(1, len(response) + 1), response / response[0], label=label)
    memories.set(xscale="log", xlabel="age [values]", ylabel="what is left, relative")
    memories.set_title("What an average remembers", fontsize=10)
    memories.legend(fontsize=8)
    for axes, (kind, both) in zip(lower.subplots(1, 3), found["tried"].items(), strict=True):
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
