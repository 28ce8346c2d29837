"""JAX by hand: one trial's epoch, `vmap` over the trials of a depth and batch size, `jit`."""

import jax
import jax.numpy as jnp
import numpy as np

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
    jax.clear_caches()  # as in a process of its own
    run = jax.jit(jax.vmap(epoch, in_axes=(0, 0, None, None, None, None)))
    training, validation = jax.tree.map(jnp.asarray, arrays_of(work))
    inputs, classes = training[0].shape[1], len(work.data.class_names)
    generator = np.random.default_rng(work.settings.seed)
    scores = np.zeros(len(trials))
    for (_, batch_size), places in by_program(work, trials).items():
        values = [work.values(trials[place]) for place in places]
        width = max(own["hidden_units"] for own in values)
        state = stacked([begin(own, inputs, classes, width, generator) for own in values])
        numbers = stacked([numbers_of(own) for own in values])
        settled = [len(training[0]), work.settings.epochs, batch_size, work.settings.seed]
        curves = []
        for number, rows in enumerate(orders(*settled)):
            state, logs = run(state, numbers, number, training, validation, rows)
            curves.append(np.asarray(logs["val_accuracy"]))
        scores[places] = np.max(curves, axis=0)
    return scores.tolist()


def stacked(trees):
    """Nests of arrays, trials first, from the trials' nests."""
    return jax.tree.map(lambda *arrays: jnp.asarray(np.stack(arrays)), *trees)


def epoch(state, numbers, number, training, validation, rows):
    """One epoch of one trial and its evaluation; arguments as in `one_after_another`."""
    batches, rest = rows
    decay = numbers["learning_rate_decay"] * number
    rate, keep = numbers["learning_rate"] / (1 + decay), numbers["sgd_momentum"]

    def one_step(carried, chosen):
        state, sums = carried
        state, now = step(state, rate, keep, *(array[chosen] for array in training))
        return (state, sums + now), None

    carried, _ = jax.lax.scan(one_step, (state, jnp.zeros(2)), batches)
    if len(rest):
        carried, _ = one_step(carried, rest)
    state, sums = carried
    logits, _ = forward(state["weights"], validation[0], state["averages"])
    logs = [*sums / len(training[1]), *sums_of(logits, validation[1]) / len(validation[1])]
    return state, dict(zip(("loss", "accuracy", "val_loss", "val_accuracy"), logs, strict=True))


def step(state, rate, keep, x, labels):
    """One step of gradient descent with momentum; also the sums of losses and of hits."""

    def loss_of(weights):
        logits, statistics = forward(weights, x)
        sums = sums_of(logits, labels)
        return sums[0] / len(labels), (sums, statistics)

    gradients, (sums, statistics) = jax.grad(loss_of, has_aux=True)(state["weights"])
    velocity = jax.tree.map(lambda v, g: keep * v - rate * g, state["velocity"], gradients)
    weights = jax.tree.map(jnp.add, state["weights"], velocity)
    averages = jax.tree.map(
        lambda old, new: MOMENTUM * old + (1 - MOMENTUM) * new,
        state["averages"],
        statistics | {"weight": 1.0},
    )
    return {"weights": weights, "velocity": velocity, "averages": averages}, sums


def forward(weights, x, averages=None):
    """The logits, and each batch norm's statistics; by the averages if there are any."""
    means, variances = [], []
    for i, (gamma, beta) in enumerate(zip(weights["gammas"], weights["betas"], strict=True)):
        x = x @ weights["kernels"][i]
        if averages is None:
            mean, variance = x.mean(0), x.var(0)
        else:  # without what they began with
            mean, variance = (averages[n][i] / averages["weight"] for n in ("means", "variances"))
        means.append(mean)
        variances.append(variance)
        x = jax.nn.relu((x - mean) * (gamma * jax.lax.rsqrt(variance + EPSILON)) + beta)
    logits = x @ weights["kernels"][-1] + weights["bias"]
    return logits, {"means": means, "variances": variances}


def sums_of(logits, labels):
    """Sum of the examples' losses, and number of hits."""
    losses = jax.nn.logsumexp(logits, axis=1) - logits[jnp.arange(len(labels)), labels]
    return jnp.stack([losses.sum(), (logits.argmax(1) == labels).sum()])
