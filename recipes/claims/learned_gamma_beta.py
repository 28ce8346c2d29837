"""2.6 Gamma and beta are learned like W: by gradient descent, Momentum, RMSprop and Adam.

You will see a network of sigmoids with batch norm learn by four optimisers, each at its own best
learning rate, and how far gamma and beta go from the 1 and 0 that they start from. Expected are:
the gradients that the chain rule gives, d_gamma = sum(dz * z_norm) and d_beta = sum(dz), up to
float32's rounding; that each optimiser reaches the target; and that each moves gamma and beta, by a
hundredth at least.

    python -m recipes.claims.learned_gamma_beta

Takes a minute on two cores. Source: Ioffe & Szegedy (2015), "Batch Normalization", section 3.
"""

import dataclasses
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from layers import BatchNorm
from recipes.claims.covariate_shift import network
from recipes.ingredients.claims import (
    Check,
    Expected,
    RaceSettings,
    SideBySide,
    conduct,
    flat_examples,
    mean_of,
    race,
    seeded,
    worst_of,
)
from recipes.ingredients.command_line import run
from recipes.ingredients.data import DataSettings
from recipes.ingredients.errors import refuse_below
from recipes.ingredients.run_directory import RunSettings
from tuning.pictures import paper

OPTIMIZERS = {
    "gradient descent": keras.optimizers.SGD,
    "momentum": lambda rate: keras.optimizers.SGD(rate, 0.9),
    "rmsprop": keras.optimizers.RMSprop,
    "adam": keras.optimizers.Adam,
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """Learns gamma and beta by four optimisers."""

    where: RunSettings = RunSettings()
    dataset: DataSettings = DataSettings(validation_share=0.2)
    training: RaceSettings = RaceSettings(looks=30)
    hidden_units: int = 64
    """Units of each of the three hidden layers, 1 or more."""
    rates: int = 7
    """Learning rates that are tried, 1 or more, from 4**-5 on, each four times the one before."""

    def __post_init__(self):
        """Refuses values outside their range."""
        refuse_below(self, hidden_units=1, rates=1)


def main(settings):
    """Measures, judges and draws: a `recipes.ingredients.claims.Result`."""
    return conduct(__file__, settings, measure, judge, draw)


def measure(settings, norm=BatchNorm, optimizers=OPTIMIZERS):
    """Takes gradients by automatic differentiation, and trains by each optimiser.

    Args:
        settings: `Settings`.
        norm: Makes batch norm of its arguments. Default `BatchNorm`.
        optimizers: `{name: function from a learning rate}`. Default `OPTIMIZERS`.

    Returns:
        `{"errors": array, "races": {optimiser: Race}, "ways": {optimiser: (2, seeds)}}`: errors of
        the gradients, relative; root mean square way of gamma and of beta.
    """
    parts = flat_examples(settings.dataset)
    (x, labels), validation = parts["train"], parts["validation"]
    sizes = x.shape[1], labels.max() + 1, settings.hidden_units
    found = {"errors": gradient_errors(norm), "races": {}, "ways": {}}
    for name, optimizer in optimizers.items():
        together = SideBySide(x, labels, validation)
        build = partial(network, *sizes, partial(norm, momentum=0.9, debias=True))
        build = partial(compiled, build, optimizer)
        raced = race(together, build, 4.0 ** np.arange(-5, settings.rates - 5), settings.training)
        models = [seeded(n, build, raced.best_rate) for n in range(settings.training.seeds)]
        for _ in together.watch(models, 1, raced.points[-1]):
            found["ways"][name] = np.array([way(model) for model in models]).T
        found["races"][name] = raced
    return found


def compiled(build, optimizer, rate):
    """The network, compiled with another optimiser."""
    model = build(rate)
    model.compile(optimizer(rate), model.loss)
    return model


def gradient_errors(norm, batches=20):
    """Differences between automatic differentiation and the chain rule, over the largest entry."""
    errors = []
    for seed in range(batches):
        draw = np.random.default_rng(seed)
        z, upstream = draw.normal(1, 2, (2, 64, 10)).astype("float32")
        layer = norm()
        layer.build(z.shape)
        layer.gamma.assign(draw.uniform(0.5, 2, 10))
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(upstream * layer(z, training=True))
        z = z.astype("float64")
        z_norm = (z - z.mean(0)) / np.sqrt(z.var(0) + layer.epsilon)
        rule = (upstream * z_norm).sum(0), upstream.sum(0, dtype="float64")
        variables = layer.gamma.value, layer.beta.value
        automatic = tape.gradient(loss, variables, unconnected_gradients="zero")
        for ours, theirs in zip(automatic, rule, strict=True):
            errors.append(np.abs(ours - theirs).max() / np.abs(theirs).max())
    return np.array(errors)


def way(model):
    """Root mean square way of gamma from 1 and of beta from 0."""
    norms = [layer for layer in model.layers if isinstance(layer, BatchNorm)]
    moved = [(np.asarray(norm.gamma) - 1, np.asarray(norm.beta)) for norm in norms]
    return np.sqrt(np.mean(np.square(moved), axis=(0, 2)))


def judge(found):
    """Gradients against the chain rule; each optimiser against its budget and its start."""
    races, ways = found["races"], found["ways"]
    budget = next(iter(races.values())).points[-1]
    steps = tuple(mean_of(raced.best_steps, name) for name, raced in races.items())
    moved = tuple(
        mean_of(way, f"{weight}, {name}")
        for name, both in ways.items()
        for weight, way in zip(("gamma", "beta"), both, strict=True)
    )
    return [
        Check(
            "2.6",
            "gradients of gamma and beta are sum(dz * z_norm) and sum(dz): largest relative error",
            worst_of(found["errors"]),
            Expected("the chain rule, up to float32's rounding", high=1e-5),
        ),
        Check(
            "2.6",
            "mini-batches to the target, each optimiser at its best learning rate",
            steps,
            Expected("reached before the end of training", high=float(budget - 1)),
        ),
        Check(
            "2.6",
            "how far gamma and beta of all units are from 1 and 0 in the end, root mean square",
            moved,
            Expected("learned, by a hundredth or more", low=0.01),
        ),
    ]


def draw(found):
    """Losses at the best rates, steps by rate, and how far gamma and beta went."""
    figure = paper(14, 4.4)
    losses, steps, ways = figure.subplots(1, 3)
    for number, (name, raced) in enumerate(found["races"].items()):
        raced.draw_losses(losses, name, f"C{number}")
        raced.draw_steps(steps, name, f"C{number}")
        for place, way in enumerate(found["ways"][name]):
            ways.scatter(np.full(len(way), place + 0.1 * number), way, color=f"C{number}")
    losses.set_title("Each at its best learning rate")
    steps.set_title("How soon (a cross: some seeds fail)")
    ways.set_xticks((0.15, 1.15), ("gamma from 1", "beta from 0"))
    ways.set(ylabel="root mean square way", title="A point for each network")
    losses.legend()
    for axes in figure.axes:
        axes.grid(alpha=0.3)
    return figure


if __name__ == "__main__":
    run(main, Settings)
