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
