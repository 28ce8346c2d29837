"""A search over processes beside the same search in one, and what its driver alone can do.

You will see, for a search of trials that are trained in stacks and for one of trials that only
`fit` can train, seconds a trial in this process, with one worker and with two, each worker with its
share of the cores, in turns; Ray's start and TensorFlow's import in the workers are not in it. Then
the driver's own limit: trials whose training is made up and takes no time are handed out, brought
back and recorded, files, curves and TensorBoard included; the cost of one must not grow.

    python -m benchmarks.workers
    python -m benchmarks.workers 1000 10000 100000     # trials of the driver's limit

It takes about ten minutes on two cores, and another ten for 100,000 trials.
"""

import contextlib
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass
from typing import Annotated

import keras_tuner
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.counts import check_at_least
from recipes import search
from recipes.ingredients.data import DataSettings, load
from recipes.ingredients.space import SpaceSettings
from tests.tuning.made_up_search import OBJECTIVE, score_of
from tests.tuning.spaces import CLASSIFIER
from tuning import StackedTuner, WorkersTuner, own_values
from tuning.oracles import RandomOracle
from tuning.outcome import Outcome
from tuning.workers import cluster

ROUNDS = 3
STACKED, BY_FIT = "trained in stacks", "trained by fit"
TRIALS = {STACKED: 128, BY_FIT: 8}
EPOCHS = {STACKED: 10, BY_FIT: 5}
LIMITS = (1_000, 10_000)
MADE_UP_EPOCHS, BLOCK = 3, 1_000


@dataclass(frozen=True)
class Settings:
    """What is measured."""

    trials: Annotated[tuple[int, ...], tyro.conf.Positional] = ()
    """Trials that take no time, a search each, 2 or more; then only the driver is measured."""

    def __post_init__(self):
        if self.trials:
            check_at_least(2, trials=self.trials)


def main(settings):
    """Measures the driver's limit and, if no number of trials is given, the processes."""
    limits(settings.trials or LIMITS)
    if not settings.trials:
        processes()


class MadeUpTuner(StackedTuner):
    """Trains nothing, at once."""

    def prepare(self, *_, **__):
        """Needs nothing."""

    def train(self, trials):
        """Ends each trial with a made-up curve."""
        for trial in trials:
            values = own_values(trial.hyperparameters)
            curve = [
                (epoch + 1, {"loss": 1 - score, OBJECTIVE.name: score})
                for epoch in range(MADE_UP_EPOCHS)
                for score in [score_of(values, epoch)]
            ]
            self.take(
                trial, Outcome("COMPLETED", None, 0.0, curve, [(curve[-1][1], len(curve) - 1)])
            )


class MadeUpWorkersTuner(WorkersTuner):
    """Its workers make up what they give back."""

    kind = MadeUpTuner


def seconds_a_trial(work, workers, folder):
    """Searches; seconds of each trial from the first one's beginning to the last one's end."""
    settings, space, data, features = digits()
    kind, more = (StackedTuner, {}) if workers is None else (WorkersTuner, {"workers": workers})
    hp = keras_tuner.HyperParameters()
    space.declare(hp)
    oracle = RandomOracle(OBJECTIVE, max_trials=TRIALS[work], seed=0, hyperparameters=hp)
    builder = search.Builder(settings, space, data, features["train"])
    tuner = kind(oracle, builder, directory=folder, project_name="search", checkpoints=0, **more)
    fit = {"steps_per_epoch": 17} if work == BY_FIT else {}  # which a stack does not know
    began = time.perf_counter()
    tuner.search(
        features["train"],
        data.train.labels,
        validation_data=(features["validation"], data.validation.labels),
        epochs=EPOCHS[work],
        verbose=0,
        **fit,
    )
    ways = {"fit" if work == BY_FIT else "stacked": TRIALS[work]}
    if tuner.report.ways != ways:
        raise RuntimeError(f"all trials must be {work}. Received: {tuner.report}.")
    return (time.perf_counter() - began) / TRIALS[work]


def digits():
    """The data, and a space of one program, so that each worker compiles the same."""
    scope = SpaceSettings(hidden_layers="3", batch_size="64")
    settings = search.Settings(DataSettings(validation_share=0.2), scope)
    data = load(settings.dataset)
    return settings, search.search_space(scope, settings.optimizer), data, data.encoded_parts()


def processes():
    """Seconds a trial of each work and number of workers, in turns; prints the table."""
    contenders = {"this process": None, "1 worker": 1, "2 workers": 2}
    turns = {(work, name): [] for work in TRIALS for name in contenders}
    for number in range(ROUNDS + 1):
        for work, name in turns:
            with contextlib.ExitStack() as stack:
                if contenders[name]:
                    stack.enter_context(cluster(contenders[name]))
                    warm_up(contenders[name])
                seconds = seconds_a_trial(work, contenders[name], stack.enter_context(folder()))
            if number:  # the first turn warms this process up
                turns[work, name].append(seconds)
    table = Table("trials", *contenders, "1 worker / 2 workers", title="seconds a trial, median")
    for work, trials in TRIALS.items():
        medians = [f"{statistics.median(turns[work, name]):.3f}" for name in contenders]
        pairs = zip(turns[work, "1 worker"], turns[work, "2 workers"], strict=True)
        ratios = [one / two for one, two in pairs]
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        table.add_row(f"{trials}, {work}", *medians, spread)
    Console(width=120).print(table)
    return turns


def warm_up(workers):
    """Lets each worker import TensorFlow."""
    with folder() as where:
        oracle = RandomOracle(OBJECTIVE, max_trials=workers, seed=0)
        arguments = {"directory": where, "project_name": "search", "workers": workers}
        MadeUpWorkersTuner(oracle, CLASSIFIER.declare, **arguments).search(verbose=0)


def driver(trials):
    """Hands out and takes back made-up trials; returns when each was recorded.

    Returns:
        `(wall, processor)`: seconds after the first trial's end, of each.
    """
    wall, processor = [], []

    def note(_):
        wall.append(time.perf_counter())
        processor.append(time.process_time())

    with folder() as where, cluster(2):
        warm_up(2)
        oracle = RandomOracle(OBJECTIVE, max_trials=trials, seed=0)
        arguments = {"directory": where, "project_name": "search", "workers": 2, "on_trial": note}
        MadeUpWorkersTuner(oracle, CLASSIFIER.declare, **arguments).search(verbose=0)
    return np.array(wall) - wall[0], np.array(processor) - processor[0]


def limits(numbers):
    """Prints how many trials a second the driver manages, and what one costs it, early and late."""
    table = Table(title="the driver: trials that take no time, handed out and recorded")
    for heading in ("trials", "a second", "its own ms a trial", "first thousand", "last thousand"):
        table.add_column(heading)
    costs = {}
    for trials in numbers:
        wall, processor = driver(trials)
        each = costs[trials] = 1e3 * processor[-1] / (trials - 1)
        shares = ["", ""]
        if trials >= 10 * BLOCK:  # with fewer, the last ones are handed out long before
            first, last = processor[BLOCK - 1], processor[-1] - processor[-BLOCK]
            shares = [f"{1e3 * cost / (BLOCK - 1):.2f}" for cost in (first, last)]
        rate = f"{(trials - 1) / wall[-1]:.0f}"
        table.add_row(f"{trials:,}", rate, f"{each:.2f}", *shares)
    Console(width=120).print(table)
    return costs


@contextlib.contextmanager
def folder():
    """A folder that goes with the block."""
    path = tempfile.mkdtemp()
    try:
        yield path
    finally:
        shutil.rmtree(path)


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
