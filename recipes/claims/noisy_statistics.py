"""2.9 Batch norm regularises slightly: a mini-batch's statistics are noisy, smaller ones' more so.

The mean of m examples strays from the mean of all by sigma / sqrt(m): each example is shifted by
what happens to be in its batch, which resembles dropout's noise.

You will see that noise against the batch size, beside the line 1 / sqrt(m); then the gap between
test loss and training loss of networks whose batches of 128 are normalised in groups of 8, of 32,
or as a whole, all else being equal; and of networks whose batches are of 8, 32 and 128 examples,
which changes the number of steps in an epoch and the noise of the gradient too: same learning rate,
same epochs. Expected are the formula within a twentieth, for draws with replacement; and a gap that
is larger by a tenth for 128 than for 8, with a test loss larger by a hundredth in the case of
groups: that smaller groups generalise better is what Hoffer et al. report.

    python -m recipes.claims.noisy_statistics

Takes half a minute on two cores. Source: Ioffe & Szegedy (2015), "Batch Normalization", section
3.4; Hoffer, Hubara & Soudry (2017), "Train longer, generalize better", section 4,
https://arxiv.org/abs/1705.08741.
"""

import dataclasses
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from layers import BatchNorm, SoftmaxCrossEntropy, SoftmaxHead
from layers.moments import batch_moments
from recipes.ingredients.claims import (
    Check,
    Expected,
    SideBySide,
    conduct,
    flat_examples,
    mean_of,
    ratio_of,
    seeded,
)
from recipes.ingredients.command_line import run
from recipes.ingredients.data import DataSettings
from recipes.ingredients.errors import refuse_below
from recipes.ingredients.run_directory import RunSettings
from tuning.pictures import paper

SIZES = 4, 16, 64, 256
"""Batch sizes whose noise is measured."""
BATCH_SIZE, GROUPS = 128, (16, 4, 1)
"""Examples of a mini-batch in training, and in how many groups they are normalised."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Measures the noise of statistics, and trains networks with more and less of it."""

    where: RunSettings = RunSettings()
    dataset: DataSettings = DataSettings()
    hidden_units: int = 100
    """Units of each of the two hidden layers, 1 or more."""
    draws: int = 500
    """Mini-batches that are drawn for each size, 2 or more."""
    looks: int = 20
    """How often each training is looked at, 1 or more."""
    every: int = 20
    """Mini-batches of 128 examples between two looks, 1 or more."""
    seeds: int = 8
    """Networks of each kind, 2 or more."""

    def __post_init__(self):
        """Refuses values outside their range."""
        refuse_below(self, hidden_units=1, draws=2, looks=1, every=1, seeds=2)


def main(settings):
    """Measures, judges and draws: a `recipes.ingredients.claims.Result`."""
    return conduct(__file__, settings, measure, judge, draw)


@keras.saving.register_keras_serializable(package="claims")
class GroupNorm(BatchNorm):
    """Batch norm that normalises each of some equal groups of a training batch by itself."""

    def __init__(self, groups, **kwargs):
        super().__init__(**kwargs)
        self.groups = groups

    def call(self, inputs, training=None, mask=None):
        """Normalises group by group in training."""
        parts = tf.split(inputs, self.groups) if training else [inputs]
        return tf.concat([super(GroupNorm, self).call(p, training, mask) for p in parts], 0)

    def get_config(self):
        """The constructor's arguments."""
        return super().get_config() | {"groups": self.groups}


def mean_of_batch(z):
    """Each unit's mean over a mini-batch."""
    return batch_moments(z, -1)[1]


def noise_of(seed, x, settings, mean_of_batch):
    """Deviation of the means of mini-batches over that of z, for each size."""
    draw = np.random.default_rng(seed)
    z = x @ draw.normal(size=(x.shape[1], settings.hidden_units)).astype("float32")
    found = []
    for size in SIZES:
        rows = draw.integers(0, len(z), (settings.draws, size))
        means = np.array([mean_of_batch(tf.constant(z[batch])) for batch in rows])
        found.append(np.sqrt(np.mean(means.var(0) / z.var(0))))
    return found


def network(sizes, norm, groups):
    """Two hidden layers."""
    features, hidden_units, classes = sizes
    model = keras.Sequential([keras.Input((features,))])
    for _ in range(2):
        model.add(keras.layers.Dense(hidden_units, use_bias=False))
        model.add(norm(groups, momentum=0.9, debias=True))
        model.add(keras.layers.ReLU())
    model.add(SoftmaxHead(classes))
    model.compile(keras.optimizers.SGD(0.03, 0.9), SoftmaxCrossEntropy())
    return model


