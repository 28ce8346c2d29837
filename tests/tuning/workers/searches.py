"""Searches with workers that misbehave; one of them, to be killed, in a process of its own:

    python -m tests.tuning.workers.searches FOLDER TRIALS [ADDRESS]

It prints `ended` with each trial, and `done` at its end.
"""

import os
import resource
import signal
import sys
import time
from pathlib import Path

import recipes  # noqa: F401  settles how Keras runs

# isort: split
import keras
import keras_tuner
import numpy as np
import tensorflow as tf

from tuning import StackedTuner, WorkersTuner
from tuning.oracles import RandomOracle
from tuning.workers import cluster

OBJECTIVE = keras_tuner.Objective("val_loss", "min")
EPOCHS = 3
X = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
LABELS = (X[:, 0] > 0).astype(np.int64)


class Tame(keras_tuner.HyperModel):
    """Builds small models, and notes in which process."""

    def __init__(self, folder):
        super().__init__()
        self.folder = Path(folder)

    def build(self, hp):
        (self.folder / f"pid-{os.getpid()}").touch()
        units, rate = hp.Int("units", 3, 6), hp.Float("learning_rate", 0.01, 0.1, sampling="log")
        self.misbehave(units)
        model = keras.Sequential(
            [
                keras.Input((2,)),
                keras.layers.Dense(units, use_bias=False),
                keras.layers.BatchNormalization(momentum=0.9),
                keras.layers.ReLU(),
                keras.layers.Dense(2),
            ]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(rate, momentum=0.9), loss, metrics=["accuracy"])
        return model

    def misbehave(self, units):
        """Does nothing."""

    def is_first(self):
        """Whether nobody has asked before, in any process."""
        try:
            (self.folder / "asked").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


class Deadly(Tame):
    """Kills the process that builds four units."""

    def misbehave(self, units):
        if units == 4:
            os.kill(os.getpid(), signal.SIGKILL)


class Sleepy(Tame):
    """Hangs, once."""

    def misbehave(self, units):
        if units == 4 and self.is_first():
            time.sleep(3600)


class Hungry(keras_tuner.HyperModel):
    """Its models need so much memory that a worker, which gets little, cannot stack many."""

    MEBIBYTES = 1100

    def __init__(self, folder):
        super().__init__()
        self.folder, self.driver = Path(folder), os.getpid()

    def build(self, hp):
        (self.folder / f"pid-{os.getpid()}").touch()
        if os.getpid() != self.driver and resource.getrlimit(resource.RLIMIT_AS)[0] < 0:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            most = pages * resource.getpagesize() + self.MEBIBYTES * 2**20
            resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
        rate = hp.Float("learning_rate", 0.01, 0.1, sampling="log")
        layers = [keras.layers.Dense(2000, "relu") for _ in range(2)]
        model = keras.Sequential([keras.Input((2,)), *layers, keras.layers.Dense(2)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(rate, momentum=0.9), loss)
        return model


class WithWorkers(tf.test.TestCase):
    """Tests that share one Ray of two workers, which takes seconds to start."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.enterClassContext(cluster(2))

    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)


def processes_of(folder):
    """Numbers of the processes that build models of a search, but for this one."""
    numbers = {int(path.name.removeprefix("pid-")) for path in Path(folder).glob("pid-*")}
    return numbers - {os.getpid()}


def tuner_in(folder, kind=WorkersTuner, oracle=None, hypermodel=None, **arguments):
    """The tuner of a search in a folder."""
    if kind is WorkersTuner:
        arguments = {"workers": 2} | arguments
    return kind(
        oracle or RandomOracle(OBJECTIVE, max_trials=8, seed=1),
        hypermodel or Tame(folder),
        directory=folder,
        project_name="search",
        jit_compile=False,  # XLA has its own tests; this is quicker
        **arguments,
    )


def search(tuner, epochs=EPOCHS, **arguments):
    """Runs a search; returns its tuner."""
    validation = {"validation_data": (X, LABELS)}
    tuner.search(X, LABELS, epochs=epochs, verbose=0, **validation | arguments)
    return tuner


def undisturbed(folder, oracle=None, **arguments):
    """The same search in this process."""
    return search(tuner_in(folder, StackedTuner, oracle), **arguments)


if __name__ == "__main__":
    folder, trials, *address = sys.argv[1:]
    oracle = RandomOracle(OBJECTIVE, max_trials=int(trials), seed=1)
    tuner = tuner_in(folder, oracle=oracle, stack_size=8, ray_address=next(iter(address), None))
    tuner.on_trial = lambda _: print("ended", flush=True)
    search(tuner)
    print("done", flush=True)
