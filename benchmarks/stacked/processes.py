"""Processes of their own."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor


def new_process():
    """An executor of one new process."""
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