def trained(build, parts, settings, batch_size=BATCH_SIZE):
    """Losses on training and test part at each look, at inference: `(2, looks, seeds)`."""
    together = SideBySide(*parts["train"], parts["test"], batch_size)
    every = settings.every * BATCH_SIZE // batch_size  # the same number of examples
    models = [seeded(seed, build) for seed in range(settings.seeds)]
    losses = [
        (stack.evaluate(together.data)["loss"], logs["val_loss"])
        for _, logs, stack in together.train(models, settings.looks, every)
    ]
    return np.moveaxis(losses, 1, 0)


def measure(settings, mean_of_batch=mean_of_batch, norm=GroupNorm, trained=trained):
    """Measures the noise of means, and trains networks with each number of groups.

    Args:
        settings: `Settings`.
        mean_of_batch: Function from `(examples, units)` to means. Default `mean_of_batch`.
        norm: Makes the layer from a number of groups. Default `GroupNorm`.
        trained: Trains networks. Default the function of that name.

    Returns:
        `{"noise": (seeds, sizes)}`, deviation of a mean over that of z, averaged over units;
        `{"points": (looks,)}`, epochs; `{"groups": {examples in a group: (2, looks, seeds)}}`,
        losses of training and test part; `{"batches": {examples in a mini-batch: ...}}`, the same.
    """
    parts = flat_examples(settings.dataset)
    x, labels = parts["train"]
    sizes = x.shape[1], settings.hidden_units, labels.max() + 1
    noise = [noise_of(seed, x, settings, mean_of_batch) for seed in range(settings.seeds)]
    in_groups = {
        BATCH_SIZE // groups: trained(partial(network, sizes, norm, groups), parts, settings)
        for groups in GROUPS
    }
    batches = {
        size: trained(partial(network, sizes, norm, 1), parts, settings, size)
        for size in in_groups
        if size < BATCH_SIZE
    }
    points = settings.every * np.arange(1, settings.looks + 1) / (len(x) // BATCH_SIZE)
    return {
        "noise": np.array(noise),
        "points": points,
        "groups": in_groups,
        "batches": batches | {BATCH_SIZE: in_groups[BATCH_SIZE]},
    }


def judge(found):
    """The noise against its formula; small groups against the whole batch, at the end."""
    noise = tuple(
        mean_of(found["noise"][:, place] * np.sqrt(size), f"m = {size}")
        for place, size in enumerate(SIZES)
    )
    smallest, whole = min(found["groups"]), max(found["groups"])
    gaps = {
        kind: [np.subtract(*found[kind][size][::-1, -1]) for size in (whole, smallest)]
        for kind in ("groups", "batches")
    }
    tests = [found["groups"][size][1, -1] for size in (whole, smallest)]
    return [
        Check(
            "2.9",
            "deviation of a mini-batch's mean, over sigma / sqrt(m)",
            noise,
            Expected("the mean of m independent draws", low=0.95, high=1.05),
        ),
        Check(
            "2.9",
            f"test loss - training loss: statistics of all {whole} / of groups of {smallest}",
            ratio_of(*gaps["groups"]),
            Expected("more noise, a smaller gap, by a tenth or more", low=1.1),
        ),
        Check(
            "2.9",
            f"test loss: statistics of all {whole} / of groups of {smallest}",
            ratio_of(*tests),
            Expected("smaller groups generalise better, by a hundredth or more", low=1.01),
        ),
        Check(
            "2.9",
            f"test loss - training loss: batches of {whole} / of {smallest}, same epochs",
            ratio_of(*gaps["batches"]),
            Expected("the same, if nothing else of a smaller batch outweighs it", low=1.1),
        ),
    ]


def draw(found):
    """The noise by batch size, and losses through training by the size of a group or a batch."""
    figure = paper(15, 4.4)
    noise, *panels = figure.subplots(1, 3)
    noise.plot(SIZES, found["noise"].T, "o", color="tab:blue", alpha=0.5)
    noise.plot(SIZES, 1 / np.sqrt(SIZES), color="black", label="1 / sqrt(m)")
    noise.set(xscale="log", yscale="log", xlabel="examples m of a mini-batch")
    noise.set(ylabel="deviation of its mean, over sigma", title="A point for each seed")
    for axes, kind in zip(panels, ("groups", "batches"), strict=True):
        for number, size in enumerate(sorted(found[kind])):
            train, test = found[kind][size].mean(-1)
            axes.plot(found["points"], test, color=f"C{number}", label=f"{kind} of {size}")
            axes.plot(found["points"], train, ":", color=f"C{number}")
        axes.set(yscale="log", xlabel="epochs", ylabel="loss at inference [nats]")
        axes.set_title("Test part, and dotted, training part")
    for axes in figure.axes:
        axes.grid(alpha=0.3)
        axes.legend(loc="lower left")
    return figure


if __name__ == "__main__":
    run(main, Settings)
