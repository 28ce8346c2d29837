"""What a watched training came to."""

import dataclasses

from tuning.panda.curve import LossCurve


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a training came to; its model has the weights of the best epoch."""

    reason: str
    """Why it ended."""
    days: list
    """One dict for each epoch that was trained, those undone since included."""
    best: dict | None
    """The best of them; None if no epoch was good."""
    entries: list
    """The journal, a list of `Entry`."""
    curve: LossCurve
    """The loss of every step."""
    seconds: float
    """Time spent training, in all processes together."""
