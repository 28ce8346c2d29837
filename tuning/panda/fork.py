"""Fork and look: copies of a live model, trained side by side with other numbers, compared."""

import dataclasses

import keras
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from tuning.panda.optimizer_numbers import with_numbers
from tuning.panda.untouched import untouched
from tuning.stacked.data import Data
from tuning.stacked.errors import NotStackable
from tuning.stacked.groups import Grouping
from tuning.stacked.optimizers import rule_of
from tuning.stacked.skeleton import Skeleton
from tuning.stacked.stack import Stack
from tuning.stacked.treatments import Treatments
from tuning.stacked.trial_state import read_state, write_state

SHORT_LOOK = "Short looks favour small learning rates: a larger one may win later."
"""The short-horizon bias of Wu et al., 2018."""
EVALUATED_AT_ONCE = 512


@dataclasses.dataclass(frozen=True)
class Look:
    """What the copies of a model came to."""

    variations: list
    """For each copy, `{number: value}` that it was trained with; `{}`: as it was."""
    winner: int | None
    """Which copy ended with the lowest loss; None if every one diverged."""
    sentence: str
    """What was seen, and what to think of it."""
    objective: str
    """`val_loss`, or `loss` without validation data."""
    steps: np.ndarray
    """`(looks,)`: steps made at each look."""
    curves: dict
    """`{metric: (looks, copies)}`, the training's being means since the look before."""
    states: list
    """`TrialState` of each copy at the end."""
    template: object
    """`Template` that the states belong to."""

    def adopt(self, model, copy=None):
        """Puts a copy's state and numbers into a model, which then goes on from there.

        Args:
            model: The model that was forked, or one that is built in the same way.
            copy: Which copy; by default the winner.

        Raises:
            ValueError: If no copy is named and all diverged.
        """
        copy = self.winner if copy is None else copy
        if copy is None:
            raise ValueError("copy must be given, since all copies diverged. Received: copy=None.")
        skeleton = Skeleton(model, Treatments())
        write_state(self.states[copy], model, skeleton, self.template)
        for name, value in self.variations[copy].items():
            setattr(model.optimizer, name, float(value))
        if set(self.variations[copy]) - {"learning_rate"}:
            model.train_function = None  # Keras has the old number in its trace

    def figure(self):
        """The picture of the look, a page of its own."""
        figure = Figure(figsize=(9, 5.5), layout="constrained", facecolor="white")
        self.draw(figure.subplots())
        return figure

    def draw(self, axes):
        """Draws the objective of every copy by step, the winner on top.

        Args:
            axes: Matplotlib axes.
        """
        curves = self.curves[self.objective]
        colours = np.linspace(0, 0.9, curves.shape[1])
        for copy, variation in enumerate(self.variations):
            wins = copy == self.winner
            label = _label(variation) + (" (winner)" if wins else "")
            axes.plot(
                self.steps,
                np.where(np.isfinite(curves[:, copy]), curves[:, copy], np.nan),
                label=label,
                color=_COLOURS(colours[copy]),
                linewidth=3 if wins else 1.5,
                zorder=3 if wins else 2,
            )
        _limit(axes, curves)
        name = "validation loss" if self.objective == "val_loss" else "training loss"
        title = f"Fork and look: {len(self.variations)} copies"
        axes.set(xlabel="steps since the fork", ylabel=name, title=title)
        axes.text(0.01, 0.01, SHORT_LOOK, transform=axes.transAxes, fontsize=8, color="0.3")
        axes.grid(alpha=0.3)
        axes.legend()


def fork_and_look(
    model, x, y, variations, *, steps=200, batch_size=64, seed=0, validation=None, looks=10
):
    """Trains copies of a live model side by side, each with other numbers of its optimiser.

    Each copy goes on from the model's weights, optimiser state and moving averages, over the same
    mini-batches as the others, as one stack. The model itself is left as it is, until `adopt`.

    Args:
        model: Compiled Keras model that can be stacked; its learning rate is not a schedule.
        x: Features, an array or a nest of arrays, `(examples, ...)`.
        y: Labels.
        variations: For each copy `{number: value}`, e.g. `[{}, {"learning_rate": 0.03}]`.
        steps: Steps of each copy, 1 or more; rounded up to whole looks. Default 200.
        batch_size: Examples of a mini-batch. Default 64.
        seed: Integer that decides the order of the examples. Default 0.
        validation: Optional `(x, y)` to compare the copies on; by default by their training loss.
        looks: How often the curves are read, 1 or more. Default 10.

    Returns:
        `Look`.

    Raises:
        ValueError: If the model is not compiled or an argument is out of range.
        NotStackable: If the model cannot be trained in a stack.

    Reference:
        Wu, Ren, Liao and Grosse, "Understanding Short-Horizon Bias in Stochastic
        Meta-Optimization", 2018, on what such a look cannot see.
    """
    optimizers = _optimizers(model, variations)
    for name, value in {"steps": steps, "batch_size": batch_size, "looks": looks}.items():
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a whole number, 1 or more. Received: {name}={value}.")
    data = Data(x, y)
    batch_size = min(batch_size, data.examples)
    with untouched(model):
        stack = _stack(model, optimizers, batch_size, data, validation)
        parts = _parts(data, seed, steps, batch_size, min(looks, steps))
        logs = [stack.train_epoch(rows, seed=number) for number, rows in enumerate(parts)]
        states = stack.states()
    curves = {name: np.stack([each[name] for each in logs]) for name in logs[0]}
    objective = "loss" if validation is None else "val_loss"
    winner = _winner(curves, objective)
    return Look(
        variations=[dict(variation) for variation in variations],
        winner=winner,
        sentence=_sentence(variations, winner, curves, objective, len(parts) * _steps_of(parts, batch_size)),
        objective=objective,
        steps=_steps_of(parts, batch_size) * np.arange(1, len(parts) + 1),
        curves=curves,
        states=states,
        template=stack.program.template,
    )
