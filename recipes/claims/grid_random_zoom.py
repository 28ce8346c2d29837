"""1.2, 1.3 Random sampling tries far more values of what matters than a grid of equal budget.

A grid takes equally spaced values and tries all combinations: fine for few hyperparameters,
wasteful where an important one matters in a narrow range only. As many random trials each have a
value of their own of each hyperparameter, so that it does not matter which one is important.

You will see where a grid, random sampling and coarse-to-fine search looked, on a map of the loss
by Adam's learning rate, which matters, and its epsilon, which hardly does; and the best loss by
budget. Measured are the distinct learning rates that are tried, and the best loss of a grid less
that of random sampling, over many ranges of the learning rate: each is four decades that lie
elsewhere, or a grid would be good or bad by the luck of one point. With one hyperparameter alone
the grid, which leaves the smaller gaps, should be no worse; with two, random sampling. How much it
gains depends on how narrow the good range is, which the picture shows. There is one map: intervals
are over ranges and searches, not over networks.

    python -m recipes.claims.grid_random_zoom

Takes half a minute on two cores: a classifier is trained in each cell of the map, and all searches
are drawn from that. Source: Bergstra & Bengio (2012), "Random Search for Hyper-Parameter
Optimization", JMLR 13, figure 1.
"""

import dataclasses

import keras_tuner
import numpy as np

from recipes.ingredients.claims import (
    Check,
    Expected,
    conduct,
    flat_examples,
    loss_table,
    mean_of,
    worst_of,
)
from recipes.ingredients.command_line import run
from recipes.ingredients.data import DataSettings
from recipes.ingredients.errors import refuse_below
from recipes.ingredients.run_directory import RunSettings
from tuning import Hyperparameter, Logarithmic, SearchSpace
from tuning.oracles import CoarseToFineOracle, GridOracle, RandomOracle, search_in_memory
from tuning.pictures import paper

LEARNING_RATE = Hyperparameter("learning_rate", Logarithmic(1e-5, 10.0), 0.01)
EPSILON = Hyperparameter("adam_epsilon", Logarithmic(1e-10, 1e-4), 1e-8)
DECADES = 4
"""Width of the range of the learning rate that is searched."""
STRATEGIES = {"grid": GridOracle, "random": RandomOracle, "coarse-to-fine": CoarseToFineOracle}


@dataclasses.dataclass(frozen=True)
class Settings:
    """Compares a grid with random sampling at equal budget."""

    where: RunSettings = RunSettings()
    dataset: DataSettings = DataSettings(validation_share=0.2)
    rates: int = 72
    """Learning rates of the map, 6 or more."""
    epsilons: int = 7
    """Epsilons of the map, 1 or more."""
    epochs: int = 3
    """Epochs of each training, 1 or more."""
    hidden_units: int = 32
    """Units of the hidden layer, 1 or more."""
    levels: tuple[int, ...] = (3, 5, 8)
    """Values of each hyperparameter in a grid; budgets are their squares."""
    seeds: int = 100
    """Searches of each kind, 2 or more, each in a range of its own."""

    def __post_init__(self):
        """Refuses values outside their range."""
        refuse_below(self, rates=6, epsilons=1, epochs=1, hidden_units=1, seeds=2)


def main(settings):
    """Measures, judges and draws: a `recipes.ingredients.claims.Result`."""
    return conduct(__file__, settings, measure, judge, draw)


def measure(settings, strategies=STRATEGIES):
    """Trains the map, and draws searches from it.

    Args:
        settings: `Settings`.
        strategies: `{name: oracle class}` for the names of `STRATEGIES`. Default `STRATEGIES`.

    Returns:
        `{"table": LossTable, "alone", "both": {budget: {strategy: searches}}}`: a search is a list
        of `(values, loss)`; there is one for each seed, of the learning rate alone or of both.
    """
    fixed = {"optimizer": "adam", "hidden_layers": 1, "hidden_units": settings.hidden_units}
    shape = settings.rates, settings.epsilons
    space = SearchSpace((LEARNING_RATE, EPSILON))
    table = loss_table(flat_examples(settings.dataset), fixed, space, shape, settings.epochs)
    alone = {n: searches(table, strategies, n, settings.seeds, False) for n in settings.levels}
    both = {n * n: searches(table, strategies, n * n, settings.seeds) for n in settings.levels}
    return {"table": table, "alone": alone, "both": both}


def searches(table, strategies, trials, seeds, use_epsilon=True):
    """`{strategy: a search for each seed}`, each of so many trials."""
    found = {}
    for name, strategy in strategies.items():
        found[name] = []
        for seed in range(seeds):
            hp = keras_tuner.HyperParameters()
            space = SearchSpace((shifted(seed), EPSILON))
            (space if use_epsilon else space.fix(EPSILON.name, EPSILON.default)).declare(hp)
            objective = keras_tuner.Objective("loss", "min")
            rounds = {"rounds": 3} if name == "coarse-to-fine" else {}
            oracle = strategy(objective, max_trials=trials, seed=seed, hyperparameters=hp, **rounds)
            found[name].append(search_in_memory(oracle, table.at))
    return found


