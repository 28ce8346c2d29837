"""Runs an oracle as a tuner does, with made-up scores in place of training."""

import json
import math
import shutil
import tempfile
from pathlib import Path

import keras_tuner
import numpy as np

from tests.tuning.spaces import CLASSIFIER
from tuning import own_values
from tuning.oracles import (
    BayesianOracle,
    ByPriorityOracle,
    CoarseToFineOracle,
    GridOracle,
    HyperbandOracle,
    QuasiRandomOracle,
    RandomOracle,
)

PRIORITIES = CLASSIFIER.priorities
ORACLES = {
    "random": (RandomOracle, {}),
    "quasi_random": (QuasiRandomOracle, {}),
    "grid": (GridOracle, {"priorities": PRIORITIES}),
    "coarse_to_fine": (CoarseToFineOracle, {}),
    "by_priority": (ByPriorityOracle, {"priorities": PRIORITIES}),
    "hyperband": (HyperbandOracle, {"max_epochs": 9}),
    "bayesian": (BayesianOracle, {"num_initial_points": 10}),
}


def make(name, hp, directory, max_trials=20, seed=0, objective=None, saves=False, **more):
    """An oracle of `ORACLES`; one that saves writes all its trials into a directory."""
    kind, arguments = ORACLES[name]
    oracle = kind(
        objective or keras_tuner.Objective("score", "max"),
        max_trials=max_trials,
        seed=seed,
        hyperparameters=hp,
        **arguments,
        **more,
    )
    oracle.verbose = 0
    oracle._set_project_dir(directory, "search")
    if not saves:
        oracle.save = oracle._save_trial = lambda *_: None
    return oracle


def bowl(values):
    """A made-up score, best where every number is in the middle of what it can be."""
    numbers = [v for v in values.values() if isinstance(v, int | float) and v > 0]
    return -sum((math.log10(number) - 0.5) ** 2 for number in numbers)


def hand_out(oracle, most):
    """Up to `most` new trials, and how the oracle ended the row: RUNNING, IDLE or STOPPED."""
    trials, status = [], "RUNNING"
    for place in range(most):
        trial = oracle.create_trial(f"tuner/{place}")
        status = trial.status
        if status != "RUNNING":
            break
        trials.append(trial)
    return trials, status


def end(oracle, trial, score):
    """Report a score and end a trial."""
    oracle.update_trial(trial.trial_id, {oracle.objective.name: score})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)


def run(oracle, at_a_time=1, score=bowl):
    """Search to the end; returns the oracle. Fails where it would wait for ever."""
    while True:
        trials, status = hand_out(oracle, at_a_time)
        if not trials:
            if status != "STOPPED":
                raise AssertionError(f"deadlock: {status} with no trial running")
            return oracle
        for trial in trials:
            end(oracle, trial, score(own_values(trial.hyperparameters)))


def values_of(oracle):
    """The values of all trials, in the order they started."""
    return [dict(oracle.trials[trial_id].hyperparameters.values) for trial_id in oracle.start_order]


class Folder:
    """A directory for searches that goes when the test ends."""

    def __init__(self, test):
        self.path = Path(tempfile.mkdtemp())
        self.count = 0
        test.addCleanup(shutil.rmtree, self.path)

    def new(self):
        """Another empty directory in it."""
        self.count += 1
        return str(self.path / str(self.count))

    def copy(self, directory):
        """A copy of a directory, as a killed search leaves it."""
        return shutil.copytree(directory, self.new())


def is_json(state):
    """Whether a state survives being written and read."""
    return json.loads(json.dumps(state)) is not None


def unlike(one, other):
    """How many trials of two searches differ."""
    return int(np.sum([a != b for a, b in zip(one, other, strict=True)]))
