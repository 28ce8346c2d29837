"""2.5 Batch norm cancels the bias before it: leave it out.

The mean that is subtracted contains the bias, so that b moves neither the output nor the loss: its
gradient is zero, and a network trains alike with and without it.

You will see the gradients of biases with and without batch norm after them, and how far apart the
probabilities of two networks drift that start from the same kernels, one with random biases, one
without any. Zero is expected, up to the rounding of float32 (1.2e-7), which training amplifies. How
far the biases themselves move is measured too: Adam divides a gradient by its own size, so that
only its epsilon holds it from walking about on rounding errors.

    python -m recipes.claims.cancelled_bias

Takes 15 seconds on two cores. Source: Ioffe & Szegedy (2015), "Batch Normalization", section 3.2.
"""

import dataclasses
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from layers import BatchNorm, SoftmaxCrossEntropy, SoftmaxHead
from recipes.ingredients.claims import (
    Check,
    Expected,
    SideBySide,
    conduct,
    flat_examples,
    seeded,
    worst_of,
)
from recipes.ingredients.command_line import run
from recipes.ingredients.data import DataSettings
from recipes.ingredients.errors import refuse_below
from recipes.ingredients.run_directory import RunSettings
from tuning.pictures import paper

OPTIMIZERS = {
    "momentum": lambda: keras.optimizers.SGD(0.03, 0.9),
    "adam": lambda: keras.optimizers.Adam(0.003),
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """Compares networks with and without biases before batch norm."""

    where: RunSettings = RunSettings()
    dataset: DataSettings = DataSettings()
    hidden_units: int = 64
    """Units of each of the two hidden layers, 1 or more."""
    looks: int = 20
    """How often each training is looked at, 1 or more."""
    every: int = 5
    """Mini-batches between two looks, 1 or more."""
    seeds: int = 5
    """Networks of each kind, 1 or more."""

    def __post_init__(self):
        """Refuses values outside their range."""
        refuse_below(self, hidden_units=1, looks=1, every=1, seeds=1)


def main(settings):
    """Measures, judges and draws: a `recipes.ingredients.claims.Result`."""
    return conduct(__file__, settings, measure, judge, draw)


def network(sizes, use_bias, norm, optimizer):
    """Two hidden layers; the kernels are the seed's, whether there are biases or not."""
    features, hidden_units, classes = sizes
    model = keras.Sequential([keras.Input((features,))])
    for number in range(2):
        biases = keras.initializers.RandomNormal(stddev=1.0, seed=number)
        model.add(keras.layers.Dense(hidden_units, use_bias=use_bias, bias_initializer=biases))
        model.add(norm())
        model.add(keras.layers.ReLU())
    model.add(SoftmaxHead(classes))
    model.compile(optimizer(), SoftmaxCrossEntropy())
    return model


def measure(settings, norm=BatchNorm):
    """Takes gradients, and trains with and without biases by each optimiser.

    Args:
        settings: `Settings`.
        norm: Makes the layer after each bias. Default `BatchNorm`.

    Returns:
        `{"points": (looks,)}`, mini-batches; `{"gradients", "control": (seeds, layers)}`, norms of
        the biases' gradients over those of the kernels', with `norm` and with nothing after them;
        `{"apart": {optimiser: (looks, seeds)}}`, the largest difference in probabilities;
        `{"moved": {optimiser: (seeds, layers)}}`, the way of the biases over that of the kernels.
    """
    x, labels = flat_examples(settings.dataset)["train"]
    build = partial(network, (x.shape[1], settings.hidden_units, labels.max() + 1))
    points = settings.every * np.arange(settings.looks + 1)
    found = {"points": points, "apart": {}, "moved": {}}
    for name, layer in (("gradients", norm), ("control", keras.layers.Identity)):
        models = [seeded(n, build, True, layer, OPTIMIZERS["adam"]) for n in range(settings.seeds)]
        found[name] = np.array([bias_gradients(m, x[:64], labels[:64]) for m in models])
    for name, optimizer in OPTIMIZERS.items():
        biased, plain = (
            [seeded(n, build, use_bias, norm, optimizer) for n in range(settings.seeds)]
            for use_bias in (True, False)
        )
        before = [model.get_weights() for model in biased]
        predictions = zip(
            *(trained(models, x, labels, settings) for models in (biased, plain)), strict=True
        )
        found["apart"][name] = np.array([np.abs(a - b).max((1, 2)) for a, b in predictions])
        found["moved"][name] = np.array([way(m, w) for m, w in zip(biased, before, strict=True)])
    return found


def bias_gradients(model, x, labels):
    """Norm of each hidden bias's gradient over that of its kernel's."""
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    with tf.GradientTape() as tape:
        loss = model.loss(labels, model(x, training=True))
    pairs = tape.gradient(loss, [(layer.bias.value, layer.kernel.value) for layer in layers])
    return [float(tf.norm(bias) / tf.norm(kernel)) for bias, kernel in pairs]


def trained(models, x, labels, settings):
    """Trains models; yields probabilities of the first 500 examples, `(seeds, examples, C)`."""
    together = SideBySide(x, labels)
    yield np.array([model(x[:500], training=True) for model in models])
    for _ in together.watch(models, settings.looks, settings.every):
        yield np.array([model(x[:500], training=True) for model in models])


def way(model, before):
    """How far each hidden bias has moved over how far its kernel has."""
    moved = [np.linalg.norm(a - b) for a, b in zip(model.get_weights(), before, strict=True)]
    places = [n for n, w in enumerate(model.weights[:-2]) if w.name == "bias"]
    return [moved[place] / moved[place - 1] for place in places]


def judge(found):
    """Against zero, within the rounding of float32."""
    rounding = "zero, up to float32's rounding"
    apart = tuple(worst_of(apart, name) for name, apart in found["apart"].items())
    moved = tuple(worst_of(moved, name) for name, moved in found["moved"].items())
    return [
        Check(
            "2.5",
            "gradient of a bias before batch norm / gradient of its kernel: largest",
            worst_of(found["gradients"]),
            Expected(rounding, high=1e-5),
        ),
        Check(
            "2.5",
            "probabilities with and without biases, through training: largest difference",
            apart,
            Expected(f"{rounding}, which training amplifies", high=1e-3),
        ),
        Check(
            "2.5",
            "way of a bias before batch norm / way of its kernel in training: largest",
            moved,
            Expected(f"{rounding}, which Adam amplifies", high=1e-3),
        ),
    ]


def draw(found):
    """Gradients of biases with batch norm after them and without; how networks drift apart."""
    figure = paper(11, 4.2)
    gradients, apart = figure.subplots(1, 2)
    for place, (name, title) in enumerate(
        (("gradients", "batch norm after it"), ("control", "nothing after it"))
    ):
        values = found[name].ravel()
        gradients.scatter(np.full(len(values), place), values, alpha=0.6, label=title)
    gradients.set_xticks((0, 1), ("batch norm after it", "nothing after it"))
    gradients.set(xlim=(-0.5, 1.5), yscale="log", ylabel="gradient of a bias / of its kernel")
    gradients.set_title("Each hidden layer of each network")
    for number, (name, values) in enumerate(found["apart"].items()):
        lines = apart.plot(found["points"], values, color=f"C{number}")
        lines[0].set_label(name)
    apart.set(xlabel="mini-batches", ylabel="largest difference in probabilities", yscale="log")
    apart.set_title("With biases against without, a line for each seed")
    apart.legend()
    for axes in figure.axes:
        axes.grid(alpha=0.3)
    return figure


if __name__ == "__main__":
    run(main, Settings)
