"""Where the seconds of stacked training go: many classifiers of the default space, phase by phase.

You will see a table with one row for each number of trials and each choice of depths: the
milliseconds a trial spends on building its model, on grouping and padding, on the check of the
first batch, on tracing and compiling, and on training, evaluation included; and beside it the time
that the true arithmetic of these trials would take at the speed of this machine's batched matrix
products. Trials are multi-layer perceptrons with batch norm on scikit-learn's digits: 50 to 100
hidden units, batches of 64, 20 epochs.

    python -m benchmarks.stacked_training

It takes about two minutes on two cores.
"""

import contextlib
import time
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits

from recipes.ingredients.classifier import ClassifierSettings, build_classifier
from tuning.stacked import Data, Grouping, Stack, check_first_batch

RUNS = ((64, (4,)), (256, (4,)), (256, (2, 3, 4)))
EPOCHS, BATCH_SIZE, TRAINING, STACK_SIZE = 20, 64, 1408, 128
CLASSES = tuple("0123456789")
PHASES = ("build", "group", "check", "compile", "train", "read")


@dataclass
class Clock:
    """Seconds by phase."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def timing(self, phase):
        """Adds the time of a block to a phase."""
        start = time.perf_counter()
        yield
        self.seconds[phase] = self.seconds.get(phase, 0.0) + time.perf_counter() - start


def main():
    """Trains every run's trials and prints the table.

    Returns:
        `{(trials, depths): {phase: seconds}}`.
    """
    x, labels = load_digits(return_X_y=True)
    x = (x / 16).astype("float32")
    data = Data(x[:TRAINING], labels[:TRAINING])
    validation = Data(x[TRAINING:], labels[TRAINING:])
    runs = {}
    for trials, depths in RUNS:
        clock = Clock()
        with clock.timing("build"):
            settings = settings_of(trials, depths)
            models = [built(own) for own in settings]
        train(models, data, validation, clock)
        clock.seconds["limit"] = limit(settings)
        runs[trials, depths] = clock.seconds
    report(runs)
    return runs


def settings_of(trials, depths):
    """Settings of some classifiers, drawn from the default space."""
    draw = np.random.default_rng(0)
    return [
        ClassifierSettings(
            hidden_units=int(draw.integers(50, 101)),
            hidden_layers=int(draw.choice(depths)),
            learning_rate=10 ** draw.uniform(-4, 0),
            sgd_momentum=1 - 10 ** draw.uniform(-3, -1),
            learning_rate_decay=10 ** draw.uniform(-4, 0),
        )
        for _ in range(trials)
    ]


def built(settings):
    """The compiled Keras model of some settings."""
    return build_classifier(settings, (64,), CLASSES, -(-TRAINING // BATCH_SIZE))


def train(models, data, validation, clock):
    """Trains all models, group by group, in stacks of similar widths."""
    with clock.timing("group"):
        grouping = Grouping(data)
        groups, _ = grouping.group(models, [BATCH_SIZE] * len(models))
        parts = [part for group in groups for part in group.by_width(STACK_SIZE)]
    checked = set()
    for part in parts:
        with clock.timing("group"):
            program = grouping.program(part)
            given = program, part.models, part.skeletons, BATCH_SIZE, data
            # One batch of all validation examples: no second compilation for a rest.
            stack = Stack(*given, validation, validation_batch_size=validation.examples)
        with clock.timing("check"):
            if program not in checked:
                ends = [0, len(part) - 1]
                few = part.part(ends)
                assert (
                    check_first_batch(program, few.models, few.skeletons, BATCH_SIZE, data) is None
                )
                checked.add(program)
        with clock.timing("compile"):
            stack.compile()
        with clock.timing("train"):
            for epoch in range(EPOCHS):
                stack.train_epoch(np.random.default_rng([0, epoch]).permutation(TRAINING), epoch)
        with clock.timing("read"):
            stack.states()


def limit(settings):
    """Seconds of the trials' true arithmetic at the speed of a batched product of their size."""
    shape, repetitions = (32, BATCH_SIZE, 80), 200
    left, right = tf.random.normal(shape), tf.random.normal((shape[0], 80, 80))
    product = tf.function(lambda a, b: tf.matmul(a, b), jit_compile=True)
    product(left, right)
    start = time.perf_counter()
    for _ in range(repetitions):
        last = product(left, right)
    last.numpy()
    speed = np.prod(shape) * 80 * repetitions / (time.perf_counter() - start)
    products = sum(
        64 * s.hidden_units + (s.hidden_layers - 1) * s.hidden_units**2 + 10 * s.hidden_units
        for s in settings
    )
    return 3 * EPOCHS * TRAINING * products / speed  # forward, and the gradients of both factors


def report(runs):
    """Prints the table."""
    table = Table(title=f"stacked training, milliseconds a trial ({EPOCHS} epochs)")
    table.add_column("trials, layers", no_wrap=True)
    for heading in (*PHASES, "all", "limit"):
        table.add_column(heading, justify="right", no_wrap=True)
    for (trials, depths), seconds in runs.items():
        cells = [seconds[phase] for phase in PHASES]
        cells = [*cells, sum(cells), seconds["limit"]]
        name = f"{trials}, {' or '.join(map(str, depths))}"
        table.add_row(name, *(f"{1000 * cell / trials:.1f}" for cell in cells))
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
