"""1.6, 1.7 The right scale gives each decade its share, of learning rates and of 1 - momentum.

Learning rates on [0.0001, 1]: a linear scale puts nine tenths of its draws in [0.1, 1], a
logarithmic one a quarter in each decade. Momenta on [0.9, 0.999]: an average remembers about
1 / (1 - beta) values, so that 0.9005 is like 0.9 but 0.9995 remembers twice as much as 0.999; the
logarithm of 1 - beta gives each decade of 1 - beta its half of the draws.

You will see draws on both scales, and the memory of an average by beta. Measured are shares of
draws, against arithmetic; and the memory, as the mean age of what is left of an impulse in
`layers.move_average`, where the newest value has age 1, against the sum of the geometric series.

    python -m recipes.claims.scales

Takes a few seconds. Source: Ng (2017), "Improving Deep Neural Networks", week 3. What the right
scale is good for: `recipes.claims.right_scale`.
"""

import dataclasses

import numpy as np

from layers.moving_average import move_average
from recipes.ingredients.claims import (
    Check,
    Expected,
    conduct,
    drawn,
    share_of,
    worst_of,
)
from recipes.ingredients.command_line import run
from recipes.ingredients.errors import refuse_below
from recipes.ingredients.run_directory import RunSettings
from tuning import Linear, Logarithmic, LogarithmicComplement
from tuning.pictures import paper

RATES, MOMENTA = (1e-4, 1.0), (0.9, 0.999)
DECADES = [(1e-4, 1e-3), (1e-3, 1e-2), (1e-2, 1e-1), (1e-1, 1.0)]
BETAS = np.array([0.9, 0.9005, 0.99, 0.999, 0.9995])


@dataclasses.dataclass(frozen=True)
class Settings:
    """Counts draws on linear scales and on the right ones."""

    where: RunSettings = RunSettings()
    draws: int = 20_000
    """Draws whose shares are counted, 1 or more."""

    def __post_init__(self):
        """Refuses values outside their range."""
        refuse_below(self, draws=1)


def main(settings):
    """Measures, judges and draws: a `recipes.ingredients.claims.Result`."""
    return conduct(__file__, settings, measure, judge, draw)


def measure(settings, logarithmic=Logarithmic, complement=LogarithmicComplement, move=move_average):
    """Draws on the scales, and sends an impulse through an average.

    Args:
        settings: `Settings`.
        logarithmic: The scale of learning rates that is right. Default `Logarithmic`.
        complement: The scale of momenta that is right. Default `LogarithmicComplement`.
        move: One step of the moving average. Default `move_average`.

    Returns:
        `{"draws": {(name, "linear" or "right"): (draws,)}, "responses": (steps, betas)}`.
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
    }


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


def judge(found):
    """Shares and memories against arithmetic."""
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
            Expected("0.1 / 0.0995: hardly a change", 1.0, 1.01),
        ),
        Check(
            "1.7",
            "memory at 0.9995 / memory at 0.999",
            worst_of(lengths[4] / lengths[3]),
            Expected("0.001 / 0.0005: twice", 1.99, 2.01),
        ),
    ]


def judge_shares(draws):
    """Checks of where draws fall."""

    def share(name, which, low, high):
        values = draws[name, which]
        inside = np.count_nonzero((values >= low) & (values <= high))
        return share_of(inside, len(values), f"[{low:g}, {high:g}]")

    def about(why, share):
        return Expected(f"{why}, within 0.02", share - 0.02, share + 0.02)

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
    """Draws on both scales, and memories."""
    figure = paper(13, 4.2)
    rates, momenta, memories = figure.subplots(1, 3)
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
    figure.legend(handles=memories.get_lines(), loc="outside lower right", ncols=len(BETAS))
    return figure


if __name__ == "__main__":
    run(main, Settings)
