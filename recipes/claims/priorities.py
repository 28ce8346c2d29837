"""1.1 Hyperparameters have priorities: the learning rate first, Adam's numbers last.

First comes the learning rate; second momentum, hidden units, batch size; third the number of hidden
layers and the learning rate's decay; fourth Adam's beta_1, beta_2 and epsilon.

You will see how much of the scores' spread each hyperparameter of the default space explains by
itself, beside the priority that it was given, in random searches by Momentum and by Adam. Measured
is the importance of the learning rate less that of the most important other one, and how much more
a hyperparameter of one priority matters, on average, than one of the next; each should be no less
than 0. The priorities are advice of long practice, not a theorem: a space or a network in which
they come out otherwise is a finding.

    python -m recipes.claims.priorities

Takes a minute on two cores. Source: Ng (2017), "Improving Deep Neural Networks", week 3; importance
as in `tuning.first_order_importance`.
"""

import dataclasses
import tempfile
from typing import Literal

import keras_tuner
import numpy as np

from recipes.ingredients.claims import Check, Expected, conduct, flat_examples, mean_of
from recipes.ingredients.classifier import ClassifierSettings, build_classifier
from recipes.ingredients.command_line import run
from recipes.ingredients.data import DataSettings
from recipes.ingredients.errors import refuse_below
from recipes.ingredients.run_directory import RunSettings
from recipes.ingredients.space import SpaceSettings, search_space
from tuning import StackedTuner, first_order_importance
from tuning.analysis.shares import PRIORITIES
from tuning.oracles import RandomOracle
from tuning.pictures import paper


@dataclasses.dataclass(frozen=True)
class Settings:
    """Measures how much each hyperparameter matters."""

    where: RunSettings = RunSettings()
    dataset: DataSettings = DataSettings(validation_share=0.2)
    trials: int = 64
    """Trials of each search, 4 or more."""
    seeds: int = 8
    """Searches by each optimiser, 2 or more."""
    epochs: int = 5
    """Epochs of each trial, 1 or more."""
    optimizers: tuple[Literal["momentum", "adam"], ...] = ("momentum", "adam")
    """How gradients become updates; each is a condition of its own."""

    def __post_init__(self):
        """Refuses values outside their range."""
        refuse_below(self, trials=4, seeds=2, epochs=1)


def main(settings):
    """Measures, judges and draws: a `recipes.ingredients.claims.Result`."""
    return conduct(__file__, settings, measure, judge, draw)


def search(settings, optimizer, space, build=build_classifier):
    """Searches at random, all searches by one optimiser drawn and trained as one.

    Args:
        settings: `Settings`.
        optimizer: Name of the optimiser.
        space: `SearchSpace`.
        build: What makes a trial's model, with the arguments of `build_classifier`. Default that.

    Returns:
        `(values, loss)` of each trial, in the order of the draws; NaN where there is no loss.
    """
    parts = flat_examples(settings.dataset)
    (x, labels), validation = parts["train"], parts["validation"]
    classes = [str(number) for number in range(labels.max() + 1)]

    def build_from(hp):
        values = ClassifierSettings(optimizer=optimizer, **space.declare(hp))
        return build(values, x.shape[1:], classes, -(-len(x) // values.batch_size))

    oracle = sampling(space, settings.trials * settings.seeds)
    with tempfile.TemporaryDirectory() as folder:
        tuner = StackedTuner(oracle, build_from, directory=folder, checkpoints=0)
        tuner.search(x, labels, validation_data=validation, epochs=settings.epochs, verbose=0)
        records = tuner.records.by_number
    return [(each.values, np.nan if each.score is None else each.score) for each in records]


def sampling(space, trials):
    """The oracle of so many random trials."""
    hp = keras_tuner.HyperParameters()
    space.declare(hp)
    objective = keras_tuner.Objective("val_loss", "min")
    return RandomOracle(objective, max_trials=trials, seed=0, hyperparameters=hp)


def measure(settings, search=search):
    """Takes the importance of each hyperparameter in each random search.

    Args:
        settings: `Settings`.
        search: As the function of that name, which is the default.

    Returns:
        `{optimiser: {name: (priority, (seeds,) shares)}}`.
    """
    found = {}
    for optimizer in settings.optimizers:
        space = search_space(SpaceSettings(), optimizer)
        trials = search(settings, optimizer, space)
        shares = {name: [] for name in space.priorities}
        for part in np.array_split(np.arange(len(trials)), settings.seeds):
            values = {name: [trials[n][0][name] for n in part] for name in shares}
            for each in first_order_importance(values, [-trials[n][1] for n in part]):
                shares[each.name].append(each.share)
        found[optimizer] = {
            name: (space.priorities[name], np.array(each)) for name, each in shares.items()
        }
    return found


def judge(found):
    """The learning rate against all others, and each priority against the next."""
    first, tiers = [], {}
    for optimizer, shares in found.items():
        others = [each for name, (_, each) in shares.items() if name != "learning_rate"]
        difference = shares["learning_rate"][1] - np.max(others, axis=0)
        first.append(mean_of(difference, optimizer))
        means = {}
        for priority, each in shares.values():
            means.setdefault(priority, []).append(each)
        means = {priority: np.mean(each, axis=0) for priority, each in sorted(means.items())}
        for one, following in zip(list(means)[1:], list(means)[2:], strict=False):
            difference = mean_of(means[one] - means[following], optimizer)
            tiers.setdefault((one, following), []).append(difference)
    no_less = Expected("the order of the priorities", low=0.0)
    return [
        Check(
            "1.1",
            "importance of the learning rate less that of the most important other",
            tuple(first),
            no_less,
        ),
        *(
            Check(
                "1.1",
                f"mean importance at priority {one} less that at priority {following}",
                tuple(each),
                no_less,
            )
            for (one, following), each in sorted(tiers.items())
        ),
    ]


def draw(found):
    """A bar for each hyperparameter, coloured by its priority, with a dot for each search."""
    figure = paper(13, 4.4)
    for axes, (optimizer, shares) in zip(
        figure.subplots(1, len(found)), found.items(), strict=True
    ):
        shown = set()
        for place, (priority, each) in enumerate(shares.values()):
            colour, text = PRIORITIES[priority]
            label = None if priority in shown else text
            axes.barh(place, each.mean(), color=colour, edgecolor="black", label=label)
            axes.plot(each, np.full(len(each), place), "o", color="black", markersize=4)
            shown.add(priority)
        axes.set_yticks(range(len(shares)), list(shares))
        axes.set(ylim=(len(shares) - 0.4, -0.6), title=optimizer)
        axes.set_xlabel("share of the variance of ranks, explained alone")
        axes.grid(axis="x", alpha=0.3)
        axes.legend()
    return figure


if __name__ == "__main__":
    run(main, Settings)
