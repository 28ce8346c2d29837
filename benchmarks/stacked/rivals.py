"""Seconds a trial of everything that trains many trials, in turns; and the machine's limit."""

import collections
import dataclasses
import gc
import tempfile
import time
from collections.abc import Callable

import keras

from benchmarks.stacked import jax_vmap, keras_loops, limit, one_after_another, ours, rival_tables
from benchmarks.stacked.measured import FIT, JAX, KERAS_TUNER, ONE_BY_ONE, OURS, Measured
from benchmarks.stacked.phases import Phases
from benchmarks.stacked.workload import make_workload


@dataclasses.dataclass(frozen=True)
class Contender:
    """A way to train trials, and how many it trains at a time."""

    name: str
    train: Callable
    """Function of a workload, trials and a folder; returns the trials' scores."""
    rounds: list
    """The trials of each round."""

    @property
    def key(self):
        """Name, and number of trials of a round."""
        return self.name, len(self.rounds[0])


def run(scope, settings, title, goals):
    """Measures all contenders and prints the tables.

    Args:
        scope: `SpaceSettings`.
        settings: `Settings`.
        title: What the tables are of.
        goals: `{trials: how many times faster than keras-tuner ours is to be}`.

    Returns:
        `({(contender, trials): Measured}, {trials: Measured of the limit})`.
    """
    most = max(*settings.trials, *settings.compiled_trials, settings.fit_trials)
    work = make_workload(scope, most, settings.epochs)
    contenders = line_up(work, settings)
    for contender in {each.name: each for each in contenders}.values():
        with tempfile.TemporaryDirectory() as folder:  # what a process does once is not counted
            contender.train(work.of_epochs(1), work.drawn[:1], folder)
    measured = collections.defaultdict(Measured)
    limits = {trials: Measured() for trials in settings.trials}
    for number in range(settings.rounds):
        contenders.append(contenders.pop(0))
        for contender in contenders:
            measured[contender.key].add(*turn(work, contender, number))
        measure_limits(work, limits)
    rival_tables.report(title, measured, limits, goals)
    return measured, limits


def line_up(work, settings):
    """The contenders; those that take seconds a trial train a few, spread over the space."""
    rounds, few = settings.rounds, work.sample(settings.fit_trials)
    spread = [few[number::rounds] for number in range(rounds)]
    contenders = [
        Contender(KERAS_TUNER, keras_loops.random_search, spread),
        Contender(FIT, keras_loops.fit_loop, spread),
    ]
    for name, train, sizes in (
        (ONE_BY_ONE, one_after_another.train, settings.compiled_trials),
        (JAX, jax_vmap.train, settings.compiled_trials),
        (OURS, ours.random_search, settings.trials),
    ):
        contenders += [Contender(name, train, [work.drawn[:size]] * rounds) for size in sizes]
    return contenders


def turn(work, contender, number):
    """One turn: seconds, scores and phases. What others left behind is removed beforehand."""
    keras.backend.clear_session()
    gc.collect()
    with tempfile.TemporaryDirectory() as folder, Phases() as phases:
        began = time.perf_counter()
        scores = contender.train(work, contender.rounds[number], folder)
        return time.perf_counter() - began, scores, phases


def measure_limits(work, limits):
    """Adds the limit at this moment's speed for each number of trials."""
    speeds = limit.speeds({work.values(hp)["batch_size"] for hp in work.drawn})
    for trials, measured in limits.items():
        sums = limit.multiplications(work, work.drawn[:trials])
        seconds = sum(sums[batch_size] / speeds[batch_size] for batch_size in sums)
        measured.seconds.append(seconds / trials)
