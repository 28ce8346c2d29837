"""What Python's garbage collector need not look at: it takes half a second each time."""

import contextlib
import gc

_is_frozen_for_good = False


def freeze_for_good():
    """Takes all that exists out of the garbage collector's sight, until the process ends."""
    global _is_frozen_for_good
    gc.collect()
    gc.freeze()
    _is_frozen_for_good = True


@contextlib.contextmanager
def frozen_heap():
    """Takes all that exists, TensorFlow's million objects, out of the garbage collector's sight.

    keras-tuner collects before each trial, which then takes milliseconds and not half a second.
    A heap that is frozen for good, as `import recipes` does, is left as it is.
    """
    if _is_frozen_for_good:  # there is no thawing of one's own part only
        yield
        return
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
