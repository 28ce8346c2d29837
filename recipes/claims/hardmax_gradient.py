"""3.3 Softmax is hardmax's smooth form, which gradients can use; none comes through hardmax.

Hardmax puts 1 at the largest logit and 0 elsewhere: a small change of the logits changes nothing.
Softmax of z / T goes to hardmax as T goes to 0: its largest entry differs from 1 by at most
(C - 1) exp(-gap / T), where gap is how far the largest logit is above the second.

You will see both of them between two classes, how fast softmax becomes hardmax, and what training
makes of each as the output under the squared error. Expected are a gradient of zero through hardmax
and the Jacobian a_i (1[i = j] - a_j) through softmax; the bound above; and that a classifier with
a hardmax output does not learn at all, while one with softmax does.

    python -m recipes.claims.hardmax_gradient

Takes 5 seconds on two cores. Source: Bishop (2006), "Pattern Recognition and Machine Learning",
equations 4.104 to 4.106.
"""

import dataclasses

import keras
import numpy as np
import tensorflow as tf
from scipy.special import softmax as reference

from layers import hardmax
from recipes.ingredients.claims import (
    Check,
    Expected,
    conduct,
    flat_examples,
    mean_of,
    worst_of,
)
from recipes.ingredients.command_line import run
from recipes.ingredients.data import DataSettings
from recipes.ingredients.errors import refuse_below
from recipes.ingredients.run_directory import RunSettings
from tuning.pictures import paper

TEMPERATURES = tuple(2.0**-power for power in range(8))


@dataclasses.dataclass(frozen=True)
class Settings:
    """Compares softmax and hardmax."""

    where: RunSettings = RunSettings()
    dataset: DataSettings = DataSettings()
    classes: int = 10
    """Classes of the random logits, 2 or more."""
    steps: int = 100
    """Steps of training, on all examples, 1 or more."""
    seeds: int = 5
    """How many trainings and mini-batches of logits, 2 or more."""

    def __post_init__(self):
        """Refuses values outside their range."""
        refuse_below(self, classes=2, steps=1, seeds=2)


def main(settings):
    """Measures, judges and draws: a `recipes.ingredients.claims.Result`."""
    return conduct(__file__, settings, measure, judge, draw)


def measure(settings, softmax=keras.activations.softmax, hardmax=hardmax):
    """Differentiates both, cools softmax down, and trains with each as the output.

    Args:
        settings: `Settings`.
        softmax: Function from logits to probabilities. Default Keras's, which `SoftmaxHead` uses.
        hardmax: Function from logits to ones and zeros. Default `layers.hardmax`.

    Returns:
        `{"softmax", "hardmax": errors of the Jacobian`, for hardmax the Jacobian itself,
        `"distances", "bounds": (temperatures, examples)`, `"accuracies": {output: (seeds, 1 +
        steps)}}`.
    """
    draw = np.random.default_rng(0)
    z = draw.normal(0, 2, (20 * settings.seeds, settings.classes)).astype("float32")
    a = reference(z.astype("float64"), axis=1)
    expected = a[:, :, np.newaxis] * (np.eye(settings.classes) - a[:, np.newaxis])
    second, largest = np.sort(z, axis=1)[:, -2:].T
    cooled = [np.abs(softmax(tf.constant(z / t)) - hardmax(z)).max(1) for t in TEMPERATURES]
    bounds = [(settings.classes - 1) * np.exp((second - largest) / t) for t in TEMPERATURES]
    outputs = {"softmax": softmax, "hardmax": hardmax}
    return {
        "softmax": np.abs(jacobian(softmax, z) - expected),
        "hardmax": np.abs(jacobian(hardmax, z)),
        "distances": np.array(cooled),
        "bounds": np.array(bounds),
        "accuracies": {name: trained(settings, output) for name, output in outputs.items()},
    }


