"""What a classifier comes to under many settings of its hyperparameters."""

import dataclasses
import itertools
from functools import partial

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
    """The lowest validation loss of each trial, all of them trained side by side.

    A loss that is worse than guessing, or no number, counts as guessing: log(classes).

    Args:
        parts: What `flat_examples` returns.
        fixed: `{name: value}` of `ClassifierSettings` that are the same for all.
        trials: List of `{name: value}`, each with values of its own; they must be one program, so
            differ in widths and the optimiser's numbers only.
        epochs: How long each is trained, 1 or more.

    Returns:
        `(trials,)` losses in nats; trial n begins with the weights of seed n.
    """
    (x, labels), validation = parts["train"], parts["validation"]
    steps, classes = len(x) // BATCH_SIZE, int(labels.max()) + 1
    build = partial(classifier, fixed, x.shape[1:], [str(each) for each in range(classes)], steps)
    models = [seeded(number, build, values) for number, values in enumerate(trials)]
    together = SideBySide(x, labels, validation, BATCH_SIZE)
    losses = together.curves(models, epochs, steps)["val_loss"]
    guessing = np.log(classes)
    return np.minimum(np.where(np.isfinite(losses), losses, guessing), guessing).min(0)


def classifier(fixed, shape, class_names, steps, values):
    """The compiled classifier of a trial's values."""
    settings = ClassifierSettings(batch_size=BATCH_SIZE, **(fixed | values))
    return build_classifier(settings, shape, class_names, steps)
