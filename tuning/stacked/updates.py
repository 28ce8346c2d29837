"""The update of each of Keras's optimisers, written for stacked weights.

Keras's own updates assign to variables and cannot be vectorised on TensorFlow. These are the same
formulas on tensors whose first axis counts the trials.
"""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Update:
    """What one kind of optimiser reads, keeps and does.

    Attributes:
        formula: From `Step`, weight, gradient and `{slot: tensor}` of one weight to its new value
            and slots.
        numbers: Names of the optimiser's numbers that differ between trials.
        in_float32: Those of them that Keras takes through float32 even for float64 weights.
        slots: Names of Keras's lists of variables, one for each weight, that it always keeps.
        options: `{option: the slot it needs more, or None}` of what can be on or off.
        first_values: `{slot: name of the number}` for slots that do not begin with zeros.
        takes_rows: Whether Keras gives an embedding's gradient the same formula, row by row.
    """

    formula: Callable
    numbers: tuple = ()
    in_float32: tuple = ()
    slots: tuple = ()
    options: dict = dataclasses.field(default_factory=dict)
    first_values: dict = dataclasses.field(default_factory=dict)
    takes_rows: bool = True


@dataclasses.dataclass(frozen=True)
class Step:
    """What a formula needs besides weight, gradient and slots; all broadcasts to the weight.

    Attributes:
        options: Those that are on.
        numbers: `{name: tensor}`, and of every `rho` or `beta` also `one_minus_...`.
        rate: Learning rate.
        count: Number of this step, from 1.
        square: The gradient's square.
    """

    options: frozenset
    numbers: dict
    rate: tf.Tensor
    count: tf.Tensor
    square: tf.Tensor


def _sgd(step, weight, gradient, slots):
    if not slots:
        return weight - gradient * step.rate, {}
    beta = step.numbers["momentum"]
    momentum = slots["momentums"] * beta - gradient * step.rate
    nesterov = "nesterov" in step.options
    change = momentum * beta - gradient * step.rate if nesterov else momentum
    return weight + change, {"momentums": momentum}


def _rmsprop(step, weight, gradient, slots):
    n = step.numbers
    velocity = n["rho"] * slots["_velocities"] + n["one_minus_rho"] * step.square
    slots = slots | {"_velocities": velocity}
    denominator = velocity + n["epsilon"]
    if "centered" in step.options:
        average = n["rho"] * slots["_average_gradients"] + n["one_minus_rho"] * gradient
        slots["_average_gradients"] = average
        denominator = velocity - tf.square(average) + n["epsilon"]
    change = step.rate * gradient / tf.sqrt(denominator)
    if "momentum" in step.options:
        change = slots["_momentums"] = n["momentum"] * slots["_momentums"] + change
    return weight - change, slots


def _adam(step, weight, gradient, slots):
    n, count = step.numbers, step.count
    alpha = step.rate * tf.sqrt(1 - tf.pow(n["beta_2"], count)) / (1 - tf.pow(n["beta_1"], count))
    slots = slots | _moments(step, gradient, slots)
    velocity = slots["_velocities"]
    if "amsgrad" in step.options:
        velocity = slots["_velocity_hats"] = tf.maximum(slots["_velocity_hats"], velocity)
    return weight - slots["_momentums"] * alpha / (tf.sqrt(velocity) + n["epsilon"]), slots


def _moments(step, gradient, slots):
    momentum, velocity = slots["_momentums"], slots["_velocities"]
    momentum += (gradient - momentum) * step.numbers["one_minus_beta_1"]
    velocity += (step.square - velocity) * step.numbers["one_minus_beta_2"]
    return {"_momentums": momentum, "_velocities": velocity}


def _lamb(step, weight, gradient, slots):
    n, count = step.numbers, step.count
    slots = _moments(step, gradient, slots)
    momentum = slots["_momentums"] / (1 - tf.pow(n["beta_1"], count))
    velocity = slots["_velocities"] / (1 - tf.pow(n["beta_2"], count))
    change = momentum / (tf.sqrt(velocity) + n["epsilon"])
    lengths = _length(weight), _length(change)
    both = (lengths[0] > 0) & (lengths[1] > 0)
    ratio = tf.where(both, lengths[0] / lengths[1], tf.ones_like(lengths[0]))
    return weight - ratio * step.rate * change, slots


def _length(tensor):
    axes = range(1, tensor.shape.rank)
    return tf.sqrt(tf.reduce_sum(tf.square(tensor), axes, keepdims=True))


_NADAM_DECAY = 0.96
_NADAM_PRODUCTS = np.cumprod(1 - 0.5 * _NADAM_DECAY ** np.arange(1, 1001))
"""Of the first steps; from some 900 on it is the same in float64."""


def _nadam(step, weight, gradient, slots):
    n, count = step.numbers, step.count
    decay = tf.constant(np.float32(_NADAM_DECAY), weight.dtype, shape=[])
    now = n["beta_1"] * (1 - 0.5 * tf.pow(decay, count))
    next_one = n["beta_1"] * (1 - 0.5 * tf.pow(decay, count + 1))
    place = tf.cast(tf.minimum(count, len(_NADAM_PRODUCTS)), tf.int32) - 1
    products = tf.gather(tf.constant(_NADAM_PRODUCTS, weight.dtype), place)
    product = tf.pow(1 - n["one_minus_beta_1"], count) * products
    momentum, velocity = slots["_momentums"], slots["_velocities"]
    momentum += (gradient - momentum) * (1 - n["beta_1"])
    velocity += (step.square - velocity) * (1 - n["beta_2"])
    ahead = next_one * momentum / (1 - product * next_one) + (1 - now) * gradient / (1 - product)
    denominator = tf.sqrt(velocity / (1 - tf.pow(n["beta_2"], count))) + n["epsilon"]
    slots = {"_momentums": momentum, "_velocities": velocity}
    return weight - ahead * step.rate / denominator, slots