def jacobian(function, z):
    """The derivatives of each output by each logit, `(examples, C, C)`; 0 where there is none."""
    z = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        outputs = function(z)
    found = tape.batch_jacobian(outputs, z, unconnected_gradients="zero")
    return found.numpy()


def trained(settings, output):
    """Accuracy on the test part through training by the squared error: `(seeds, 1 + steps)`."""
    parts = flat_examples(settings.dataset)
    (x, labels), (x_test, labels_test) = parts["train"], parts["test"]
    targets = tf.one_hot(labels, labels.max() + 1)
    accuracies = []
    for seed in range(settings.seeds):
        draw = np.random.default_rng(seed)
        weights = tf.Variable(draw.normal(0, 0.01, (x.shape[1], targets.shape[1])), dtype="float32")
        accuracies.append([accuracy(x_test, labels_test, weights)])
        for _ in range(settings.steps):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.reduce_sum((output(x @ weights) - targets) ** 2, 1))
            weights.assign_sub(tape.gradient(loss, weights, unconnected_gradients="zero"))
            accuracies[-1].append(accuracy(x_test, labels_test, weights))
    return np.array(accuracies)


def accuracy(x, labels, weights):
    """Share of examples whose largest logit is that of their class."""
    return float(np.mean(np.argmax(x @ weights, axis=1) == labels))


def judge(found):
    """Jacobians, the bound, and what training came to."""
    gained = {
        name: mean_of(values[:, -1] - values[:, 0]) for name, values in found["accuracies"].items()
    }
    rounding = 1e-5
    return [
        Check(
            "3.3",
            "gradient through hardmax: largest entry of its Jacobian",
            worst_of(found["hardmax"]),
            Expected("hardmax is constant between its jumps", low=0, high=0),
        ),
        Check(
            "3.3",
            "gradient through softmax is a_i (1[i = j] - a_j): largest error",
            worst_of(found["softmax"]),
            Expected("the quotient rule, up to float32's rounding", high=rounding),
        ),
        Check(
            "3.3",
            "softmax(z / T) - hardmax(z), above (C - 1) exp(-gap / T): largest, T from 1 to 1/128",
            worst_of(found["distances"] - found["bounds"]),
            Expected("the bound, up to float32's rounding", high=rounding),
        ),
        Check(
            "3.3",
            "accuracy gained by training with a softmax output",
            gained["softmax"],
            Expected("gradients tell the way, for half of the examples or more", low=0.5),
        ),
        Check(
            "3.3",
            "accuracy gained by training with a hardmax output",
            gained["hardmax"],
            Expected("without a gradient nothing moves", low=0, high=0),
        ),
    ]


def draw(found):
    """Both functions between two classes, softmax becoming hardmax, and both in training."""
    figure = paper(14, 4.2)
    functions, cooling, training = figure.subplots(1, 3)
    z = np.linspace(-6, 6, 401)
    logits = np.stack([z, np.zeros_like(z)], axis=1)
    for temperature in (2.0, 1.0, 0.25):
        label = f"softmax, T = {temperature:g}"
        functions.plot(z, reference(logits / temperature, axis=1)[:, 0], label=label)
    functions.plot(z, hardmax(logits)[:, 0], "--", color="black", label="hardmax")
    functions.set(xlabel="logit of class 0 above that of class 1", ylabel="output of class 0")
    cooling.plot(TEMPERATURES, found["distances"].max(1), "o", label="largest difference")
    cooling.plot(TEMPERATURES, np.minimum(found["bounds"].max(1), 1), label="its bound")
    cooling.set(xscale="log", xlabel="temperature T", ylabel="softmax(z / T) - hardmax(z)")
    for number, (name, values) in enumerate(found["accuracies"].items()):
        lines = training.plot(values.T, color=f"C{number}", alpha=0.7)
        lines[0].set_label(f"{name} output")
    training.set(xlabel="steps", ylabel="test accuracy")
    for axes in figure.axes:
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


if __name__ == "__main__":
    run(main, Settings)
