"""Optimisers of stacked trials: one rule for all, each trial with its own numbers."""

import dataclasses

import numpy as np
import tensorflow as tf

from tuning.stacked.errors import NotStackable
from tuning.stacked.updates import UPDATES, Step

_CLIPPING = ("clipnorm", "global_clipnorm", "clipvalue")  # the order in which Keras looks


@dataclasses.dataclass(frozen=True)
class Rule:
    """What the optimisers of one stack have in common: all but their numbers."""

    kind: type
    """Keras's class."""
    options: frozenset
    """`decay`, and those of its `Update`'s that are on."""
    clipping: str | None
    """`clipnorm`, `global_clipnorm`, `clipvalue` or None."""

    @property
    def update(self):
        """The `Update` of the kind."""
        return UPDATES[self.kind]

    @property
    def slots(self):
        """Names of Keras's lists of variables, one for each weight, that the optimiser keeps."""
        optional = self.update.options.items()
        return (*self.update.slots, *(slot for o, slot in optional if slot and o in self.options))

    def first_slots(self, optimizer, weights):
        """What an optimiser of this rule keeps before its first step.

        Args:
            optimizer: Keras optimiser.
            weights: Arrays.

        Returns:
            `{name: [array]}`, for each of `slots` arrays of the weights' shapes.
        """
        first = dict.fromkeys(self.slots, 0.0)
        for slot, name in self.update.first_values.items():
            first[slot] = np.float32(getattr(optimizer, name))  # as Keras's initialiser rounds it
        return {slot: [np.full_like(w, value) for w in weights] for slot, value in first.items()}


def rule_of(optimizer):
    """The rule by which an optimiser updates.

    Args:
        optimizer: Keras optimiser.

    Returns:
        `Rule`; equal for optimisers that differ in their numbers only.

    Raises:
        NotStackable: If it does something that is not written for stacks.
    """
    kind = type(optimizer)
    if kind not in UPDATES:
        known = ", ".join(known.__name__ for known in UPDATES)
        raise NotStackable(f"the optimiser {kind.__name__} is none of {known}")
    for option in ("use_ema", "loss_scale_factor", "gradient_accumulation_steps"):
        if getattr(optimizer, option):
            raise NotStackable(f"the optimiser's {option} is not written for stacks")
    if getattr(optimizer, "_exclude_from_weight_decay", None) or getattr(
        optimizer, "_exclude_from_weight_decay_pattern", None
    ):
        raise NotStackable("the optimiser excludes weights from its decay")
    options = {option for option in UPDATES[kind].options if getattr(optimizer, option)}
    if optimizer.weight_decay is not None:
        options.add("decay")
    clipping = next((name for name in _CLIPPING if (getattr(optimizer, name) or 0) > 0), None)
    return Rule(kind, frozenset(options), clipping)


def numbers_of(optimizer):
    """An optimiser's numbers, apart from its learning rate.

    Args:
        optimizer: Keras optimiser of which `rule_of` knows the rule.

    Returns:
        `{name: float}`.
    """
    update = UPDATES[type(optimizer)]
    numbers = {name: float(getattr(optimizer, name)) for name in update.numbers}
    # In float32, 1 - 0.999 would be off by 1e-5: Keras subtracts Python's numbers.
    complements = [name for name in ("rho", "beta_1", "beta_2") if name in numbers]
    numbers |= {f"one_minus_{name}": 1 - numbers[name] for name in complements}
    bound = next((getattr(optimizer, n) for n in _CLIPPING if getattr(optimizer, n)), 0.0)
    numbers |= {"decay": float(optimizer.weight_decay or 0), "clip": float(bound)}
    through_float32 = {*update.in_float32, "decay"}
    return {k: float(np.float32(v)) if k in through_float32 else v for k, v in numbers.items()}


def apply(rule, numbers, learning_rate, iterations, weights, gradients, slots, squares=None):
    """One step of every trial, as Keras's `apply` makes it.

    Args:
        rule: `Rule`.
        numbers: `{name: (trials,) tensor}`, as `numbers_of` names them.
        learning_rate: Tensor of shape `(trials,)`.
        iterations: Steps each trial has made before, `(trials,)`.
        weights: Tensors of shape `(trials, ...)`.
        gradients: Tensors of the same shapes, zero in the padding; None: the weight stays.
        slots: `{name: tensors}` of the same shapes, for each of `rule.slots`.
        squares: `{place: tensor}` of what stands for the squares of some gradients.

    Returns:
        `(weights, slots)` after the step.

    Raises:
        NotStackable: If there are squares, and Keras clips or updates each row by itself.
    """
    if squares and (rule.clipping or not rule.update.takes_rows):
        what = rule.clipping or rule.kind.__name__
        raise NotStackable(f"{what} of an embedding's gradient is not written for stacks")
    squares = squares or {}
    moving = [i for i, gradient in enumerate(gradients) if gradient is not None]
    clipped = _clip(rule, numbers, [gradients[i] for i in moving])
    weights, slots = list(weights), {name: list(tensors) for name, tensors in slots.items()}
    for i, gradient in zip(moving, clipped, strict=True):
        own = {name: tensors[i] for name, tensors in slots.items()}
        weights[i], own = _update(
            rule, numbers, learning_rate, iterations, weights[i], gradient, squares.get(i), own
        )
        for name, tensor in own.items():
            slots[name][i] = tensor
    return weights, slots


def _clip(rule, numbers, gradients):
    """Clips gradients, each trial's by itself."""
    if rule.clipping == "clipnorm":
        return [_clip_by_norm(gradient, numbers["clip"]) for gradient in gradients]
    if rule.clipping == "clipvalue":
        bounds = [_along(numbers["clip"], gradient) for gradient in gradients]
        return [tf.clip_by_value(g, -b, b) for g, b in zip(gradients, bounds, strict=True)]
    if rule.clipping == "global_clipnorm":
        norm = tf.sqrt(tf.add_n([_sum_of_squares(gradient) for gradient in gradients]))
        bound = tf.cast(numbers["clip"], norm.dtype)
        scale = bound * tf.minimum(1 / norm, 1 / bound) + (norm - norm)  # NaN if norm is infinite
        return [gradient * _along(scale, gradient) for gradient in gradients]
    return gradients


def _clip_by_norm(gradient, bound):
    total = _sum_of_squares(gradient)
    norm = tf.where(total > 0, tf.sqrt(tf.where(total > 0, total, 1)), total)
    bound = tf.cast(bound, gradient.dtype)
    return gradient * _along(bound, gradient) / _along(tf.maximum(norm, bound), gradient)


def _sum_of_squares(gradient):
    return tf.reduce_sum(tf.square(gradient), range(1, gradient.shape.rank))


def _update(rule, numbers, learning_rate, iterations, weight, gradient, square, slots):
    step = Step(
        options=rule.options,
        numbers={name: _along(number, weight) for name, number in numbers.items()},
        rate=_along(learning_rate, weight),
        count=_along(iterations + 1, weight),
        square=tf.square(gradient) if square is None else square,
    )
    if "decay" in rule.options:
        weight = weight - weight * step.numbers["decay"] * step.rate
    return rule.update.formula(step, weight, gradient, slots)


def _along(number, weight):
    """Shapes one number for each trial so that it broadcasts to `weight`."""
    return tf.cast(tf.reshape(number, [-1] + [1] * (weight.shape.rank - 1)), weight.dtype)
