"""Processes with JAX and without."""

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor


def without_jax():
    """Keeps TensorFlow from importing JAX, as it does where that is installed.

    JAX's objects lengthen every garbage collection: keras-tuner, which collects before each trial,
    would pay for its rival.
    """
    sys.modules["jax"] = None


def new_process(with_jax=False):
    """An executor of one new process."""
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, spawn, initializer=None if with_jax else without_jax)
