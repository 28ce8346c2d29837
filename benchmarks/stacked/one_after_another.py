"""The strongest simple rival: an epoch compiled by XLA, trials through it one after another.

A trial's weights and numbers are arguments, padded to the widest trial, so that the epoch is traced
and compiled once for each depth and batch size. Widths as they are would be compiled some 50 times
each, about a second every time.
"""

import numpy as np
import tensorflow as tf

from benchmarks.stacked.padded import (
    EPSILON,
    MOMENTUM,
    arrays_of,
    begin,
    by_program,
    numbers_of,
    orders,
)


def train(work, trials, folder=None):
    """Trains the trials.

    Args:
        work: `Workload`.
        trials: keras-tuner's `HyperParameters` of each.
        folder: Unused.

    Returns:
        The best validation accuracy of each.
    """
    del folder
    run = tf.function(epoch, autograph=False, jit_compile=True)
    training, validation = tf.nest.map_structure(tf.constant, arrays_of(work))
    inputs, classes = training[0].shape[1], len(work.data.class_names)
    width = max(work.values(hp)["hidden_units"] for hp in trials)
    generator = np.random.default_rng(work.settings.seed)
    scores = [0.0] * len(trials)
    for (_, batch_size), places in by_program(work, trials).items():
        settled = [len(training[0]), work.settings.epochs, batch_size, work.settings.seed]
        for place in places:
            values = work.values(trials[place])
            state = begin(values, inputs, classes, width, generator)
            state = tf.nest.map_structure(tf.constant, state)
            numbers = tf.nest.map_structure(tf.constant, numbers_of(values))
            curve = []
            for number, rows in enumerate(orders(*settled)):
                rows = tf.nest.map_structure(tf.constant, rows)
                state, logs = run(state, numbers, tf.constant(number), training, validation, rows)
                curve.append(logs["val_accuracy"].numpy())
            scores[place] = float(np.max(curve))
    return scores


def epoch(state, numbers, number, training, validation, rows):
    """One epoch and its evaluation.

    Args:
        state: As `padded.begin` makes it.
        numbers: As `padded.numbers_of` makes them.
        number: Number of the epoch, from 0.
        training: `(x, labels)`.
        validation: `(x, labels)`.
        rows: Rows of the whole batches, `(steps, batch)`, and of the rest.

    Returns:
        The state after it, and `{metric: number}` as `fit` logs them.
    """
    batches, rest = rows
    decay = numbers["learning_rate_decay"] * tf.cast(number, tf.float32)
    rate, keep = numbers["learning_rate"] / (1 + decay), numbers["sgd_momentum"]

    def one_step(state, sums, chosen):
        x, labels = (tf.gather(array, chosen) for array in training)
        state, now = step(state, rate, keep, x, labels)
        return state, [old + new for old, new in zip(sums, now, strict=True)]

    def body(i, state, sums):
        return i + 1, *one_step(state, sums, batches[i])

    start = (0, state, [tf.constant(0.0)] * 2)
    _, state, sums = tf.while_loop(lambda i, *_: i < batches.shape[0], body, start)
    if rest.shape[0]:
        state, sums = one_step(state, sums, rest)
    logits, _ = forward(state["weights"], validation[0], state["averages"])
    examples = training[1].shape[0], validation[1].shape[0]
    logs = [s / examples[0] for s in sums]
    logs += [s / examples[1] for s in sums_of(logits, validation[1])]
    return state, dict(zip(("loss", "accuracy", "val_loss", "val_accuracy"), logs, strict=True))


def step(state, rate, keep, x, labels):
    """One step of gradient descent with momentum; also the sums of losses and of hits."""
    weights, averages = state["weights"], state["averages"]
    with tf.GradientTape() as tape:
        tape.watch(weights)
        logits, statistics = forward(weights, x)
        sums = sums_of(logits, labels)
        loss = sums[0] / labels.shape[0]
    gradients = tape.gradient(loss, weights)
    velocity = tf.nest.map_structure(lambda v, g: keep * v - rate * g, state["velocity"], gradients)
    weights = tf.nest.map_structure(tf.add, weights, velocity)
    statistics["weight"] = tf.constant(1.0)
    averages = tf.nest.map_structure(
        lambda old, new: MOMENTUM * old + (1 - MOMENTUM) * new, averages, statistics
    )
    return {"weights": weights, "velocity": velocity, "averages": averages}, sums


def forward(weights, x, averages=None):
    """The logits, and each batch norm's statistics; by the averages if there are any."""
    means, variances = [], []
    for i, (gamma, beta) in enumerate(zip(weights["gammas"], weights["betas"], strict=True)):
        x = x @ weights["kernels"][i]
        if averages is None:
            mean, variance = tf.nn.moments(x, 0)
        else:  # without what they began with
            mean, variance = (averages[n][i] / averages["weight"] for n in ("means", "variances"))
        means.append(mean)
        variances.append(variance)
        x = tf.nn.relu(tf.nn.batch_normalization(x, mean, variance, beta, gamma, EPSILON))
    logits = x @ weights["kernels"][-1] + weights["bias"]
    return logits, {"means": means, "variances": variances}


def sums_of(logits, labels):
    """Sum of the examples' losses, and number of hits."""
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    hits = tf.argmax(logits, axis=1, output_type=labels.dtype) == labels
    return [tf.reduce_sum(losses), tf.reduce_sum(tf.cast(hits, tf.float32))]