def _adamax(step, weight, gradient, slots):
    n = step.numbers
    average = slots["_m"] + (gradient - slots["_m"]) * n["one_minus_beta_1"]
    largest = tf.maximum(n["beta_2"] * slots["_u"], tf.abs(gradient))
    denominator = (1 - tf.pow(n["beta_1"], step.count)) * (largest + n["epsilon"])
    return weight - step.rate * average / denominator, {"_m": average, "_u": largest}


def _adagrad(step, weight, gradient, slots):
    total = slots["_accumulators"] + step.square
    change = step.rate * gradient / tf.sqrt(total + step.numbers["epsilon"])
    return weight - change, {"_accumulators": total}


def _adadelta(step, weight, gradient, slots):
    n = step.numbers
    squares = n["rho"] * slots["_accumulated_grads"] + n["one_minus_rho"] * step.square
    changes = slots["_accumulated_delta_vars"]
    change = tf.sqrt(changes + n["epsilon"]) * gradient / tf.sqrt(squares + n["epsilon"])
    changes = n["rho"] * changes + n["one_minus_rho"] * tf.square(change)
    slots = {"_accumulated_grads": squares, "_accumulated_delta_vars": changes}
    return weight - step.rate * change, slots


def _lion(step, weight, gradient, slots):
    n, momentum = step.numbers, slots["_momentums"]
    direction = tf.sign(momentum * n["beta_1"] + gradient * (1 - n["beta_1"]))
    momentum = momentum * n["beta_2"] + gradient * (1 - n["beta_2"])
    return weight - step.rate * direction, {"_momentums": momentum}


def _ftrl(step, weight, gradient, slots):
    n, rate = step.numbers, step.rate
    total = slots["_accumulators"] + step.square
    power, before = (tf.pow(t, -n["learning_rate_power"]) for t in (total, slots["_accumulators"]))
    shrunk = gradient + 2 * n["l2_shrinkage_regularization_strength"] * weight
    linear = slots["_linears"] + shrunk - (power - before) / rate * weight
    l1 = n["l1_regularization_strength"]
    l2 = n["l2_regularization_strength"] + n["beta"] / (2 * rate)
    weight = (tf.clip_by_value(linear, -l1, l1) - linear) / (power / rate + 2 * l2)
    return weight, {"_accumulators": total, "_linears": linear}


_BETAS = "beta_1", "beta_2"
_MOMENTS = "_momentums", "_velocities"
_ADAM = Update(_adam, (*_BETAS, "epsilon"), _BETAS, _MOMENTS, {"amsgrad": "_velocity_hats"})
_STRENGTHS = (
    "l1_regularization_strength",
    "l2_regularization_strength",
    "l2_shrinkage_regularization_strength",
)

UPDATES = {
    keras.optimizers.SGD: Update(
        _sgd, ("momentum",), ("momentum",), options={"momentum": "momentums", "nesterov": None}
    ),
    keras.optimizers.RMSprop: Update(
        _rmsprop,
        ("rho", "momentum", "epsilon"),
        slots=("_velocities",),
        options={"momentum": "_momentums", "centered": "_average_gradients"},
    ),
    keras.optimizers.Adam: _ADAM,
    keras.optimizers.AdamW: _ADAM,
    keras.optimizers.Nadam: Update(_nadam, (*_BETAS, "epsilon"), _BETAS, _MOMENTS),
    keras.optimizers.Lamb: Update(_lamb, (*_BETAS, "epsilon"), _BETAS, _MOMENTS),
    keras.optimizers.Adamax: Update(
        _adamax, (*_BETAS, "epsilon"), ("beta_1",), ("_m", "_u"), takes_rows=False
    ),
    keras.optimizers.Adagrad: Update(
        _adagrad,
        ("epsilon",),
        slots=("_accumulators",),
        first_values={"_accumulators": "initial_accumulator_value"},
    ),
    keras.optimizers.Adadelta: Update(
        _adadelta,
        ("rho", "epsilon"),
        slots=("_accumulated_grads", "_accumulated_delta_vars"),
        takes_rows=False,
    ),
    keras.optimizers.Lion: Update(_lion, _BETAS, _BETAS, ("_momentums",)),
    keras.optimizers.Ftrl: Update(
        _ftrl,
        ("learning_rate_power", "beta", *_STRENGTHS),
        slots=("_accumulators", "_linears"),
        first_values={"_accumulators": "initial_accumulator_value"},
    ),
}
"""Of each of Keras's optimisers that stacks know."""


def catch_up(optimizer):
    """Sets what an optimiser keeps besides slots to what it is after its steps."""
    if isinstance(optimizer, keras.optimizers.Nadam):
        steps = int(optimizer.iterations)
        products = _NADAM_PRODUCTS[min(steps, len(_NADAM_PRODUCTS)) - 1] if steps else 1.0
        optimizer._u_product.assign(optimizer.beta_1**steps * products)