def shifted(seed):
    """The learning rate in some four of the map's six decades."""
    low, high = np.log10([LEARNING_RATE.range.low, LEARNING_RATE.range.high])
    low = np.random.default_rng(seed).uniform(low, high - DECADES)
    return dataclasses.replace(LEARNING_RATE, range=Logarithmic(10**low, 10 ** (low + DECADES)))


def distinct(search):
    """How many learning rates a search tried."""
    return len({values["learning_rate"] for values, _ in search})


def bests(each):
    """The best loss of each of some searches."""
    return np.array([min(loss for _, loss in search) for search in each])


def judge(found):
    """Distinct learning rates against arithmetic; best losses against each other."""
    both = found["both"]
    grid = [[n / distinct(s) ** 2 for s in each["grid"]] for n, each in both.items()]
    random = [[n / distinct(s) for s in each["random"]] for n, each in both.items()]

    def gained(kind, loser, winner):
        return tuple(
            mean_of(bests(each[loser]) - bests(each[winner]), f"{n} trials")
            for n, each in found[kind].items()
        )

    return [
        Check(
            "1.2",
            "two hyperparameters: trials of a grid / its learning rates, squared",
            tuple(worst_of(each, f"{n} trials") for n, each in zip(both, grid, strict=True)),
            Expected("all combinations of n values of each are n * n trials", 1.0, 1.0),
        ),
        Check(
            "1.2",
            "one hyperparameter: best loss of random sampling less that of a grid",
            gained("alone", "random", "grid"),
            Expected("a grid is fine for few: it leaves smaller gaps", low=0.0),
            "nats",
        ),
        Check(
            "1.3",
            "two hyperparameters: trials of random sampling / their learning rates",
            tuple(worst_of(each, f"{n} trials") for n, each in zip(both, random, strict=True)),
            Expected("every trial draws its own", 1.0, 1.0),
        ),
        Check(
            "1.3",
            "two hyperparameters: best loss of a grid less that of random sampling",
            gained("both", "grid", "random"),
            Expected("random sampling tries more values of the one that matters", low=0.0),
            "nats",
        ),
    ]


def draw(found):
    """Where each strategy looked; the loss by learning rate; the best loss by budget."""
    figure = paper(13, 7.5)
    upper, lower = figure.subfigures(2, 1)
    draw_places(upper, found)
    by_rate, one, two = lower.subplots(1, 3, width_ratios=(2, 1, 1))
    table = found["table"]
    by_rate.plot(table.levels("learning_rate"), table.losses, color="tab:blue", alpha=0.4)
    by_rate.set(xscale="log", yscale="log", xlabel="learning rate")
    by_rate.set_ylabel("validation loss [nats]")
    by_rate.set_title("A line for each epsilon: the learning rate matters", fontsize=10)
    for axes, kind, title in ((one, "alone", "one"), (two, "both", "two")):
        for name in STRATEGIES:
            means = [mean_of(bests(each[name])) for each in found[kind].values()]
            errors = [[m.value - m.low for m in means], [m.high - m.value for m in means]]
            axes.errorbar(
                list(found[kind]), [m.value for m in means], errors, marker="o", label=name
            )
        axes.set(xlabel="trials", ylabel="best validation loss [nats]")
        axes.set_title(f"{title} hyperparameter{'s' * (kind == 'both')}, 95 %", fontsize=10)
    for axes in (by_rate, one, two):
        axes.grid(alpha=0.3)
    two.legend()
    return figure


def draw_places(figure, found):
    """Draws the first search of each strategy, with the middle budget, on the map of the loss."""
    budget = sorted(found["both"])[len(found["both"]) // 2]
    table, panels = found["table"], figure.subplots(1, len(STRATEGIES), sharey=True)
    edges = table.edges("learning_rate"), table.edges("adam_epsilon")
    for axes, name in zip(panels, STRATEGIES, strict=True):
        search = found["both"][budget][name][0]
        tried = np.array([[v["learning_rate"], v["adam_epsilon"]] for v, _ in search])
        field = axes.pcolormesh(*edges, np.log(table.losses.T), cmap="Blues", zorder=0)
        order = np.arange(len(tried)) * (name == "coarse-to-fine")
        axes.scatter(*tried.T, c=order, cmap="autumn", edgecolors="black", s=45)
        axes.plot(tried[:, 0], np.full(len(tried), 1.3e-10), "|", color="black", markersize=12)
        axes.set(xscale="log", yscale="log", xlabel="learning rate")
        axes.set_title(f"{name}: {len(search)} trials, {distinct(search)} learning rates")
    panels[0].set_ylabel("Adam's epsilon")
    panels[-1].set_xlabel("learning rate (the later, the yellower)")
    bar = figure.colorbar(field, ax=panels, label="log of the loss")
    bar.ax.invert_yaxis()


if __name__ == "__main__":
    run(main, Settings)
