"""The machine's limit: the trials' true arithmetic at the speed of its batched matrix products."""

import time

import tensorflow as tf

STACKS, WIDTH = (32, 128), 80
"""Products a stack, and their size, which is that of the trials' hidden layers, rounded to 16."""


def multiplications(work, trials):
    """Multiplications that training takes, by batch size.

    Forward and backward are three products of a layer's size for each example: its output, and the
    gradients of its input and of its weights. Everything else is left out, evaluation too.

    Args:
        work: `Workload`.
        trials: keras-tuner's `HyperParameters` of each.

    Returns:
        `{batch size: number}`.
    """
    examples, classes = len(work.data.train.labels), len(work.data.class_names)
    inputs = work.features["train"][0].size
    sums = {}
    for hp in trials:
        values = work.values(hp)
        units, layers = values["hidden_units"], values["hidden_layers"]
        weights = inputs * units + (layers - 1) * units**2 + units * classes
        batch_size = values["batch_size"]
        done = 3 * work.settings.epochs * examples * weights
        sums[batch_size] = sums.get(batch_size, 0) + done
    return sums


def speeds(batch_sizes, seconds=0.5):
    """Multiplications a second of batched products, the fastest way that TensorFlow has.

    Args:
        batch_sizes: Rows of the left factors.
        seconds: How long each way is tried.

    Returns:
        `{batch size: multiplications a second}`.
    """
    ways = [tf.function(tf.matmul, jit_compile=compiled) for compiled in (True, False)]
    return {
        batch_size: max(_speed(way, stack, batch_size, seconds) for way in ways for stack in STACKS)
        for batch_size in batch_sizes
    }


def _speed(product, stack, batch_size, seconds):
    left = tf.random.normal((stack, batch_size, WIDTH))
    right = tf.random.normal((stack, WIDTH, WIDTH))
    product(left, right)
    began, calls = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        for _ in range(10):
            last = product(left, right)
        last.numpy()
        calls += 10
    return calls * stack * batch_size * WIDTH**2 / (time.perf_counter() - began)
