"""Keeps what is built in between from moving the seeds that Keras gives to later models."""

import contextlib
import random


@contextlib.contextmanager
def undisturbed_seeds():
    """Within it, layers may be made; those made afterwards begin as if they had not been.

    (Keras draws the seed of every initialiser and random layer from Python's generator.)
    """
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)
