"""What a classifier comes to under many settings of its hyperparameters."""

import dataclasses
import itertools

import numpy as np

from recipes.ingredients.claims.race import seeded
from recipes.ingredients.claims.side_by_side import SideBySide
from recipes.ingredients.classifier import ClassifierSettings, build_classifier
from tuning import SearchSpace

BATCH_SIZE = 64


@dataclasses.dataclass(frozen=True)
class LossTable:
    """A space cut into cells, in the middle of each of which a classifier was trained.

    Any number of searches can be drawn from it, each as if it had trained its trials.
    """

    space: SearchSpace
    losses: np.ndarray
    """Lowest validation losses in nats, an axis for each hyperparameter."""

    def at(self, values):
        """The loss in the cell of a trial's values, `{name: value}`."""
        nearest = {each: each.range.nearest(values[each.name]) for each in self.space}
        units = [each.range.to_unit(value) for each, value in nearest.items()]
        cells = zip(units, self.losses.shape, strict=True)
        return float(self.losses[tuple(min(int(u * count), count - 1) for u, count in cells)])

    def levels(self, name):
        """The values in the middle of the cells of one hyperparameter, in order."""
        return _middles(self.space[name], self._count(name))

    def edges(self, name):
        """The values between the cells of one hyperparameter, both ends included."""
        return self.space[name].range.from_unit(np.linspace(0, 1, self._count(name) + 1))

    def _count(self, name):
        return self.losses.shape[[each.name for each in self.space].index(name)]


def loss_table(parts, fixed, space, shape, epochs):
    """Trains the classifier in the middle of each cell of a space.

    Args:
        parts: What `flat_examples` returns.
        fixed: `{name: value}` of `ClassifierSettings` that are the same everywhere.
        space: `SearchSpace` of widths and the optimiser's numbers.
        shape: In how many cells, equally wide on its scale, each hyperparameter's range is cut.
        epochs: How long each is trained, 1 or more.

    Returns:
        `LossTable`.
    """
    names = [each.name for each in space]
    levels = [_middles(each, count) for each, count in zip(space, shape, strict=True)]
    trials = [dict(zip(names, each, strict=True)) for each in itertools.product(*levels)]
    return LossTable(space, losses_of(parts, fixed, trials, epochs).reshape(shape))


def _middles(hyperparameter, count):
    units = (np.arange(count) + 0.5) / count
    return [hyperparameter.range.from_unit(unit).item() for unit in units]


def losses_of(parts, fixed, trials, epochs):
    """The lowest validation loss of each trial: `(trials,)`; see `curves_of`."""
    return curves_of(parts, fixed, trials, epochs).min(0)


def curves_of(parts, fixed, trials, epochs):
    """The validation losses of trials, all of them trained side by side.

    Args:
        parts: What `flat_examples` returns.
        fixed: `{name: value}` of `ClassifierSettings` that are the same for all.
        trials: List of `{name: value}`, each with values of its own; they must be one program, so
            differ in widths and the optimiser's numbers only.
        epochs: How long each is trained, 1 or more.

    Returns:
        `(epochs, trials)` losses in nats, `bounded`; trial n begins with the weights of seed n.
    """
    build, (x, labels) = builder(parts, fixed), parts["train"]
    models = [seeded(number, build, values) for number, values in enumerate(trials)]
    together = SideBySide(x, labels, parts["validation"], BATCH_SIZE)
    return bounded(together.curves(models, epochs, len(x) // BATCH_SIZE)["val_loss"], parts)


def bounded(losses, parts):
    """Losses, of which what is worse than guessing, or no number, is log(classes)."""
    guessing = np.log(parts["train"][1].max() + 1)
    return np.minimum(np.where(np.isfinite(losses), losses, guessing), guessing)


def builder(parts, fixed):
    """A function from a trial's values to its compiled classifier."""
    x, labels = parts["train"]
    classes = [str(number) for number in range(labels.max() + 1)]

    def build(values):
        settings = ClassifierSettings(batch_size=BATCH_SIZE, **(fixed | values))
        return build_classifier(settings, x.shape[1:], classes, len(x) // BATCH_SIZE)

    return build
