"""What it costs to watch a training, per step, while nobody turns a knob: beside plain `fit`.

You will see the median microseconds a step of the same model on the same batches, trained by `fit`
as it comes (a graph), by `fit` with `jit_compile=True`, and by `babysit`, knobs file, guard,
validation, checkpoint and all; then by calls of its compiled step with nothing around them, so that
the difference is what watching costs. The digits are repeated: an epoch has 197 steps.

    python -m benchmarks.panda

It takes about 40 seconds on two cores. The contenders take turns within each round, and a ratio
is the median of the rounds' ratios.
"""

import statistics
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from recipes.ingredients.batches import ShuffledBatches
from recipes.ingredients.classifier import ClassifierSettings, build_classifier
from recipes.ingredients.data import DataSettings, load
from tuning.panda.babysitter import Babysitter

ROUNDS, REPEATED, BATCH_SIZE = 7, 10, 64
FIT, FIT_XLA, PANDA, STEP = "fit", "fit, XLA", "babysit", "babysit's step alone"


def main():
    """Times the contenders in turns and prints the table.

    Returns:
        `{contender: microseconds a step of each round}`.
    """
    data = load(DataSettings())
    features = data.encoded_parts()
    features["train"] = np.concatenate([features["train"]] * REPEATED)
    contenders = {
        FIT: fit(data, features, jit_compile=False),
        FIT_XLA: fit(data, features, jit_compile=True),
        PANDA: babysit(data, features),
        STEP: step_alone(data, features),
    }
    turns = {name: [] for name in contenders}
    for number in range(ROUNDS + 1):
        for name, train in contenders.items():
            microseconds = train()
            if number:  # the first round traces and compiles
                turns[name].append(microseconds)
    report(turns)
    return turns


def build(data, features):
    """The classifier of `recipes.train`."""
    keras.utils.set_random_seed(0)
    shape = features["train"].shape[1:]
    return build_classifier(ClassifierSettings(), shape, data.class_names, 1)


def labels_of(data):
    """The labels of the repeated examples."""
    return np.tile(data.train.labels, REPEATED)


def fit(data, features, jit_compile):
    """A function that trains by `fit` and returns microseconds a step."""
    model = build(data, features)
    model.compile(model.optimizer, model.loss, metrics=["accuracy"], jit_compile=jit_compile)
    batches = ShuffledBatches(features["train"], labels_of(data), BATCH_SIZE, 0)

    def train():
        began = time.perf_counter()
        model.fit(
            batches,
            validation_data=(features["validation"], data.validation.labels),
            validation_batch_size=1024,
            shuffle=False,
            verbose=0,
        )
        return 1e6 * (time.perf_counter() - began) / len(batches)

    return train


def babysit(data, features):
    """A function that trains on under watch and returns microseconds a step."""
    training = watched(data, features, tempfile.mkdtemp())
    training.epochs = 0
    training.run()  # begins, and writes what is there once

    def train():
        training.epochs, training.ended = training.epochs + 1, ""
        before, began = training.step, time.perf_counter()
        while not training.ended:
            training._between_steps()
            training._train_step()
        return 1e6 * (time.perf_counter() - began) / (training.step - before)

    return train


def step_alone(data, features):
    """A function that only calls the compiled step and returns microseconds of a call."""
    program = watched(data, features, tempfile.mkdtemp()).program
    order = np.arange(len(features["train"]), dtype=np.int32)
    rows = [order[first : first + BATCH_SIZE] for first in range(0, len(order), BATCH_SIZE)]

    def train():
        began = time.perf_counter()
        for each in rows:
            program.step(each)
        return 1e6 * (time.perf_counter() - began) / len(rows)

    return train


def watched(data, features, folder):
    """A `Babysitter` in a new folder, quiet."""
    return Babysitter(
        build(data, features),
        (features["train"], labels_of(data)),
        Path(folder),
        validation_data=(features["validation"], data.validation.labels),
        batch_size=BATCH_SIZE,
        say=lambda _: None,
    )


def report(turns):
    """Prints the table."""
    table = Table(title=f"a step of {BATCH_SIZE} digits, 197 steps a round, {ROUNDS} rounds")
    for heading in ("trained by", "microseconds a step", "of fit's"):
        table.add_column(heading, justify="left" if heading == "trained by" else "right")
    for name, own in turns.items():
        ratio = statistics.median(a / b for a, b in zip(own, turns[FIT], strict=True))
        table.add_row(name, f"{statistics.median(own):,.0f}", f"{ratio:.2f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
