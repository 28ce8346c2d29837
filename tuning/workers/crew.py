"""The workers of a search as the driver sees them: tasks of Ray's, whose failures are messages."""

import dataclasses
import time
import uuid

import ray
from ray import exceptions

from tuning.files import is_fault_of_the_disk
from tuning.workers.messages import Lost
from tuning.workers.trainee import train

LONGEST_WAIT = 1.0
"""Seconds after which time limits are looked at again."""
BROKEN = (exceptions.LocalRayletDiedError, exceptions.RaySystemError)
"""With these Ray itself is gone, and not a worker."""


@dataclasses.dataclass
class _Running:
    hand: object
    last_sign: float | None = None
    """When the worker last gave a sign of life; None until it has begun."""
    is_cancelled: bool = False


class Crew:
    """Sends hands to workers, each of which has one at a time.

    Args:
        search: `Search`.
        workers: The most workers.
        stack_seconds: A worker that says nothing for so long is ended; None: never.
        resources: What Ray sets aside for a worker: `{"num_cpus": ..., "num_gpus": ...}`.

    Raises:
        ValueError: What the search was given cannot be sent to another process.
    """

    def __init__(self, search, workers, stack_seconds, resources):
        try:
            self._search = [ray.put(search)]
        except exceptions.RayError:
            raise
        except Exception as error:  # TensorFlow has its own for its data sets and writers
            reason = str(error).strip().partition("\n")[0]
            raise ValueError(
                f"hypermodel, data and callbacks must be picklable for workers. Received: {reason}"
            ) from error
        self.workers, self.stack_seconds = workers, stack_seconds
        self._name, self._running = uuid.uuid4().hex, {}
        self._train = ray.remote(train).options(
            num_returns="streaming", max_retries=0, scheduling_strategy="SPREAD", **resources
        )

    @property
    def idle(self):
        """How many workers have nothing to do."""
        return self.workers - len(self._running)

    @property
    def is_busy(self):
        """Whether anything is to be waited for."""
        return bool(self._running)

    def send(self, hand, task):
        """Gives a worker something to do.

        Args:
            hand: Anything: what its messages come with.
            task: `Task`.
        """
        self._running[self._train.remote(self._name, self._search, task)] = _Running(hand)

    def messages(self):
        """Waits for workers, a second at most.

        Yields:
            `(hand, message)`: what workers say; `Lost` and None are the last of a hand, None if
            its worker came to its end.
        """
        ready = self._ready(1, LONGEST_WAIT)
        while ready:
            for stream in ready:
                yield self._running[stream].hand, self._next(stream)
            ready = self._ready(len(self._running), 0)
        self._end_overdue()

    def _ready(self, most, seconds):
        """The streams that have a message, or have ended."""
        streams = list(self._running)
        return ray.wait(streams, num_returns=most, timeout=seconds)[0] if streams else []

    def _next(self, stream):
        running = self._running[stream]
        try:
            message = ray.get(next(stream))
            running.last_sign = time.monotonic()
            if isinstance(message, Lost):
                del self._running[stream]
            return message
        except StopIteration:
            del self._running[stream]
            return None
        except exceptions.RayError as error:
            del self._running[stream]
            if running.is_cancelled:
                return Lost(f"its worker said nothing for {self.stack_seconds:g} seconds", True)
            return _lost(error, has_begun=running.last_sign is not None)

    def _end_overdue(self):
        for stream, running in self._running.items():
            since = running.last_sign
            if self.stack_seconds and since and time.monotonic() - since > self.stack_seconds:
                ray.cancel(stream, force=True)
                running.is_cancelled = True


def _lost(error, has_begun):
    """What an error of Ray's says of a worker; raises those that are none of a worker's."""
    if isinstance(error, BROKEN):
        first = str(error).strip().partition("\n")[0]
        raise RuntimeError(f"Ray has failed: {first}") from error
    if isinstance(error, exceptions.OutOfMemoryError):
        return Lost("its worker ran out of memory", has_begun, is_memory=True)
    if not isinstance(error, exceptions.RayTaskError):
        return Lost(f"its worker died ({type(error).__name__})", has_begun)
    cause = error.cause
    if is_fault_of_the_disk(cause):
        return Lost(f"its worker could not write: {cause}", has_begun)
    raise cause
