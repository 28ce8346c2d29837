"""Trains models in one stack and each by Keras's own `fit`, and measures how far apart they end."""

import dataclasses

import numpy as np
import tensorflow as tf

from tuning.stacked import Data, Grouping, Stack, check_first_batch


@dataclasses.dataclass
class Outcome:
    """What became of the trials."""

    differences: list
    """For each trial, distance of stack and `fit` over the distance `fit` travelled: weights."""
    averages: list
    """The same for what training moves otherwise; 0 where there is nothing."""
    logs: list
    """For each epoch, what the stack logged: `{name: (trials,)}`."""
    histories: list
    """For each trial, the history of its `fit`."""
    objection: str | None
    """What the check of the first batch said."""


def examples(n=37, features=6, classes=3, seed=0, dtype="float32"):
    draw = np.random.default_rng(seed)
    return draw.normal(size=(n, features)).astype(dtype), draw.integers(0, classes, n)


def stacked(models, data, batch_size=8, validation=None, jit_compile=True):
    """A stack of models that must be one group."""
    grouping = Grouping(data, validation)
    groups, reasons = grouping.group(models, [batch_size] * len(models))
    assert not reasons, reasons
    assert len(groups) == 1, f"{len(groups)} groups"
    program = grouping.program(groups[0])
    how = {"validation": validation, "jit_compile": jit_compile}
    return Stack(program, models, groups[0].skeletons, batch_size, data, **how)


def orders(examples, epochs):
    return [np.random.default_rng([7, epoch]).permutation(examples) for epoch in range(epochs)]


def train_both_ways(
    models,
    x,
    y,
    epochs=1,
    batch_size=8,
    sample_weight=None,
    validation=None,
    jit_compile=True,
    eagerly=True,
):
    """Trains in a stack, then alone; the models end as `fit` left them."""
    given = None if validation is None else Data(*validation)
    data = Data(x, y, sample_weight)
    stack = stacked(models, data, batch_size, given, jit_compile)
    skeletons, before = [place.skeleton for place in stack._places], stack.states()
    objection = check_first_batch(stack.program, models, skeletons, batch_size, data)
    logs = [stack.train_epoch(order, seed=1) for order in orders(len(x), epochs)]
    after = stack.states()
    histories = [
        fit(model, x, y, orders(len(x), epochs), batch_size, sample_weight, validation, eagerly)
        for model in models
    ]
    alone = Stack(stack.program, models, skeletons, batch_size, data).states()
    ends = list(zip(after, alone, before, strict=True))
    return Outcome(
        differences=[relative(a.weights, o.weights, b.weights) for a, o, b in ends],
        averages=[relative(*(_averages(stack, state) for state in trial)) for trial in ends],
        logs=logs,
        histories=histories,
        objection=objection,
    )


def fit(model, x, y, orders, batch_size=8, sample_weight=None, validation=None, eagerly=True):
    """Keras's own training, on the same batches; its history.

    It runs op by op unless told otherwise: a few steps are not worth tracing and compiling.
    """
    model.run_eagerly, history = eagerly, {}
    for order in orders:
        weights = None if sample_weight is None else sample_weight[order]
        logs = model.fit(
            x[order],
            tf.nest.map_structure(lambda labels: labels[order], y),  # noqa: B023
            batch_size=batch_size,
            sample_weight=weights,
            validation_data=validation,
            shuffle=False,
            verbose=0,
        ).history
        for name, values in logs.items():
            history.setdefault(name, []).extend(values)
    return history


def relative(ours, theirs, before):
    """Distance between two ends of a training over the distance travelled."""
    ours, theirs, before = (_joined(arrays) for arrays in (ours, theirs, before))
    travelled = np.linalg.norm(theirs - before)
    return np.linalg.norm(ours - theirs) / (travelled or 1.0)


def _joined(arrays):
    return np.concatenate([np.zeros(1), *(np.ravel(array).astype("float64") for array in arrays)])


def _averages(stack, state):
    entries = stack.program.template.others
    pairs = zip(state.others, entries, strict=True)
    return [value for value, entry in pairs if entry.kind == "state"]
