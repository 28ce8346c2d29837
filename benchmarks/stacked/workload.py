"""The search that all contenders run: space, data and models of `recipes.search`."""

import dataclasses
import functools
import itertools

import numpy as np

from recipes import search
from recipes.ingredients.data import Dataset, load
from recipes.ingredients.space import search_space
from tuning import SearchSpace


@dataclasses.dataclass(frozen=True)
class Workload:
    """Data, models, and the trials in the order that random search draws them."""

    settings: search.Settings
    space: SearchSpace
    data: Dataset
    features: dict[str, np.ndarray]
    """Features of the three parts."""
    builder: search.Builder
    drawn: list
    """keras-tuner's `HyperParameters` of each trial."""

    def fit_arguments(self):
        """What `fit` and the tuners' `search` take besides the batch size."""
        x, y = self.features, self.data
        return {
            "x": x["train"],
            "y": y.train.labels,
            "validation_data": (x["validation"], y.validation.labels),
            "epochs": self.settings.epochs,
            "verbose": 0,
        }

    def values(self, hp):
        """A trial's hyperparameters by their own names."""
        return self.space.values(hp)

    def of_epochs(self, epochs):
        """The same with that many epochs a trial."""
        return dataclasses.replace(self, settings=dataclasses.replace(self.settings, epochs=epochs))

    def sample(self, trials):
        """Numbers of some trials, evenly spaced in the order of depth, batch size and width."""
        names = "hidden_layers", "batch_size", "hidden_units"
        keys = [[self.values(hp)[name] for name in names] for hp in self.drawn]
        order = sorted(range(len(keys)), key=keys.__getitem__)
        return [order[int((i + 0.5) * len(order) / trials)] for i in range(trials)]


@functools.cache
def make_workload(scope, trials, epochs, seed=0):
    """Loads the data and draws the trials.

    Args:
        scope: `SpaceSettings`.
        trials: How many to draw.
        epochs: Epochs of a trial.
        seed: Seed of the draws and of all trainings.

    Returns:
        `Workload`.
    """
    settings = search.Settings(scope=scope, trials=trials, epochs=epochs, seed=seed)
    space = search_space(scope, settings.optimizer)
    data = load(settings.dataset)
    features = data.encoded_parts()
    builder = search.Builder(settings, space, data, features["train"])
    return Workload(settings, space, data, features, builder, draw(settings, space))


def draw(settings, space):
    """The trials that ours will train: they depend on the seed and their numbers alone."""
    oracle = search.make_oracle(settings, space)
    oracle.verbose = 0
    oracle.save = oracle._save_trial = lambda *_: None  # in memory only
    trials = (oracle.create_trial(f"tuner/{place}") for place in itertools.count())
    running = itertools.takewhile(lambda trial: trial.status == "RUNNING", trials)
    return [trial.hyperparameters for trial in running]
