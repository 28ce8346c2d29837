"""What the copies of a forked model came to: curves, the winner, a picture, and the way back."""

import dataclasses

import numpy as np
from matplotlib import colormaps
from matplotlib.ticker import LogLocator

from tuning.pictures import paper, plain_numbers
from tuning.stacked.skeleton import Skeleton
from tuning.stacked.template import Template
from tuning.stacked.treatments import Treatments
from tuning.stacked.trial_state import write_state

SHORT_LOOK = "Short looks favour small learning rates: a larger one may win later."
"""The short-horizon bias that Wu et al., 2018, describe."""


@dataclasses.dataclass(frozen=True)
class Look:
    """What the copies of a model came to."""

    variations: list
    """For each copy the numbers that it was trained with, `{name: number}`; `{}`: as it was."""
    objective: str
    """`val_loss`, or `loss` if there are no validation data."""
    steps: np.ndarray
    """`(looks,)`: steps made by each look."""
    curves: dict
    """`{metric: (looks, copies)}`; those of the training are means since the look before."""
    states: list
    """`TrialState` of each copy at the end."""
    template: Template
    """What the states belong to."""

    @property
    def winner(self):
        """The copy that ended with the lowest loss, of equal ones the first; None if all diverged.

        A copy that diverged at any time is none, even if its loss is a number again.
        """
        finite = self._finite.all(axis=0)
        ends = np.where(finite, self.curves[self.objective][-1], np.inf)
        return int(np.argmin(ends)) if finite.any() else None

    @property
    def _finite(self):
        """`(looks, copies)`: where all losses are numbers."""
        return np.isfinite(self.curves["loss"]) & np.isfinite(self.curves[self.objective])

    @property
    def sentence(self):
        """What was seen, and what to think of it."""
        copies = f"{len(self.variations)} copies, {self.steps[-1]} steps"
        if self.winner is None:
            return f"{copies}: all of them diverged."
        ends = self.curves[self.objective][-1]
        others = ", ".join(
            f"{described(variation)} {end:.3g}"
            for copy, (variation, end) in enumerate(zip(self.variations, ends, strict=True))
            if copy != self.winner
        )
        return (
            f"{copies}: {described(self.variations[self.winner])} has the lowest {self._loss}, "
            f"{ends[self.winner]:.3g}{f' ({others})' if others else ''}. {SHORT_LOOK}"
        )

    @property
    def _loss(self):
        return "validation loss" if self.objective == "val_loss" else "training loss"

    def adopt(self, model, copy=None):
        """Puts a copy's state and numbers into a model, which then goes on from there.

        Args:
            model: The model that was forked, or one that is built and compiled in the same way.
            copy: Which copy; by default the winner.

        Raises:
            ValueError: If no copy is named and all of them diverged.
        """
        copy = self.winner if copy is None else copy
        if copy is None:
            raise ValueError("copy must be named, since all diverged. Received: copy=None.")
        write_state(self.states[copy], model, Skeleton(model, Treatments()), self.template)
        for name, number in self.variations[copy].items():
            setattr(model.optimizer, name, float(number))
        if set(self.variations[copy]) - {"learning_rate"}:
            model.train_function = None  # which has the old number in its trace

    def figure(self):
        """The curves on a page of their own."""
        figure = paper(9, 5.5)
        self.draw(figure.subplots())
        return figure

    def draw(self, axes):
        """Draws the loss of each copy by step, the winner's thick.

        Args:
            axes: Matplotlib axes.
        """
        curves = np.where(self._finite, self.curves[self.objective], np.nan)
        shades = colormaps["viridis"](np.linspace(0, 0.9, len(self.variations)))
        for copy, variation in enumerate(self.variations):
            wins, fails = copy == self.winner, not self._finite[:, copy].all()
            label = described(variation) + " (winner)" * wins + " (diverged)" * fails
            style = {"linewidth": 3.5 if wins else 1.5, "color": shades[copy]}
            axes.plot(self.steps, curves[:, copy], label=label, marker="o", markersize=4, **style)
        if self.winner is not None:  # each copy is seen at its best, none hides the others
            lows = np.nanmin(np.where(self._finite, curves, np.inf), axis=0)
            top = max(lows[np.isfinite(lows)].max(), curves[:, self.winner].max())
            axes.set_ylim(0.9 * lows.min(), 1.2 * top)
            if lows.min() > 0:
                axes.set_yscale("log")
                axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                plain_numbers(axes.yaxis)
        title = f"{len(self.variations)} copies of the model as it was"
        axes.set(xlabel=f"steps since the fork\n{SHORT_LOOK}", ylabel=self._loss, title=title)
        axes.grid(alpha=0.3)
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def described(variation):
    """A variation in words."""
    numbers = ", ".join(f"{name} {number:.3g}" for name, number in variation.items())
    return numbers or "unchanged"
