"""Fork and look: copies of a live model trained side by side, each with numbers of its own."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from tuning.panda.look import Look
from tuning.panda.optimizer_numbers import with_numbers
from tuning.panda.passes import passes
from tuning.panda.untouched import untouched
from tuning.stacked.data import Data
from tuning.stacked.errors import NotStackable, failure
from tuning.stacked.groups import Grouping
from tuning.stacked.optimizers import rule_of
from tuning.stacked.stack import Stack
from tuning.stacked.trial_state import read_state


def fork_and_look(
    model, x, y, variations, *, steps=200, batch_size=64, seed=0, validation=None, looks=10
):
    """Trains copies of a live model side by side, each with numbers of its own in the optimiser.

    Every copy goes on from the model's weights, averages and optimiser state, on the same
    mini-batches. The model stays as it is, until the copy that did best is adopted.

    Args:
        model: Compiled, built Keras model whose learning rate is a number.
        x: Features, an array or a nest of arrays, `(examples, ...)`.
        y: Labels.
        variations: For each copy the optimiser's numbers that differ from the model's,
            `{name: number}`, e.g. `[{}, {"learning_rate": 0.03}]`.
        steps: Steps of each copy, 1 or more. Default 200.
        batch_size: Examples of a mini-batch, 1 or more. Default 64.
        seed: Integer, 0 or more, that decides the order of the examples. Default 0.
        validation: Optional `(x, y)` that the copies are compared on; else the training loss.
        looks: How often to look at the copies meanwhile, 1 or more. Default 10.

    Returns:
        `Look`.

    Raises:
        ValueError: If an argument is out of range.
        NotStackable: If the model cannot be trained in a stack; the message says why.

    Reference:
        Wu, Ren, Liao and Grosse, "Understanding Short-Horizon Bias in Stochastic
        Meta-Optimization", 2018, on what a short look cannot see.
    """
    copies = _copies(model, variations)
    _check(steps=steps, batch_size=batch_size, looks=looks)
    data = Data(x, y)
    batch_size = min(batch_size, data.examples)
    parts = [len(part) for part in np.array_split(np.arange(steps), min(looks, steps))]
    rows = np.split(passes(data, seed, steps * batch_size), batch_size * np.cumsum(parts)[:-1])
    evaluated = None if validation is None else Data(*validation)
    with untouched(model):
        stack, logs = _trained(model, copies, batch_size, data, evaluated, rows, seed)
    return Look(
        variations=[dict(variation) for variation in variations],
        objective="loss" if validation is None else "val_loss",
        steps=np.cumsum(parts),
        curves={name: np.stack([each[name] for each in logs]) for name in logs[0]},
        states=stack.states(),
        template=stack.program.template,
    )


@dataclasses.dataclass(frozen=True)
class _Copy:
    """What a stack reads of a model whose state is given."""

    optimizer: keras.optimizers.Optimizer


def _copies(model, variations):
    """A `_Copy` for each variation."""
    if not getattr(model, "compiled", False) or not model.built:
        raise ValueError("model must be compiled and built. Received: one that is not.")
    if not len(variations):
        raise ValueError("variations must be one or more. Received: variations=[].")
    if not isinstance(model.optimizer._learning_rate, keras.Variable):
        kind = type(model.optimizer._learning_rate).__name__
        raise ValueError(f"learning_rate must be a number. Received: learning_rate={kind}.")
    rule, copies = rule_of(model.optimizer), []
    for variation in variations:
        copies.append(_Copy(with_numbers(model.optimizer, variation)))
        if rule_of(copies[-1].optimizer) != rule:
            raise ValueError(
                "variations must leave a momentum, weight decay or clipping that is off, off, and "
                f"one that is on, on. Received: {variation}."
            )
    return copies


def _trained(model, copies, batch_size, data, validation, rows, seed):
    """The stack of copies after its training, and what it logged at each look."""
    grouping = Grouping(data)
    groups, reasons = grouping.group([model], [batch_size])
    reason = reasons.get(0)
    if not reason:
        program = grouping.program(groups[0])
        reason = grouping.objection(program, groups[0])
    for jit_compile in () if reason else (True, False):
        # What XLA cannot compile (a recurrent layer, say) is tried as TensorFlow's graph.
        stack = _stack(program, model, groups[0], copies, data, validation, jit_compile)
        try:
            return stack, [stack.train_epoch(part, seed + look) for look, part in enumerate(rows)]
        except tf.errors.OpError as error:
            why = failure(error)
    raise NotStackable(f"the model cannot be forked: {reason or why}.")


def _stack(program, model, group, copies, data, validation, jit_compile):
    (skeleton,) = group.skeletons
    state = read_state(model, skeleton, program.template, program.rule)
    number = len(copies)
    return Stack(
        program,
        copies,
        [skeleton] * number,
        group.batch_size,
        data,
        validation,
        states=[state] * number,
        validation_batch_size=validation
        and validation.evaluation_batch_size(None if program.adds_up else group.batch_size),
        jit_compile=jit_compile,
    )


def _check(**numbers):
    for name, value in numbers.items():
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a whole number, 1 or more. Received: {name}={value}.")
