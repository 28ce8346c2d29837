"""Keeps what is built in between from moving the seeds that Keras gives to later models."""

import contextlib
import random
import threading

SEEDS = threading.RLock()
"""Held by a thread while it makes layers: Keras draws their seeds from Python's one generator."""


@contextlib.contextmanager
def undisturbed_seeds():
    """Within it, layers may be made; those made afterwards begin as if they had not been."""
    with SEEDS:
        state = random.getstate()
        try:
            yield
        finally:
            random.setstate(state)


def random_layers(model):
    """Layers of a model, or of a layer, that draw."""
    return [layer for layer in model._flatten_layers() if layer._seed_generators]


def draws_always(layer):
    """Whether a layer, or one within it, draws in inference too, as a `call` without `training`."""
    return any(not own._call_has_training_arg for own in random_layers(layer))


@contextlib.contextmanager
def drawing_nothing(model):
    """Within it, a model's random layers do as in inference, whatever they are told."""
    layers = [layer for layer in random_layers(model) if layer._call_has_training_arg]
    for layer in layers:
        layer.call = _inferring(layer.call)
    try:
        yield
    finally:
        for layer in layers:
            del layer.call


def _inferring(call):
    return lambda *inputs, **named: call(*inputs, **named | {"training": False})
