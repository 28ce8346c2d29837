"""BatchNorm beside Keras's layer and tensorflow's fused kernel: one training step, one inference.

You will see a table with one row for each shape, mode (graph, XLA) and job: the median microseconds
of each contender and the ratio ours / Keras's, whose goals are a geometric mean of at most 1.05 and
no cell above 1.15. A training step is the layer alone: forward, moving averages, and the gradients
of inputs, gamma and beta. The batch size is unknown to the traced function, as it is in `fit`.

    python -m benchmarks.batch_norm

It takes about a minute on two cores. The contenders take turns within each repetition
and a ratio is the median of the repetitions' ratios, so that a machine that slows down slows all.
"""

import itertools
import statistics
import time
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table

from layers import BatchNorm

SHAPES = ((64, 32), (1024, 512), (32, 8, 8, 16), (32, 32, 32, 64))
REPETITIONS = 101
SECONDS_A_TURN = 0.006
GEOMETRIC_MEAN_GOAL = 1.05
CELL_GOAL = 1.15


@dataclass(frozen=True)
class Cell:
    """One row of the table."""

    shape: tuple[int, ...]
    mode: str
    job: str
    seconds: dict[str, float]
    """Median seconds of a call, by contender."""
    ratio: float
    """Median over the repetitions of ours / Keras's."""


class FusedBatchNorm(keras.layers.Layer):
    """tensorflow's fused kernel with the same averages (their variance has divisor N - 1)."""

    def build(self, input_shape):
        """Creates the four weights of batch normalisation."""
        names = {"gamma": "ones", "beta": "zeros"}
        averages = {"moving_mean": "zeros", "moving_variance": "ones"}
        for name, initializer in (names | averages).items():
            weight = self.add_weight(
                name=name,
                shape=input_shape[-1:],
                initializer=initializer,
                trainable=name in names,
            )
            setattr(self, name, weight)

    def call(self, inputs, training=False):
        """Normalises over all axes but the last; rank 4 only."""
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            *map(tf.convert_to_tensor, (self.gamma, self.beta)),
            *map(tf.convert_to_tensor, (self.moving_mean, self.moving_variance)),
            epsilon=1e-3,
            is_training=training,
            exponential_avg_factor=0.01 if training else 1.0,
        )
        if training:
            self.moving_mean.assign(mean)
            self.moving_variance.assign(variance)
        return outputs


def main():
    """Times every cell and prints the table.

    Returns:
        The cells, a list of `Cell`.
    """
    grid = list(itertools.product(SHAPES, ("graph", "xla"), ("training", "inference")))
    cells = [time_cell(*cell) for cell in track(grid, "timing", transient=True)]
    report(cells)
    return cells


def time_cell(shape, mode, job):
    """Times all contenders on one shape, in turns.

    Args:
        shape: The inputs' shape.
        mode: "graph" or "xla".
        job: "training" or "inference".

    Returns:
        A `Cell`.
    """
    contenders = {"ours": BatchNorm(), "keras": keras.layers.BatchNormalization()}
    if len(shape) == 4:
        contenders["fused"] = FusedBatchNorm()
    steps = {name: compiled_step(layer, shape, mode, job) for name, layer in contenders.items()}
    inputs = tf.random.normal(shape)
    calls = max(1, round(SECONDS_A_TURN / seconds_a_call(steps["keras"], inputs, calls=5)))
    turns = {name: [] for name in steps}
    names = list(steps)
    for _ in range(REPETITIONS):
        names.append(names.pop(0))
        for name in names:
            turns[name].append(seconds_a_call(steps[name], inputs, calls))
    ratios = [ours / theirs for ours, theirs in zip(turns["ours"], turns["keras"], strict=True)]
    seconds = {name: statistics.median(turn) for name, turn in turns.items()}
    return Cell(shape, mode, job, seconds, statistics.median(ratios))


def compiled_step(layer, shape, mode, job):
    """A layer's training step or inference as one traced, warmed-up function of the inputs."""
    layer.build(shape)
    signature = [tf.TensorSpec((None, *shape[1:]))]

    @tf.function(input_signature=signature, jit_compile=mode == "xla")
    def training(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=True)
        parameters = [weight.value for weight in layer.trainable_weights]
        return tape.gradient(outputs, [inputs, *parameters], output_gradients=inputs)

    @tf.function(input_signature=signature, jit_compile=mode == "xla")
    def inference(inputs):
        return layer(inputs, training=False)

    step = {"training": training, "inference": inference}[job]
    seconds_a_call(step, tf.random.normal(shape), calls=5)
    return step


def seconds_a_call(step, inputs, calls):
    """The mean time of `calls` calls, the results waited for."""
    start = time.perf_counter()
    for _ in range(calls):
        outputs = step(inputs)
    tf.nest.flatten(outputs)[-1].numpy()
    return (time.perf_counter() - start) / calls


def report(cells):
    """Prints the table, the geometric mean and whether the goals hold."""
    table = Table(title="BatchNorm, microseconds a call (median)")
    for heading in ("shape", "mode", "job"):
        table.add_column(heading, no_wrap=True)
    for heading in ("ours", "Keras", "fused", "ours / Keras"):
        table.add_column(heading, justify="right")
    for cell in cells:
        times = [
            f"{1e6 * cell.seconds[name]:,.0f}" if name in cell.seconds else ""
            for name in ("ours", "keras", "fused")
        ]
        shape = " x ".join(map(str, cell.shape))
        table.add_row(shape, cell.mode, cell.job, *times, f"{cell.ratio:.2f}")
    ratios = [cell.ratio for cell in cells]
    mean = float(np.exp(np.mean(np.log(ratios))))
    console = Console()
    console.print(table)
    for name, value, goal in (
        ("geometric mean of ours / Keras", mean, GEOMETRIC_MEAN_GOAL),
        ("largest ratio", max(ratios), CELL_GOAL),
    ):
        console.print(f"{name}: {value:.3f} (goal {goal}: {'held' if value <= goal else 'missed'})")


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
