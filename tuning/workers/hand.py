"""Trials that go to one worker, and what to do when it is lost."""

import dataclasses

MOST_LOSSES = 4
"""A trial that is alone, and was lost so often, has failed."""


@dataclasses.dataclass
class Hand:
    """Trials that a worker has not given back yet."""

    trials: dict
    """`{name: keras-tuner's Trial}`."""
    losses: int = 0
    """How often they were lost, in this hand or a larger one."""
    false_starts: int = 0
    """How often the worker was lost before it began: hardly the trials' fault."""

    def lost(self, has_begun, is_memory):
        """Notes that a worker was lost with what is left of the hand.

        Args:
            has_begun: Whether the worker had begun.
            is_memory: Whether it ran out of memory.

        Returns:
            List of `Hand`s to try next: the whole once more, then halves, which tell the trials
            that are to blame from the others; none if a single trial was lost too often.
        """
        if not has_begun and self.false_starts < MOST_LOSSES:
            return [dataclasses.replace(self, false_starts=self.false_starts + 1)]
        losses = self.losses + 1
        if len(self.trials) == 1:
            return [] if losses >= MOST_LOSSES else [Hand(self.trials, losses)]
        if losses == 1 and not is_memory:
            return [Hand(self.trials, losses)]
        names, half = list(self.trials), len(self.trials) // 2
        return [
            Hand({name: self.trials[name] for name in part}, losses)
            for part in (names[:half], names[half:])
        ]
