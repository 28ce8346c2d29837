"""Stacks side by side, each in a thread."""

import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait


def side_by_side(trainings, at_a_time):
    """Runs trainings, some at a time; yields each when it has ended or was refused.

    They begin as soon as they are there, and are yielded when all are: what becomes of one does
    not decide what the next is. If the caller goes no further, those that train stop after their
    epoch, with a checkpoint.

    Args:
        trainings: Iterable of `StackTraining`.
        at_a_time: How many, 1 or more.
    """
    queue, running = Queue(), set()
    with ThreadPoolExecutor(at_a_time, "stack") as threads:
        try:
            for training in trainings:
                queue.add(training)
                running.add(threads.submit(queue.run_one))
            while running:
                ended, running = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    yield future.result()
        finally:
            queue.stop()
            threads.shutdown(cancel_futures=True)


class Queue:
    """Trainings that wait for a thread, and those that have one.

    First come, first served, but for one whose program another thread is preparing: it would have
    to wait for that.
    """

    def __init__(self):
        self._waiting, self._running = [], []
        self._lock = threading.Lock()

    def add(self, training):
        """Lets a `StackTraining` wait."""
        with self._lock:
            self._waiting.append(training)

    def run_one(self):
        """Runs one of those that wait, and returns what its `run` does; None after `stop`."""
        with self._lock:
            if not self._waiting:
                return None
            preparing = {other.group.key for other in self._running if not other.is_prepared}
            training = min(self._waiting, key=lambda each: each.group.key in preparing)
            self._waiting.remove(training)
            self._running.append(training)
        try:
            return training.run()
        finally:
            with self._lock:
                self._running.remove(training)

    def stop(self):
        """Forgets those that wait; those that run stop after their epoch."""
        with self._lock:
            self._waiting.clear()
            for training in self._running:
                training.stop()
