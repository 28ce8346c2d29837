"""What Python's garbage collector need not look at: it takes half a second each time."""

import contextlib
import gc


@contextlib.contextmanager
def frozen_heap():
    """Takes all that exists, TensorFlow's million objects, out of the garbage collector's sight.

    keras-tuner collects before each trial, which then takes milliseconds and not half a second.
    Where a caller has frozen the heap already, as `import recipes` does, it stays as it is.
    """
    if gc.get_freeze_count():  # there is no thawing of one's own part only
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
