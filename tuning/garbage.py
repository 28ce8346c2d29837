"""What Python's garbage collector need not look at: it takes half a second each time."""

import contextlib
import gc


@contextlib.contextmanager
def frozen_heap():
    """Takes all that exists, TensorFlow's million objects, out of the garbage collector's sight.

    keras-tuner collects before each trial, which then takes milliseconds and not half a second.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextlib.contextmanager
def uncollected():
    """Within it, what is made is not searched for garbage: models that last, and hardly any."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
