"""How soon a network reaches a loss, with each of several learning rates, over several seeds."""

import dataclasses

import keras
import numpy as np

from recipes.ingredients.errors import refuse_below
from tuning.pictures import plain_numbers
from tuning.stacked.lazy_variables import lazy_variables


@dataclasses.dataclass(frozen=True)
class RaceSettings:
    """How long and how often networks are trained, and what they are to reach."""

    looks: int = 40
    """How often each training is looked at, 1 or more."""
    every: int = 10
    """Mini-batches between two looks, 1 or more."""
    target_loss: float = 0.3
    """Validation loss to be reached, in nats."""
    seeds: int = 5
    """Trainings of each kind, 2 or more: of initial weights and of the order of examples."""

    def __post_init__(self):
        """Refuses values outside their range."""
        refuse_below(self, looks=1, every=1, target_loss=0, seeds=2)


@dataclasses.dataclass(frozen=True)
class Race:
    """Validation losses of one network in training."""

    rates: np.ndarray
    """`(rates,)` learning rates, in ascending order."""
    points: np.ndarray
    """`(points,)` mini-batches after which the loss was looked at."""
    losses: np.ndarray
    """`(seeds, points, rates)`, in nats; NaN after a divergence."""
    target: float
    """The loss to be reached, in nats."""

    @property
    def steps(self):
        """`(seeds, rates)` mini-batches until the target; infinite if it was not reached."""
        reached = self.losses <= self.target
        return np.where(reached.any(1), self.points[reached.argmax(1)], np.inf)

    @property
    def best(self):
        """Number of the rate with the least mean of steps; what fails counts as all steps."""
        return int(np.argmin(np.minimum(self.steps, self.points[-1]).mean(0)))

    @property
    def best_rate(self):
        """The learning rate that is fastest on average."""
        return float(self.rates[self.best])

    @property
    def best_steps(self):
        """`(seeds,)` mini-batches to the target at the best rate, all of them where it fails."""
        return np.minimum(self.steps[:, self.best], self.points[-1])

    @property
    def largest_rates(self):
        """`(seeds,)` the largest learning rate that reaches the target; NaN where none does."""
        works = np.isfinite(self.steps)
        return np.where(works, self.rates, np.nan)[:, ::-1].T[
            works[:, ::-1].argmax(1), np.arange(len(works))
        ]

    def draw_steps(self, axes, label, colour):
        """Draws the mean of the steps over the learning rate; a cross where some trainings fail."""
        means = np.minimum(self.steps, self.points[-1]).mean(0)
        fails = ~np.isfinite(self.steps).all(0)
        axes.plot(self.rates, means, color=colour, alpha=0.6)
        axes.plot(self.rates[~fails], means[~fails], "o", color=colour, label=label)
        axes.plot(self.rates[fails], means[fails], "x", color=colour)
        axes.set(xlabel="learning rate", ylabel="mini-batches to the target", xscale="log")
        plain_numbers(axes.xaxis)

    def draw_losses(self, axes, label, colour):
        """Draws the loss at the best rate: a line for each seed."""
        lines = axes.plot(self.points, self.losses[:, :, self.best].T, color=colour, alpha=0.7)
        lines[0].set_label(f"{label}, learning rate {self.best_rate:.2g}")
        axes.axhline(self.target, color="0.5", linestyle="--")
        axes.set(xlabel="mini-batches", ylabel="validation loss [nats]", yscale="log")
        plain_numbers(axes.yaxis)


def race(together, build, rates, settings):
    """Trains one network with each learning rate and seed; the rates of a seed side by side.

    Args:
        together: `SideBySide`, with validation data.
        build: Function from a learning rate to a compiled model.
        rates: Learning rates, in ascending order.
        settings: `RaceSettings`; seeds count from 0.

    Returns:
        `Race`.
    """
    losses = []
    for seed in range(settings.seeds):
        models = [seeded(seed, build, rate) for rate in rates]
        losses.append(together.curves(models, settings.looks, settings.every, seed)["val_loss"])
    points = settings.every * np.arange(1, settings.looks + 1)
    return Race(np.asarray(rates), points, np.stack(losses), settings.target_loss)


def seeded(seed, build, *arguments):
    """What `build` makes of the arguments, with initial weights that the seed alone decides."""
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(seed)
    with lazy_variables():  # a stack needs their initial values only
        return build(*arguments)
