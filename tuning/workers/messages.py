"""What the driver hands a worker, and what a worker says in return."""

import dataclasses

from tuning.files import write_atomically
from tuning.outcome import Outcome
from tuning.stacked.report import Report


@dataclasses.dataclass(frozen=True)
class Search:
    """What every worker of a search has to know; it goes into Ray's object store once."""

    kind: type
    """Class of the tuner that trains: `StackedTuner`, or one with its `prepare` and `train`."""
    hypermodel: object
    objective: object
    trials: int
    """How many trials each worker trains, as far as is known."""
    arguments: dict
    """Further arguments of the tuner."""
    fit_args: tuple
    fit_kwargs: dict
    threads: int
    """How many threads an operation may use."""


@dataclasses.dataclass(frozen=True)
class Task:
    """Trials for one worker."""

    trials: list
    """`(keras-tuner's Trial, {execution: state to go on from})` of each."""
    best_few: object
    """`BestFew` of the whole search so far: others need not send their weights."""


@dataclasses.dataclass(frozen=True)
class Begun:
    """The worker has begun: from here on, what becomes of it may be the trials' fault."""


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a stack of the worker is; named as in `StackTraining`."""

    members: list
    """The name of each trial."""
    next_epoch: int
    epochs: int


@dataclasses.dataclass(frozen=True)
class Ended:
    """A trial has ended."""

    trial: str
    outcome: Outcome
    hyperparameters: object
    """keras-tuner's; `build` may have found more of them."""
    states: dict
    """`{execution: last state}` where Hyperband may go on from it."""
    report: Report
    """How it was trained."""


@dataclasses.dataclass(frozen=True)
class Lost:
    """The worker gives nothing more back."""

    reason: str
    has_begun: bool
    """Whether it had `Begun`."""
    is_memory: bool = False
    """Whether it ran out of memory: fewer trials may fit."""


@dataclasses.dataclass(frozen=True)
class Weights:
    """A file of weights, read where it was written."""

    content: bytes

    def save_weights(self, path):
        """Writes the file."""
        write_atomically(path, self.content)
