"""All that training changes in one trial, out of its Keras model and back into it."""

import dataclasses

import numpy as np

from tuning.stacked.lazy_variables import initial_value
from tuning.stacked.stackable_layers import strengths_of
from tuning.stacked.updates import catch_up


@dataclasses.dataclass
class TrialState:
    """The state of one trial's training, in its own widths; numpy only, so that it pickles."""

    weights: list
    """Trainable weights, in the template's order."""
    others: list
    """Moving averages, dropout rates and states of seeds, in the template's order."""
    slots: dict
    """`{name: [array]}`: what the optimiser keeps for each weight."""
    iterations: int
    """Steps the optimiser has made."""


def read_state(model, skeleton, template, rule):
    """The state of a Keras model.

    Args:
        model: Compiled, built Keras model.
        skeleton: Its `Skeleton`.
        template: `Template` of its stack.
        rule: `Rule` of its optimiser.

    Returns:
        `TrialState`.
    """
    weights = [initial_value(variable_of(skeleton, entry)) for entry in template.trainable]
    others = [_other(skeleton, entry) for entry in template.others]
    optimizer = model.optimizer
    if not optimizer.built:
        slots = rule.first_slots(optimizer, weights)
        return TrialState(weights, others, slots, int(initial_value(optimizer.iterations)))
    slots = {
        name: [np.asarray(variable) for variable in _slot(optimizer, name, skeleton, template)]
        for name in rule.slots
    }
    return TrialState(weights, others, slots, int(optimizer.iterations))


def write_state(state, model, skeleton, template):
    """Puts a state into a Keras model, so that its own `fit` goes on from there.

    Args:
        state: `TrialState`.
        model: Compiled, built Keras model.
        skeleton: Its `Skeleton`.
        template: `Template` of its stack.
    """
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    for entry, weight in zip(template.trainable, state.weights, strict=True):
        variable_of(skeleton, entry).assign(weight)
    for entry, value in zip(template.others, state.others, strict=True):
        is_variable = entry.kind not in ("rate", "strength")
        variable = variable_of(skeleton, entry) if is_variable else None
        if variable is not None:
            variable.assign(value)
    for name, values in state.slots.items():
        slots = _slot(model.optimizer, name, skeleton, template)
        for variable, value in zip(slots, values, strict=True):
            variable.assign(value)
    model.optimizer.iterations.assign(state.iterations)
    catch_up(model.optimizer)


def variable_of(skeleton, entry):
    """The Keras variable of a trial's model that an `Entry` of the template stands for."""
    layer = skeleton.nodes[entry.place].operation
    if entry.kind == "seed":
        seeds = [v for v in layer.non_trainable_variables if "seed_generator_state" in v.path]
        return seeds[0] if seeds else None  # a dropout with rate 0 draws nothing
    variables = layer.trainable_variables if entry.kind == "trainable" else None
    return (layer.non_trainable_variables if variables is None else variables)[entry.index]


def _other(skeleton, entry):
    if entry.kind == "strength":
        strengths = strengths_of(skeleton.nodes[entry.place].operation)
        return np.asarray(list(strengths.values())[entry.index], entry.dtype)
    if entry.kind == "rate":
        return np.asarray(skeleton.nodes[entry.place].operation.rate, entry.dtype)
    variable = variable_of(skeleton, entry)
    return np.zeros(2, entry.dtype) if variable is None else initial_value(variable)


def _slot(optimizer, name, skeleton, template):
    variables = [variable_of(skeleton, entry) for entry in template.trainable]
    return [getattr(optimizer, name)[optimizer._get_variable_index(v)] for v in variables]
