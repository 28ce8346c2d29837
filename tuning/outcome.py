"""What a trial came to, before an oracle and records know of it."""

import dataclasses


@dataclasses.dataclass
class Outcome:
    """What a trial came to; if `best` pickles, it does."""

    status: str
    """`COMPLETED`, `FAILED` or `INVALID`, as keras-tuner says it."""
    message: str | None
    """Why it failed or went no further."""
    seconds: float
    """How long it took."""
    curve: list = dataclasses.field(default_factory=list)
    """`(epoch from 1, {metric: number})` of each epoch, and `execution` if there are several."""
    results: list = dataclasses.field(default_factory=list)
    """`({metric: number}, epoch from 0)` of the best epoch of each execution."""
    best: object = None
    """What can `save_weights(path)`, atomically, of the best epoch; None if not worth keeping."""
