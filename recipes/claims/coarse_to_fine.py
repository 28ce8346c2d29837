"""1.4 Coarse to fine finds more with the same budget than random sampling.

Sample coarsely, find the region that does well, search it more densely; repeat.

You will see the best loss by number of trials of coarse-to-fine search and of random sampling, and
where the trials of each round lie on the scale of each hyperparameter: rounds draw together where
it matters. Measured is the regret, (best found - best) / (median - best) of all settings, 0 for the
best and 1 for a typical one: that of random sampling less that of coarse-to-fine, at equal budget
and when random sampling has twice as many trials. Expected is no less than 0. Measured too is how
far learning rates spread in the last round, over the first: each round's boxes are 0.8 as wide as
the last one's and lie around the best trials, which agree where it matters, so expected is less
than 0.8. There is one table: intervals are over searches, not over networks.

    python -m recipes.claims.coarse_to_fine

Takes half a minute on two cores: a classifier is trained for each of 780 settings, and all searches
are drawn from that. Source: Ng (2017), "Improving Deep Neural Networks", week 3; the search is
`tuning.oracles.CoarseToFineOracle`, whose constants were chosen on other data.
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
)
from recipes.ingredients.command_line import run
from recipes.ingredients.data import DataSettings
from recipes.ingredients.errors import BadInput, refuse_below
from recipes.ingredients.run_directory import RunSettings
from tuning import Hyperparameter, Integers, Logarithmic, LogarithmicComplement, SearchSpace
from tuning.oracles import CoarseToFineOracle, RandomOracle, search_in_memory
from tuning.pictures import paper

SPACE = SearchSpace(
    (
        Hyperparameter("learning_rate", Logarithmic(1e-4, 1.0), 0.01, 1),
        Hyperparameter("sgd_momentum", LogarithmicComplement(0.9, 0.999), 0.9, 2),
        Hyperparameter("hidden_units", Integers(50, 100), 64, 2),
        Hyperparameter("learning_rate_decay", Logarithmic(1e-4, 1.0), 1e-4, 3),
    )
)
ROUNDS = 4


@dataclasses.dataclass(frozen=True)
class Settings:
    """Compares coarse-to-fine search with random sampling."""

    where: RunSettings = RunSettings()
    dataset: DataSettings = DataSettings(validation_share=0.2)
    shape: tuple[int, int, int, int] = (13, 5, 3, 4)
    """Learning rates, momenta, widths and decays that are trained, all combinations."""
    epochs: int = 5
    """Epochs of each training, 1 or more."""
    budgets: tuple[int, ...] = (16, 32, 64)
    """Trials of a coarse-to-fine search, each 4 or more; random sampling gets these, and twice."""
    seeds: int = 100
    """Searches of each kind, 2 or more."""

    def __post_init__(self):
        """Refuses values outside their range."""
        refuse_below(self, epochs=1, seeds=2)
        if not self.budgets or min(self.budgets) < ROUNDS:
            raise BadInput(
                f"budgets must be some numbers, each {ROUNDS} or more."
                f" Received: budgets={self.budgets}."
            )


def main(settings):
    """Measures, judges and draws: a `recipes.ingredients.claims.Result`."""
    return conduct(__file__, settings, measure, judge, draw)


def measure(settings, zoom=CoarseToFineOracle):
    """Trains all settings of a table, and draws searches from it.

    Args:
        settings: `Settings`.
        zoom: The oracle on trial. Default `CoarseToFineOracle`.

    Returns:
        `{"regrets": {budget: (seeds, trials)}, "units": {budget: (seeds, trials, dimensions)},
        "random": (seeds, trials)}`: regret of the best so far, and place of each trial on the
        hyperparameters' scales; random sampling has twice the largest budget.
    """
    parts = flat_examples(settings.dataset)
    table = loss_table(parts, {"hidden_layers": 1}, SPACE, settings.shape, settings.epochs)
    best, median = table.losses.min(), np.median(table.losses)
    found = {"regrets": {}, "units": {}}

    def searched(oracle, trials):
        searches = [search(oracle, trials, seed, table) for seed in range(settings.seeds)]
        losses = np.array([[loss for _, loss in each] for each in searches])
        regrets = (np.minimum.accumulate(losses, axis=1) - best) / (median - best)
        return regrets, np.array([[units(values) for values, _ in each] for each in searches])

    for budget in settings.budgets:
        found["regrets"][budget], found["units"][budget] = searched(zoom, budget)
    found["random"], _ = searched(RandomOracle, 2 * max(settings.budgets))
    return found


def search(oracle, trials, seed, table):
    """The `(values, loss)` of each trial of one search."""
    hp = keras_tuner.HyperParameters()
    SPACE.declare(hp)
    objective = keras_tuner.Objective("loss", "min")
    made = oracle(objective, max_trials=trials, seed=seed, hyperparameters=hp)
    return search_in_memory(made, table.at)


def units(values):
    """Where values lie on their scales, each from 0 to 1."""
    return [float(each.range.to_unit(each.range.nearest(values[each.name]))) for each in SPACE]


def rounds(places):
    """Places of trials, `(seeds, trials, ...)`, as `(rounds, seeds, trials of a round, ...)`."""
    whole = places.shape[1] // ROUNDS * ROUNDS
    return np.stack(np.split(places[:, :whole], ROUNDS, axis=1))


def judge(found):
    """Regrets seed by seed, and how rounds draw together."""
    at_least = "a search that goes by what it has seen is no worse"

    def gained(times):
        return tuple(
            mean_of(
                found["random"][:, times * budget - 1] - regrets[:, -1],
                f"{budget} trials against {times * budget}",
            )
            for budget, regrets in found["regrets"].items()
        )

    def narrowed(places):
        spread = rounds(places)[..., 0].std(axis=-1)
        return mean_of(spread[-1] / spread[0], f"{places.shape[1]} trials")

    return [
        Check(
            "1.4",
            "regret of random sampling less that of coarse-to-fine, equal budgets",
            gained(1),
            Expected(at_least, low=0.0),
        ),
        Check(
            "1.4",
            "the same when random sampling has twice as many trials",
            gained(2),
            Expected(at_least, low=0.0),
        ),
        Check(
            "1.4",
            "deviation of learning rates, on their scale, in the last round / in the first",
            tuple(narrowed(places) for places in found["units"].values()),
            Expected("boxes 0.8 as wide each round, around the best, which agree", high=0.8),
        ),
    ]


def draw(found):
    """Regret by trials, and where the rounds' trials lie on each scale."""
    figure = paper(13, 7.5)
    upper, lower = figure.subfigures(2, 1)
    by_trials, widths = upper.subplots(1, 2)
    largest = max(found["regrets"])
    for label, regrets in {
        "random": found["random"],
        **{f"coarse-to-fine, {budget}": each for budget, each in found["regrets"].items()},
    }.items():
        by_trials.plot(np.arange(1, regrets.shape[1] + 1), regrets.mean(0), label=label)
    by_trials.set(xscale="log", yscale="log", xlabel="trials", ylabel="mean regret of the best")
    by_trials.set_title("How good the best so far is")
    spread = rounds(found["units"][largest]).std(axis=2).mean(1)
    for each, line in zip(SPACE, spread.T, strict=True):
        widths.plot(range(1, ROUNDS + 1), line, "o-", label=each.name)
    widths.set(xlabel="round", ylabel="deviation on the scale", ylim=(0, None))
    widths.set_xticks(range(1, ROUNDS + 1))
    widths.set_title(f"How far trials spread, {largest} trials")
    for axes in (by_trials, widths):
        axes.grid(alpha=0.3)
        axes.legend()
    draw_rounds(lower, rounds(found["units"][largest])[:, 0])
    return figure


def draw_rounds(figure, places):
    """Draws where one search's trials lie, round by round, on the scale of each hyperparameter."""
    for number, (axes, each) in enumerate(
        zip(figure.subplots(1, len(SPACE), sharey=True), SPACE, strict=True)
    ):
        across = places[..., number]
        up = np.broadcast_to(np.arange(1, ROUNDS + 1)[:, None], across.shape)
        ends = f"{each.range.low:g} to {each.range.high:g}"
        axes.scatter(across, up, c=up, cmap="viridis_r", s=30, alpha=0.7)
        axes.set(xlim=(-0.03, 1.03), ylim=(ROUNDS + 0.5, 0.5), xlabel=f"{ends}, on its scale")
        axes.set_title(each.name, fontsize=10)
    figure.axes[0].set(ylabel="round of one search", yticks=range(1, ROUNDS + 1))


if __name__ == "__main__":
    run(main, Settings)
