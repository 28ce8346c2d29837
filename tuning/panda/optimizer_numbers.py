"""Optimisers like another one, but for some of its numbers."""

import math

import keras

from tuning.optimizer_state import variables_of

_SCALED = keras.optimizers.LossScaleOptimizer


def with_numbers(optimizer, numbers):
    """A new optimiser of the same kind, which has made no step yet.

    Args:
        optimizer: Keras optimiser.
        numbers: `{name: number}`, e.g. `{"learning_rate": 0.1}`; names as in its constructor.

    Returns:
        Keras optimiser.

    Raises:
        ValueError: If the optimiser has no such number, or it may not have that value.
    """
    if isinstance(optimizer, _SCALED):
        config = {k: v for k, v in optimizer.get_config().items() if k != "inner_optimizer"}
        return _SCALED(with_numbers(optimizer.inner_optimizer, numbers), **config)
    config = optimizer.get_config()
    for name, number in numbers.items():
        if isinstance(config.get(name, ""), str | bool):
            known = ", ".join(k for k, v in config.items() if not isinstance(v, str | bool))
            raise ValueError(
                f"numbers must be {type(optimizer).__name__}'s own: {known}. Received: {name}."
            )
        if not math.isfinite(number):
            raise ValueError(f"{name} must be a finite number. Received: {name}={number}.")
        config[name] = float(number)
    return type(optimizer).from_config(config)


def copy_state(optimizer, to):
    """Copies what an optimiser has gathered so far: steps and averages, not its learning rate.

    Args:
        optimizer: Built Keras optimiser.
        to: Another, built for the same weights by `with_numbers`.
    """
    pairs = zip(_gathered(optimizer), _gathered(to), strict=True)
    for variable, copy in pairs:
        copy.assign(variable)


def _gathered(optimizer):
    return [v for v in variables_of(optimizer) if v.name != "learning_rate"]
