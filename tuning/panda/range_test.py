"""What a learning-rate range test found: the losses, the rate they suggest, a picture."""

import dataclasses

import numpy as np

from tuning.pictures import paper, plain_numbers

_WINDOW = 5
"""Steps, an odd number, over which losses are averaged: mini-batches differ in difficulty."""
_BELOW = 10
"""The suggestion is so many times below the edge, which a few steps can bear, but no training."""
_CLEAR = 3.0
"""A fall is clear that is so many times the fluctuation at the lowest rates."""


@dataclasses.dataclass(frozen=True)
class RangeTest:
    """The losses of a model while its learning rate rose, once for each seed."""

    learning_rates: np.ndarray
    """`(steps,)`, rising."""
    losses: np.ndarray
    """`(seeds, steps)`: of each step's mini-batch, before its update; NaN where it diverged."""

    @property
    def suggested(self):
        """The learning rate to train at."""
        return float(self.learning_rates[self._edge] / _BELOW)

    @property
    def reason(self):
        """Why that one, in one sentence."""
        edge, typical = self.learning_rates[self._edge], self.typical
        last = self._edge == len(typical) - 1
        if self._falls:
            seen = f"the loss fell from {typical[0]:.3g} to {typical[self._edge]:.3g} at {edge:.2g}"
            seen += " and was still falling" if last else " and rose beyond"
        else:
            seen = f"the loss did not fall clearly from {typical[0]:.3g}, and "
            seen += f"did not rise up to {edge:.2g}" if last else f"rose beyond {edge:.2g}"
        seeds, steps = self.losses.shape
        return (
            f"In {seeds} times {steps} steps at rising rates {seen}: "
            f"{self.suggested:.2g} is a tenth of that."
        )

    @property
    def typical(self):
        """`(steps,)`: the median over seeds of means over neighbouring steps."""
        half = _WINDOW // 2
        padded = np.pad(self.losses, ((0, 0), (half, half)), mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW, axis=1)
        with np.errstate(invalid="ignore", over="ignore"):
            return np.median(windows.mean(axis=-1), axis=0)

    @property
    def _lowest(self):
        typical = self.typical
        return int(np.argmin(np.where(np.isfinite(typical), typical, np.inf)))

    @property
    def _at_rest(self):
        """Losses at the lowest rates, at which nothing happens."""
        return self.typical[: max(_WINDOW, len(self.learning_rates) // 10)]

    @property
    def _falls(self):
        fall = np.median(self._at_rest) - self.typical[self._lowest]
        return fall > _CLEAR * np.ptp(self._at_rest)

    @property
    def _edge(self):
        """Step of the lowest loss; where none is clearly lower, the last before it rises."""
        if self._falls:
            return self._lowest
        bearable = self.typical <= self._at_rest.max() + np.ptp(self._at_rest)
        return int(np.flatnonzero(bearable)[-1])

    def figure(self):
        """The test on a page of its own."""
        figure = paper(9, 5.5)
        self.draw(figure.subplots())
        return figure

    def draw(self, axes):
        """Draws the loss by learning rate, a thin line for each seed, and what is suggested.

        Args:
            axes: Matplotlib axes.
        """
        for losses in self.losses:
            axes.plot(self.learning_rates, losses, color="0.75", linewidth=0.8)
        axes.plot(self.learning_rates, self.typical, linewidth=2, label="typical of the seeds")
        label = f"suggested: {self.suggested:.2g}"
        axes.axvline(self.suggested, color="C3", linewidth=2, label=label)
        first, low = self.typical[0], self.typical[self._lowest]
        room = max(first - low, 0.1 * abs(first))
        axes.set_ylim(low - 0.1 * room, first + room)
        axes.set_xscale("log")
        plain_numbers(axes.xaxis)
        title = "Learning-rate range test"
        axes.set(xlabel="learning rate", ylabel="loss of a mini-batch", title=title)
        axes.grid(alpha=0.3)
        axes.legend()
