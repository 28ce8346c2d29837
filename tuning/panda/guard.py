"""Sees, within the step that shows it, that a training has gone wrong."""

import math
from collections import deque

import numpy as np

LOSS_FACTOR = 10
"""A loss explodes above so many times the largest of the last good ones; mini-batches of a healthy
training differ by less, since the largest of many is compared with."""
GRADIENT_FACTOR = 100
"""The same for the gradient's norm, which is more uneven."""
LOST_SHARE = 0.2
"""An epoch is bad when its mean loss is above the best epoch's by more than this share of the first
loss, the untrained model's: that much of what was learned is lost. Noise late in a training, when
losses are small, is far below that."""
GOOD_SHARE = 0.1
"""The end of an epoch that lost less than this is a moment to come back to."""
MEMORY = 100
"""Steps that are remembered."""
DEAD_STEPS = 20
"""Steps without any gradient after which a weight counts as dead."""


class Guard:
    """Looks at the loss and the gradient of every step.

    An exploding loss is `LOSS_FACTOR` times larger than every one of the last `MEMORY` good ones,
    or than the first loss, that of the untrained model. A weight is dead when its gradient, which
    was not zero before, is exactly zero for `DEAD_STEPS` steps although there is a loss: the units
    behind it no longer react to any example, and no smaller learning rate brings them back.

    Args:
        names: Name of each weight, for what is said.
    """

    def __init__(self, names):
        self.names = list(names)
        self.restore(None)

    def look(self, loss, norms):
        """Looks at one step.

        Args:
            loss: Its loss, a float.
            norms: `(weights,)` norm of each weight's gradient.

        Returns:
            What is wrong, in words; None if nothing is.
        """
        norms = norms.astype(np.float64)
        norm = math.sqrt(np.dot(norms, norms))
        if not math.isfinite(loss) or not math.isfinite(norm):
            return f"the loss is {loss:.4g}, the gradient's norm {norm:.4g}"
        if self._losses:
            most = LOSS_FACTOR * min(max(self._losses), self._first)
            if loss > most > 0:
                return (
                    f"the loss exploded: {loss:.4g}, more than {LOSS_FACTOR} times"
                    f" {most / LOSS_FACTOR:.4g}"
                )
            most = GRADIENT_FACTOR * max(self._norms)
            if norm > most > 0:
                return (
                    f"the gradient exploded: its norm is {norm:.4g}, more than"
                    f" {GRADIENT_FACTOR} times {most / GRADIENT_FACTOR:.4g}"
                )
        else:
            self.begin(loss)
        self._losses.append(loss)
        self._norms.append(norm)
        return self._dead(loss, norms)

    def begin(self, loss):
        """Notes the loss of the untrained model."""
        self._first = loss

    def _dead(self, loss, norms):
        is_zero = norms == 0
        self._lived |= ~is_zero
        self._zeros = (self._zeros + 1) * (is_zero & self._lived & (loss > 0))
        dead = np.flatnonzero(self._zeros >= DEAD_STEPS)
        if not len(dead):
            return None
        return (
            f"{len(dead)} of {len(self.names)} weights are dead, {self.names[dead[0]]} first:"
            f" no gradient for {DEAD_STEPS} steps, the loss stays at {loss:.4g}"
        )

    def look_at_epoch(self, row):
        """Looks at a whole epoch.

        Args:
            row: `{name: number}`, with `loss`.

        Returns:
            What is wrong, in words; None if nothing is.
        """
        for name, value in row.items():
            if not math.isfinite(value):
                return f"the epoch's {name} is {value}"
        lower, _ = _losses(row)
        if self._lost(lower) > LOST_SHARE:
            return (
                f"the epoch's loss rose to {lower:.4g} from"
                f" {min(self._best, self._first):.4g}: {self._lost(lower):.0%} of the first loss,"
                f" {self._first:.4g}, came back"
            )
        self._best = min(self._best, row["loss"])
        return None

    def is_good(self, row):
        """Whether the end of an epoch is a moment to come back to."""
        return self._lost(_losses(row)[1]) < GOOD_SHARE and not self._zeros.any()

    def _lost(self, loss):
        best = min(self._best, self._first)
        return (loss - best) / self._first if self._first > 0 else 0.0

    def forget_best(self):
        """Compares later epochs with each other only: what a loss means has changed."""
        self._best = math.inf

    def state(self):
        """What it remembers, JSON-like."""
        return {
            "first": self._first,
            "best": self._best,
            "losses": [*self._losses],
            "norms": [*self._norms],
            "lived": self._lived.tolist(),
            "zeros": self._zeros.tolist(),
        }

    def restore(self, state):
        """Makes it remember what it did; None: nothing."""
        state = state or {"first": math.nan, "best": math.inf, "losses": (), "norms": ()}
        self._first, self._best = state["first"], state["best"]
        self._losses = deque(state["losses"], MEMORY)
        self._norms = deque(state["norms"], MEMORY)
        count = len(self.names)
        self._lived = np.array(state.get("lived", [False] * count), bool)
        self._zeros = np.array(state.get("zeros", [0] * count), int)


def _losses(row):
    """The lower and the higher of an epoch's loss and of the loss at its end, where it is known.

    The one is from before the last updates, and a single unlucky batch can raise it; the other
    depends on batch norm's averages. Both are high where something is wrong, low where all is well.
    """
    return sorted((row["loss"], row.get("loss_inference", row["loss"])))
