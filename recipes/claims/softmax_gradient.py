"""3.7 The gradient at the output is y_hat - y.

For one example dz = y_hat - y, where y is 1 at the true class and 0 elsewhere; under the mean over
m examples, divided by m. The framework carries it back by automatic differentiation.

You will see what automatic differentiation gives for z beside y_hat - y, for logits from small to
huge. Measured is the largest difference, times m; expected is the rounding of float32. Measured
too is the gradient of an example that is wrong by 30 nats, which must stay -1 at its true class: a
loss that is computed from the probabilities alone, without their logits, loses it.

    python -m recipes.claims.softmax_gradient

Takes a second. Source: Bishop (2006), "Pattern Recognition and Machine Learning", equation 4.109.
"""

import dataclasses

import numpy as np
import tensorflow as tf
from scipy.special import softmax

from layers import SoftmaxCrossEntropy, SoftmaxHead
from recipes.ingredients.claims import Check, Expected, conduct, worst_of
from recipes.ingredients.command_line import run
from recipes.ingredients.errors import refuse_below
from recipes.ingredients.run_directory import RunSettings
from tuning.pictures import paper

LABEL, WRONG = 1, [30.0, 0.0, 0.0]
"""A confidently wrong example: its true class, and its logits."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Compares automatic differentiation with y_hat - y."""

    where: RunSettings = RunSettings()
    classes: int = 10
    """Classes, 2 or more."""
    examples: int = 64
    """Examples m of a mini-batch, 1 or more."""
    seeds: int = 20
    """How many mini-batches, 1 or more."""

    def __post_init__(self):
        """Refuses values outside their range."""
        refuse_below(self, classes=2, examples=1, seeds=1)


def main(settings):
    """Measures, judges and draws: a `recipes.ingredients.claims.Result`."""
    return conduct(__file__, settings, measure, judge, draw)


def cross_entropy(logits, labels):
    """The mean loss of logits, through the project's own head and loss."""
    classes = logits.shape[-1]
    head = SoftmaxHead(classes, kernel_initializer="identity")
    return SoftmaxCrossEntropy()(labels, head(logits))


def measure(settings, loss=cross_entropy):
    """Differentiates the loss of random logits, from small to huge.

    Args:
        settings: `Settings`.
        loss: Function from logits and labels to the mean loss. Default `cross_entropy`.

    Returns:
        `{"automatic", "formula": (seeds, m, C), "wrong": (3,)}`, all times m.
    """
    automatic, formula = [], []
    for seed in range(settings.seeds):
        draw = np.random.default_rng(seed)
        scale = 10.0 ** draw.uniform(-1, 2, (settings.examples, 1))
        z = draw.normal(0, scale, (settings.examples, settings.classes)).astype("float32")
        labels = draw.integers(0, settings.classes, settings.examples)
        automatic.append(settings.examples * gradient(loss, z, labels))
        formula.append(softmax(z.astype("float64"), axis=1) - np.eye(settings.classes)[labels])
    wrong = gradient(loss, np.array([WRONG], "float32"), np.array([LABEL]))[0]
    return {"automatic": np.stack(automatic), "formula": np.stack(formula), "wrong": wrong}


def gradient(loss, z, labels):
    """The gradient of the loss at the logits, `(m, C)`, by automatic differentiation."""
    z = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = loss(z, labels)
    return tape.gradient(value, z).numpy()


def judge(found):
    """Both against the formula."""
    expected = softmax(WRONG) - np.eye(3)[LABEL]
    rounding = Expected("rounding of float32, 1.2e-7 for each of a few operations", high=1e-5)
    return [
        Check(
            "3.7",
            "m times the gradient at the logits is y_hat - y: largest difference",
            worst_of(np.abs(found["automatic"] - found["formula"])),
            rounding,
        ),
        Check(
            "3.7",
            "the same for an example that is wrong by 30 nats: largest difference",
            worst_of(np.abs(found["wrong"] - expected)),
            rounding,
        ),
    ]


def draw(found):
    """Automatic differentiation against the formula, and one example entry by entry."""
    figure = paper(10, 4.2)
    left, right = figure.subplots(1, 2)
    left.plot([-1, 1], [-1, 1], color="0.7", zorder=0)
    left.scatter(found["formula"].ravel(), found["automatic"].ravel(), s=6, alpha=0.4)
    left.set(xlabel="y_hat - y", ylabel="m times automatic differentiation")
    left.set_title("The gradient at every logit of every example", fontsize=10)
    classes = np.arange(len(found["wrong"]))
    right.bar(classes, found["wrong"])
    right.axhline(0, color="black", linewidth=0.8)
    right.set_xticks(classes, [f"class {c}: z = {z:g}" for c, z in enumerate(WRONG)])
    right.set_title(f"A confidently wrong example: its true class is {LABEL}", fontsize=10)
    right.set(ylabel="gradient")
    return figure


if __name__ == "__main__":
    run(main, Settings)
