"""What a trial costs in TensorBoard: `TrialRows` beside the callbacks that keras-tuner wires.

You will see the median milliseconds that a trial of 20 epochs and 4 metrics spends on its row and
its curves. keras-tuner gives `fit` Keras's `TensorBoard` and tensorboard's `hparams.KerasCallback`:
their cost is that of a `fit` with them minus that of the same `fit` without.

    python -m benchmarks.event_files

It takes about a minute on two cores. The contenders take turns within each repetition.
"""

import statistics
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table
from tensorboard.plugins.hparams import api

from tuning.dashboard import TrialRows

REPETITIONS = 21
EPOCHS = 20
MILLISECONDS_GOAL = 10.0
VALUES = {"learning_rate": 0.01, "hidden_units": 64, "batch_size": 64, "optimizer": "adam"}


def main():
    """Times the contenders in turns and prints the table.

    Returns:
        `{contender: median milliseconds a trial}`.
    """
    model = small_model()
    fit(model)  # traced once, so that no repetition pays for it
    turns = {"ours": [], "keras-tuner's": []}
    with tempfile.TemporaryDirectory() as folder:
        rows = TrialRows(Path(folder) / "ours", "search", {"epochs": EPOCHS})
        for trial in track(map(str, range(REPETITIONS)), "timing", REPETITIONS, transient=True):
            without, curve = fit(model)
            logs = f"{folder}/theirs/{trial}/execution0"
            with_callbacks, _ = fit(
                model,
                keras.callbacks.TensorBoard(logs),
                api.KerasCallback(writer=logs, hparams=VALUES, trial_id=trial),
            )
            turns["keras-tuner's"].append(with_callbacks - without)
            start = time.perf_counter()
            rows.begin(trial, VALUES)
            rows.end(trial, "COMPLETED", curve, "val_accuracy", "max")
            turns["ours"].append(time.perf_counter() - start)
    medians = {name: 1e3 * statistics.median(turn) for name, turn in turns.items()}
    report(medians, turns)
    return medians


def small_model():
    """A classifier so small that what is written about it is what costs."""
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"])
    return model


def fit(model, *callbacks):
    """Trains for 20 epochs; returns the seconds and the curve."""
    x, y = np.ones((32, 4), np.float32), np.zeros(32, np.int64)
    start = time.perf_counter()
    history = model.fit(
        x, y, epochs=EPOCHS, validation_data=(x, y), verbose=0, callbacks=list(callbacks)
    ).history
    seconds = time.perf_counter() - start
    points = zip(*history.values(), strict=True)
    curve = [
        {"epoch": epoch, **dict(zip(history, point, strict=True))}
        for epoch, point in enumerate(points, start=1)
    ]
    return seconds, curve


def report(medians, turns):
    """Prints the table and whether the goal holds."""
    table = Table(title=f"HParams, milliseconds a trial of {EPOCHS} epochs")
    for heading in ("contender", "median", "lower quartile", "upper quartile"):
        table.add_column(heading, justify="left" if heading == "contender" else "right")
    for name, turn in turns.items():
        lower, _, upper = statistics.quantiles(turn)
        numbers = (medians[name], 1e3 * lower, 1e3 * upper)
        table.add_row(name, *(f"{number:.1f}" for number in numbers))
    console = Console()
    console.print(table)
    held = "held" if medians["ours"] <= MILLISECONDS_GOAL else "missed"
    console.print(f"ours: {medians['ours']:.1f} ms (goal {MILLISECONDS_GOAL:.0f}: {held})")


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
