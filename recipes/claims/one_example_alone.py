"""2.10 At test time one example may come alone: moving averages of mean and variance serve it.

Exponentially weighted averages of the mini-batches' means and variances, gathered in training, take
the place of a batch's own statistics. Then a prediction does not depend on what else is in the
batch, and training and test agree.

You will see the loss of all examples by the averages, and by their own statistics as one batch,
part and meet in training, for three ways to average. An average that starts at 0 or 1 and keeps
0.99 of itself has made only 1 - 0.99**n of the way after n mini-batches: 10 % after 10, 63 % after
100. Expected are: the same prediction alone and in a batch, up to rounding; that closed form; and
losses that agree within a tenth, after a few mini-batches and after many, for each way to average.

    python -m recipes.claims.one_example_alone

Takes 15 seconds on two cores. Source: Ioffe & Szegedy (2015), "Batch Normalization", algorithm 2;
the debiasing is that of Kingma & Ba (2015), "Adam", section 3.
"""

import dataclasses
from functools import partial

import keras
import numpy as np

from layers import BatchNorm, SoftmaxCrossEntropy, SoftmaxHead
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

WAYS = {
    "momentum 0.99": {"momentum": 0.99},
    "momentum 0.99, debiased": {"momentum": 0.99, "debias": True},
    "momentum 0.9, debiased": {"momentum": 0.9, "debias": True},
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """Compares predictions by moving averages with those by a batch's own statistics."""

    where: RunSettings = RunSettings()
    dataset: DataSettings = DataSettings()
    hidden_units: int = 64
    """Units of each of the two hidden layers, 1 or more."""
    looks: int = 40
    """How often each training is looked at, 2 or more."""
    every: int = 10
    """Mini-batches between two looks, 1 or more."""
    seeds: int = 5
    """Networks of each kind, 2 or more."""

    def __post_init__(self):
        """Refuses values outside their range."""
        refuse_below(self, hidden_units=1, looks=2, every=1, seeds=2)


def main(settings):
    """Measures, judges and draws: a `recipes.ingredients.claims.Result`."""
    return conduct(__file__, settings, measure, judge, draw)


def predict(model, x):
    """Probabilities at test time."""
    return model(x, training=False).numpy()


def network(sizes, way, layer):
    """Two hidden layers with batch norm, whose averages go that way."""
    features, hidden_units, classes = sizes
    model = keras.Sequential([keras.Input((features,))])
    for _ in range(2):
        model.add(keras.layers.Dense(hidden_units, use_bias=False))
        model.add(layer(**way))
        model.add(keras.layers.ReLU())
    model.add(SoftmaxHead(classes))
    model.compile(keras.optimizers.SGD(0.03, 0.9), SoftmaxCrossEntropy())
    return model


def measure(settings, layer=BatchNorm, predict=predict):
    """Trains networks for each way to average, and predicts alone and in a batch.

    Args:
        settings: `Settings`.
        layer: Makes batch norm of the arguments in `WAYS`. Default `BatchNorm`.
        predict: Function from a model and inputs to probabilities. Default `predict`.

    Returns:
        `{"points": (looks,)`, `"losses": {way: (2, looks, seeds)}`, by the averages and by the
        examples' own statistics, `"alone": differences in probabilities`, `"reached": (3, steps)}`,
        number of steps, share of the way that an average has made, and its closed form.
    """
    parts = flat_examples(settings.dataset)
    x, labels = parts["train"]
    build = partial(network, (x.shape[1], settings.hidden_units, labels.max() + 1))
    found = {"points": settings.every * np.arange(1, settings.looks + 1), "losses": {}}
    for name, way in WAYS.items():
        models = [seeded(seed, build, way, layer) for seed in range(settings.seeds)]
        found["losses"][name] = np.moveaxis(list(followed(models, x, labels, settings)), -1, 0)
    others = parts["test"][0][:50]
    in_batch = predict(models[0], others)
    alone = np.concatenate([predict(models[0], one[np.newaxis]) for one in others])
    return found | {"alone": np.abs(alone - in_batch), "reached": reached(layer)}


def followed(models, x, labels, settings):
    """Trains models; yields their losses on all examples: `(seeds, 2)`, by averages and own."""
    together = SideBySide(x, labels)
    for _ in together.watch(models, settings.looks, settings.every):
        yield [[float(m.loss(labels, m(x, training=own))) for own in (False, True)] for m in models]


def reached(layer, steps=300):
    """How far an average gets that sees the same batch again and again."""
    batch = np.random.default_rng(0).normal(3, 1, (64, 8)).astype("float32")
    norm, shares = layer(momentum=0.99), []
    for _ in range(steps):
        norm(batch, training=True)
        shares.append(np.mean(norm.moving_mean / batch.mean(0)))
    numbers = np.arange(1, steps + 1)
    return np.array([numbers, shares, 1 - 0.99**numbers])


def judge(found):
    """Predictions, the closed form, and losses after few and after many mini-batches."""
    points, losses = found["points"], found["losses"]
    agree = tuple(
        ratio_of(by_average[place], own[place], f"{name}, after {points[place]}")
        for place in (0, -1)
        for name, (by_average, own) in losses.items()
    )
    return [
        Check(
            "2.10",
            "probabilities of an example alone and in a batch of 50: largest difference",
            worst_of(found["alone"]),
            Expected("the same, up to float32's rounding", high=1e-5),
        ),
        Check(
            "2.10",
            "share of the way that an average has made after n steps, and 1 - 0.99**n: largest"
            " difference",
            worst_of(np.abs(found["reached"][1] - found["reached"][2])),
            Expected("the sum of a geometric series", high=1e-5),
        ),
        Check(
            "2.10",
            "loss by the averages / by the examples' own statistics, after so many mini-batches",
            agree,
            Expected("training and test agree, within a tenth", low=0.9, high=1.1),
        ),
    ]


def draw(found):
    """The losses by both statistics, for each way to average; how far an average has got."""
    figure = paper(13, 4.2)
    panels = figure.subplots(1, 3)
    for number, (name, (by_average, own)) in enumerate(found["losses"].items()):
        for axes, values in zip(panels, (by_average, by_average / own), strict=False):
            lines = axes.plot(found["points"], values, color=f"C{number}", alpha=0.7)
            lines[0].set_label(name)
    lines = panels[0].plot(found["points"], own, color="0.4", linestyle=":")
    lines[0].set_label("the examples' own statistics")
    panels[0].set(yscale="log", xlabel="mini-batches", ylabel="loss by the averages [nats]")
    panels[1].set(yscale="log", xlabel="mini-batches", ylabel="by averages / by own statistics")
    steps, shares, formula = found["reached"]
    panels[2].plot(steps, shares, label="momentum 0.99, measured", linewidth=4, alpha=0.5)
    panels[2].plot(steps, formula, "--", color="black", label="1 - 0.99**n")
    panels[2].set(xlabel="steps n", ylabel="share of the way from start to truth")
    for axes in panels:
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


if __name__ == "__main__":
    run(main, Settings)
