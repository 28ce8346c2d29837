"""Seconds a trial of everything that trains many trials, in turns; and the machine's limit."""

import collections
import dataclasses
import gc
import tempfile
import time

import keras

from benchmarks.stacked import keras_loops, limit, one_after_another, ours, rival_tables
from benchmarks.stacked.measured import FIT, JAX, KERAS_TUNER, ONE_BY_ONE, OURS, Measured, Turn
from benchmarks.stacked.phases import Phases
from benchmarks.stacked.processes import new_process
from benchmarks.stacked.workload import make_workload
from recipes.ingredients.space import SpaceSettings


def train_with_jax(*arguments):
    """`jax_vmap.train`; JAX starts in its own process only."""
    from benchmarks.stacked import jax_vmap

    return jax_vmap.train(*arguments)


TRAIN = {
    KERAS_TUNER: keras_loops.random_search,
    FIT: keras_loops.fit_loop,
    ONE_BY_ONE: one_after_another.train,
    JAX: train_with_jax,
    OURS: ours.random_search,
}
"""Functions of a workload, trials and a folder, that return the trials' scores."""


@dataclasses.dataclass(frozen=True)
class Contest:
    """What every process needs to know."""

    scope: SpaceSettings
    trials: int
    """How many are drawn."""
    epochs: int

    def work(self):
        """The `Workload`; the same one each time."""
        return make_workload(self.scope, self.trials, self.epochs)


def run(scope, settings, title, goals):
    """Measures all contenders and prints the tables.

    Args:
        scope: `SpaceSettings`.
        settings: `Settings`.
        title: What the tables are of.
        goals: `{trials: how many times faster than keras-tuner ours is to be}`.

    Returns:
        `({(contender, trials of a round): Measured}, {trials: Measured of the limit})`.
    """
    most = max(*settings.trials, *settings.compiled_trials, settings.fit_trials)
    contest = Contest(scope, most, settings.epochs)
    entries = line_up(contest.work(), settings)
    measured = collections.defaultdict(Measured)
    limits = {trials: Measured() for trials in settings.trials}
    with new_process() as jax_process:

        def take(name, places, epochs=None):
            if name == JAX:
                return jax_process.submit(take_turn, contest, name, places, epochs).result()
            return take_turn(contest, name, places, epochs)

        for name in TRAIN if settings.warm_up else ():
            take(name, [0], epochs=1)
        for number in range(settings.rounds):
            entries.append(entries.pop(0))
            for name, rounds in entries:
                measured[name, len(rounds[number])].turns.append(take(name, rounds[number]))
            measure_limits(contest.work(), limits, settings.limit_seconds)
    rival_tables.report(title, measured, limits, goals)
    return measured, limits


def line_up(work, settings):
    """For each entry the contender's name, and the numbers of the trials of each round.

    Contenders that take seconds a trial train a few each round, spread over the space.
    """
    rounds, few = settings.rounds, work.sample(settings.fit_trials)
    spread = [few[number::rounds] for number in range(rounds)]
    sizes = dict.fromkeys((ONE_BY_ONE, JAX), settings.compiled_trials) | {OURS: settings.trials}
    first = [(name, [range(size)] * rounds) for name in sizes for size in sizes[name]]
    return [(KERAS_TUNER, spread), (FIT, spread), *first]


def take_turn(contest, name, places, epochs=None):
    """One turn of a contender. What others left behind is removed beforehand.

    Args:
        contest: `Contest`.
        name: Name of the contender.
        places: Numbers of the trials.
        epochs: Epochs of a trial, if not the contest's.

    Returns:
        `Turn`.
    """
    work = contest.work().of_epochs(epochs or contest.epochs)
    keras.backend.clear_session()
    gc.collect()
    with tempfile.TemporaryDirectory() as folder, Phases() as phases:
        began = time.perf_counter()
        scores = TRAIN[name](work, [work.drawn[place] for place in places], folder)
        seconds = (time.perf_counter() - began) / len(places)
    return Turn(seconds, scores, phases.seconds, phases.ahead)


def measure_limits(work, limits, seconds):
    """Adds the limit at this moment's speed for each number of trials."""
    speeds = limit.speeds({work.values(hp)["batch_size"] for hp in work.drawn}, seconds)
    for trials, measured in limits.items():
        sums = limit.multiplications(work, work.drawn[:trials])
        needed = sum(sums[batch_size] / speeds[batch_size] for batch_size in sums)
        measured.turns.append(Turn(needed / trials, []))
