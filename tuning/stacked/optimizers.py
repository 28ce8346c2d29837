"""Keras's optimisers for stacked weights: element-wise updates, each trial with its own numbers.

Keras's own updates assign to variables and cannot be vectorised on TensorFlow. These are the same
formulas on tensors whose first axis counts the trials.
"""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from tuning.stacked.errors import NotStackable

_NUMBERS = {
    keras.optimizers.SGD: ("momentum",),
    keras.optimizers.RMSprop: ("rho", "momentum", "epsilon"),
    keras.optimizers.Adam: ("beta_1", "beta_2", "epsilon"),
    keras.optimizers.AdamW: ("beta_1", "beta_2", "epsilon"),
}
_CLIPPING = ("clipnorm", "global_clipnorm", "clipvalue")  # the order in which Keras looks


@dataclasses.dataclass(frozen=True)
class Rule:
    """What the optimisers of one stack have in common: all but their numbers."""

    kind: type
    """Keras's class."""
    options: frozenset
    """Of `momentum`, `nesterov`, `centered`, `amsgrad`, `decay`."""
    clipping: str | None
    """`clipnorm`, `global_clipnorm`, `clipvalue` or None."""

    @property
    def slots(self):
        """Names of Keras's lists of variables, one for each weight, that the optimiser keeps."""
        if self.kind is keras.optimizers.SGD:
            return ("momentums",) if "momentum" in self.options else ()
        if self.kind is keras.optimizers.RMSprop:
            named = {"momentum": "_momentums", "centered": "_average_gradients"}
            return ("_velocities", *(named[o] for o in named if o in self.options))
        hats = ("_velocity_hats",) if "amsgrad" in self.options else ()
        return ("_momentums", "_velocities", *hats)


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
    if kind not in _NUMBERS:
        known = ", ".join(known.__name__ for known in _NUMBERS)
        raise NotStackable(f"the optimiser {kind.__name__} is none of {known}")
    for option in ("use_ema", "loss_scale_factor", "gradient_accumulation_steps"):
        if getattr(optimizer, option):
            raise NotStackable(f"the optimiser's {option} is not written for stacks")
    if getattr(optimizer, "_exclude_from_weight_decay", None) or getattr(
        optimizer, "_exclude_from_weight_decay_pattern", None
    ):
        raise NotStackable("the optimiser excludes weights from its decay")
    options = {o for o in ("momentum", "nesterov", "centered", "amsgrad") if _has(optimizer, o)}
    if optimizer.weight_decay is not None:
        options.add("decay")
    clipping = next((name for name in _CLIPPING if (getattr(optimizer, name) or 0) > 0), None)
    return Rule(kind, frozenset(options), clipping)


def _has(optimizer, option):
    return bool(getattr(optimizer, option, False))


def numbers_of(optimizer):
    """An optimiser's numbers, apart from its learning rate.

    Args:
        optimizer: Keras optimiser of which `rule_of` knows the rule.

    Returns:
        `{name: float}`.
    """
    numbers = {name: float(getattr(optimizer, name)) for name in _NUMBERS[type(optimizer)]}
    # In float32, 1 - 0.999 would be off by 1e-5: Keras subtracts Python's numbers.
    complements = [name for name in ("rho", "beta_1", "beta_2") if name in numbers]
    numbers |= {f"one_minus_{name}": 1 - numbers[name] for name in complements}
    bound = next((getattr(optimizer, n) for n in _CLIPPING if getattr(optimizer, n)), 0.0)
    numbers |= {"decay": float(optimizer.weight_decay or 0), "clip": float(bound)}
    # These Keras takes through float32 even for float64 weights.
    through_float32 = {"beta_1", "beta_2", "decay"}
    if isinstance(optimizer, keras.optimizers.SGD):
        through_float32.add("momentum")
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
        NotStackable: If gradients are clipped of which Keras clips each row.
    """
    if squares and rule.clipping:
        raise NotStackable(f"{rule.clipping} of an embedding's gradient is not written for stacks")
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
    n = {name: _along(number, weight) for name, number in numbers.items()}
    rate = _along(learning_rate, weight)
    if "decay" in rule.options:
        weight = weight - weight * n["decay"] * rate
    if rule.kind is keras.optimizers.SGD:
        return _sgd(rule, n, rate, weight, gradient, slots)
    square = tf.square(gradient) if square is None else square
    if rule.kind is keras.optimizers.RMSprop:
        return _rmsprop(rule, n, rate, weight, gradient, square, slots)
    return _adam(rule, n, rate, _along(iterations + 1, weight), weight, gradient, square, slots)


def _along(number, weight):
    """Shapes one number for each trial so that it broadcasts to `weight`."""
    return tf.cast(tf.reshape(number, [-1] + [1] * (weight.shape.rank - 1)), weight.dtype)


def _sgd(rule, n, rate, weight, gradient, slots):
    if not slots:
        return weight - gradient * rate, {}
    momentum = slots["momentums"] * n["momentum"] - gradient * rate
    step = momentum * n["momentum"] - gradient * rate if "nesterov" in rule.options else momentum
    return weight + step, {"momentums": momentum}


def _rmsprop(rule, n, rate, weight, gradient, square, slots):
    velocity = n["rho"] * slots["_velocities"] + n["one_minus_rho"] * square
    slots = slots | {"_velocities": velocity}
    denominator = velocity + n["epsilon"]
    if "centered" in rule.options:
        average = n["rho"] * slots["_average_gradients"] + n["one_minus_rho"] * gradient
        slots["_average_gradients"] = average
        denominator = velocity - tf.square(average) + n["epsilon"]
    step = rate * gradient / tf.sqrt(denominator)
    if "momentum" in rule.options:
        step = slots["_momentums"] = n["momentum"] * slots["_momentums"] + step
    return weight - step, slots


def _adam(rule, n, rate, step, weight, gradient, square, slots):
    alpha = rate * tf.sqrt(1 - tf.pow(n["beta_2"], step)) / (1 - tf.pow(n["beta_1"], step))
    momentum, velocity = slots["_momentums"], slots["_velocities"]
    momentum += (gradient - momentum) * n["one_minus_beta_1"]
    velocity += (square - velocity) * n["one_minus_beta_2"]
    slots = slots | {"_momentums": momentum, "_velocities": velocity}
    if "amsgrad" in rule.options:
        velocity = tf.maximum(slots["_velocity_hats"], velocity)
        slots["_velocity_hats"] = velocity
    return weight - momentum * alpha / (tf.sqrt(velocity) + n["epsilon"]), slots
