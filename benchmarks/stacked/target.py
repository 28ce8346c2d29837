"""Seconds until a search has found what 64 random trials of keras-tuner find.

The target of each seed is the best validation accuracy of keras-tuner's random search. A contender
reaches it with the first epoch of any trial that is as good. A search that ends without is followed
by another one with the next seed, until the contender gives up.
"""

import functools
import gc
import itertools
import math
import tempfile
import time
import warnings

import keras
import keras_tuner
import optuna
from rich.progress import track

from benchmarks.stacked import ours, target_table
from benchmarks.stacked.keras_loops import WithBatchSize
from benchmarks.stacked.watch import Reached, Watch, WatchedTuner
from benchmarks.stacked.workload import make_workload
from recipes.search import OBJECTIVE

RANDOM = "keras-tuner RandomSearch, its own best"
SEEDS_APART = 1000  # keras-tuner's neighbouring seeds share draws


def run(scope, settings):
    """Searches with each contender and seed and prints the table.

    Args:
        scope: `SpaceSettings`.
        settings: `Settings`.

    Returns:
        `({contender: seconds of each seed, infinite where it gave up}, targets)`.
    """
    work = make_workload(scope, 1, settings.epochs)
    contenders = {
        "keras-tuner Hyperband": their_hyperband,
        "Optuna TPE, Hyperband pruning": optuna_search,
        **{
            f"ours, {name}": functools.partial(our_search, name, settings.our_trials)
            for name in settings.our_strategies
        },
    }
    seconds, targets = {RANDOM: []} | {name: [] for name in contenders}, []
    try:
        for seed in track(range(1, settings.seeds + 1), "seeds", transient=True):
            best, own = of_one_seed(work, contenders, seed, settings)
            targets.append(best)
            for name, found in own.items():
                seconds[name].append(found)
            target_table.report_seed(own, best, seed)
    finally:  # also what an interrupted run has come to
        if targets:
            target_table.report(seconds, targets, settings)
    return seconds, targets


def of_one_seed(work, contenders, seed, settings):
    """The target of a seed, and the seconds of each contender, who begin in another order each."""
    seed *= SEEDS_APART
    best, found, whole = their_best(work, settings.target_trials, seed)
    own = {RANDOM: found} | dict.fromkeys(contenders)
    first = seed // SEEDS_APART % len(contenders)
    for name in [*contenders][first:] + [*contenders][:first]:
        own[name] = seconds_until(best, contenders[name], work, seed, settings.patience * whole)
    return best, own


def their_best(work, trials, seed):
    """The target: best score of keras-tuner's random search, when it was found, seconds in all."""
    tidy()
    watch, began = Watch(math.inf, math.inf), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        tuner = keras_tuner.RandomSearch(
            WithBatchSize(work.builder), OBJECTIVE, trials, seed, directory=folder
        )
        tuner.search(**work.fit_arguments(), callbacks=[watch])
    return watch.best, watch.seconds, time.perf_counter() - began


def seconds_until(target, search, work, seed, patience):
    """Seconds until a contender has reached the target; infinite if it gives up before.

    Args:
        target: Validation accuracy.
        search: Function of a workload, folder, seed and `Watch` that searches once.
        work: `Workload`.
        seed: Seed of the first search.
        patience: Seconds.
    """
    tidy()
    watch = Watch(target, patience)
    try:
        for again in itertools.count():
            with tempfile.TemporaryDirectory() as folder:
                search(work, folder, seed + again, watch)
    except Reached:
        return watch.seconds if watch.has_reached else math.inf


def tidy():
    """Removes what others left behind."""
    keras.backend.clear_session()
    gc.collect()


def our_search(strategy, trials, work, folder, seed, watch):
    """The recipe's search."""
    trainer = functools.partial(WatchedTuner, watch=watch)
    ours.run(work, folder, trainer, strategy=strategy, trials=trials, seed=seed)


def their_hyperband(work, folder, seed, watch):
    """keras-tuner's Hyperband, one sweep of its brackets."""
    epochs = work.settings.epochs
    tuner = keras_tuner.Hyperband(
        WithBatchSize(work.builder), OBJECTIVE, epochs, seed=seed, directory=folder
    )
    with warnings.catch_warnings():  # a trial that goes on has lost its optimiser's state
        warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
        tuner.search(**work.fit_arguments(), callbacks=[watch])


def optuna_search(work, folder, seed, watch):
    """Optuna's TPE with the pruner that its documentation recommends for it; without end."""
    del folder
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    epochs = work.settings.epochs
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.HyperbandPruner(max_resource=epochs, reduction_factor=3),
    )

    def objective(trial):
        keras.backend.clear_session()
        hp = suggested(trial, work.space)
        model = work.builder.build(hp)
        arguments = work.fit_arguments() | {"batch_size": work.values(hp)["batch_size"]}
        history = model.fit(**arguments, callbacks=[watch, Pruning(trial)]).history
        return max(history["val_accuracy"])

    study.optimize(objective)


class Pruning(keras.callbacks.Callback):
    """Tells Optuna each epoch's score and ends the trial if it says so.

    Args:
        trial: `optuna.Trial`.
    """

    def __init__(self, trial):
        super().__init__()
        self.trial = trial

    def on_epoch_end(self, epoch, logs=None):
        """Reports one epoch."""
        self.trial.report(logs["val_accuracy"], epoch)
        if self.trial.should_prune():
            raise optuna.TrialPruned


def suggested(trial, space):
    """keras-tuner's `HyperParameters` of the same space with the values that Optuna suggests."""
    hp = keras_tuner.HyperParameters()
    space.declare(hp)
    for each in hp.space:
        kind, name = type(each).__name__, each.name
        if kind == "Choice":
            hp.values[name] = trial.suggest_categorical(name, each.values)
        elif kind in ("Int", "Float"):
            suggest = trial.suggest_int if kind == "Int" else trial.suggest_float
            is_log = each.sampling == "log"
            hp.values[name] = suggest(name, each.min_value, each.max_value, log=is_log)
    return hp
