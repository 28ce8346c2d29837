"""3.4 With two classes softmax is logistic regression.

a_1 = exp(z_1) / (exp(z_0) + exp(z_1)) = sigmoid(z_1 - z_0): softmax has two rows of weights of
which only the difference counts. Gradient descent moves both rows, in opposite directions, so that
their difference moves twice as fast as logistic regression's one row would at the same learning
rate; at twice the rate, logistic regression takes the very same course.

You will see the probabilities of both, before and through training on the same examples. Expected
are no differences but float32's rounding.

    python -m recipes.claims.logistic_regression
    python -m recipes.claims.logistic_regression --data digits      # its first two classes

Takes 10 seconds on two cores. Source: Bishop (2006), "Pattern Recognition and Machine Learning",
section 4.2.
"""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from layers import SoftmaxCrossEntropy, SoftmaxHead
from recipes.ingredients.claims import Check, Expected, conduct, flat_examples, worst_of
from recipes.ingredients.command_line import run
from recipes.ingredients.data import DataSettings
from recipes.ingredients.errors import refuse_below
from recipes.ingredients.run_directory import RunSettings
from tuning.pictures import paper


@dataclasses.dataclass(frozen=True)
class Settings:
    """Trains a softmax of two classes and logistic regression alike."""

    where: RunSettings = RunSettings()
    dataset: DataSettings = DataSettings("breast_cancer")
    learning_rate: float = 0.1
    """Learning rate of softmax, above 0."""
    steps: int = 200
    """Steps of gradient descent, on all examples, 1 or more."""
    seeds: int = 3
    """Trainings of each, 1 or more."""

    def __post_init__(self):
        """Refuses values outside their range."""
        refuse_below(self, steps=1, seeds=1, above_zero=["learning_rate"])


def main(settings):
    """Measures, judges and draws: a `recipes.ingredients.claims.Result`."""
    return conduct(__file__, settings, measure, judge, draw)


def difference(weights):
    """What counts of the weights of two classes."""
    return weights[..., 1:] - weights[..., :1]


def measure(settings, difference=difference, factor=2.0):
    """Trains both, from weights that correspond.

    Args:
        settings: `Settings`.
        difference: Function from the weights of two classes to those of logistic regression.
        factor: Learning rate of logistic regression over that of softmax. Default 2.

    Returns:
        `{"softmax", "logistic", "same rate": (seeds, 1 + steps, examples)}`, probabilities of
        class 1 through training; `{"logits": (seeds, 1 + steps, examples)}` of softmax, the second
        above the first; `{"labels": (examples,)}`.
    """
    x, labels = flat_examples(settings.dataset)["train"]
    x, labels = x[labels < 2], labels[labels < 2]
    found = {name: [] for name in ("softmax", "logits", "logistic", "same rate")}
    for seed in range(settings.seeds):
        head = SoftmaxHead(2, kernel_initializer=keras.initializers.GlorotUniform(seed))
        head.build(x.shape)
        weights = [difference(variable.numpy()) for variable in (head.kernel, head.bias)]
        course = np.array(list(softmax_course(head, x, labels, settings)))
        found["logits"].append(course)
        found["softmax"].append(tf.nn.softmax(course).numpy()[..., 1])
        for name, times in (("logistic", factor), ("same rate", 1.0)):
            rate = times * settings.learning_rate
            found[name].append(list(logistic_course(weights, x, labels, settings.steps, rate)))
    found["logits"] = np.diff(found["logits"])[..., 0]
    return {name: np.array(values) for name, values in found.items()} | {"labels": labels}


def softmax_course(head, x, labels, settings):
    """Trains softmax by gradient descent; yields its logits before each step and at the end."""
    variables, loss = head.trainable_variables, SoftmaxCrossEntropy()
    optimizer = keras.optimizers.SGD(settings.learning_rate)
    for _ in range(settings.steps):
        yield head.logits(x).numpy()
        with tf.GradientTape() as tape:
            value = loss(labels, head(x))
        optimizer.apply(tape.gradient(value, [v.value for v in variables]), variables)
    yield head.logits(x).numpy()


def logistic_course(weights, x, labels, steps, learning_rate):
    """Trains logistic regression; yields the probabilities of class 1, likewise."""
    kernel, bias = (tf.Variable(weight) for weight in weights)
    targets = labels[:, np.newaxis].astype("float32")
    for _ in range(steps):
        with tf.GradientTape() as tape:
            logits = x @ kernel + bias
            loss = tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_mean(loss)
        yield tf.sigmoid(logits[:, 0]).numpy()
        for variable, gradient in zip(
            (kernel, bias), tape.gradient(loss, (kernel, bias)), strict=True
        ):
            variable.assign_sub(learning_rate * gradient)
    yield tf.sigmoid((x @ kernel + bias)[:, 0]).numpy()


def judge(found):
    """Largest differences of probabilities."""
    apart = np.abs(found["softmax"] - found["logistic"])
    return [
        Check(
            "3.4",
            "probabilities of softmax and of the sigmoid of z_1 - z_0: largest difference",
            worst_of(apart[:, 0]),
            Expected("divide both by exp(z_1), up to float32's rounding", high=1e-5),
        ),
        Check(
            "3.4",
            "the same through training, logistic regression at twice the rate: largest difference",
            worst_of(apart),
            Expected(
                "the rows' difference moves twice as fast, up to rounding that adds up", high=1e-4
            ),
        ),
    ]


def draw(found):
    """Softmax on the sigmoid's curve, and the losses through training."""
    figure = paper(11, 4.2)
    curve, losses = figure.subplots(1, 2)
    z = np.linspace(-12, 12, 301)
    curve.plot(z, 1 / (1 + np.exp(-z)), color="black", label="sigmoid")
    logits, probabilities = found["logits"][0, -1], found["softmax"][0, -1]
    curve.scatter(np.clip(logits, -12, 12), probabilities, s=12, label="softmax, each example")
    curve.set(xlabel="z_1 - z_0", ylabel="probability of class 1")
    styles = {"softmax": "-", "logistic": "--", "same rate": ":"}
    titles = {
        "softmax": "softmax",
        "logistic": "logistic regression, twice the rate",
        "same rate": "logistic regression, same rate",
    }
    for number, (name, style) in enumerate(styles.items()):
        of_class = np.where(found["labels"], found[name], 1 - found[name])
        loss = -np.log(np.maximum(of_class, 1e-7)).mean(-1)
        lines = losses.plot(loss.T, style, color=f"C{number}", linewidth=3 - number)
        lines[0].set_label(titles[name])
    losses.set(xlabel="steps", ylabel="loss [nats]")
    for axes in figure.axes:
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


if __name__ == "__main__":
    run(main, Settings)
