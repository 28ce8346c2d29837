"""A search whose scores are made up, to be killed: `python -m tests.tuning.made_up_search FOLDER`.

It prints `searching` when it begins and `done` at its end.
"""

import math
import sys
import time

import recipes  # noqa: F401  settles how Keras runs

# isort: split
import keras_tuner

from tests.tuning.oracles.searching import ORACLES
from tests.tuning.spaces import CLASSIFIER
from tuning import OneByOneTuner, own_values

OBJECTIVE = keras_tuner.Objective("val_accuracy", "max")
EPOCHS = 3


class MadeUpTuner(OneByOneTuner):
    """Trains nothing: each epoch takes some milliseconds, some trials diverge, some crash."""

    def __init__(self, *arguments, pause=0.0, **named):
        self.pause = pause
        super().__init__(*arguments, **named)

    def run_trial(self, trial, *_, **__):
        values = own_values(trial.hyperparameters)
        if 0.2 < values["learning_rate"] < 0.3:
            raise ValueError("such learning rates crash")
        best = -math.inf
        wanted = trial.hyperparameters.values
        first, last = wanted.get("tuner/initial_epoch", 0), wanted.get("tuner/epochs", EPOCHS)
        for epoch in range(first, last):
            score = score_of(values, epoch)
            self.on_epoch_end(trial, None, epoch, {"loss": 1 - score, "val_accuracy": score})
            best = max(best, score)
            time.sleep(self.pause)
        return {"val_accuracy": math.nan if values["learning_rate"] > 0.6 else best}


def score_of(values, epoch):
    """Best in the middle of the logarithmic range, better from epoch to epoch."""
    return math.exp(-abs(math.log10(values["learning_rate"]) + 2)) * (1 - 0.5 / (epoch + 1))


def tuner_in(folder, oracle="random", trials=30, pause=0.0, **arguments):
    """The search in a folder."""
    kind, more = ORACLES[oracle]
    return MadeUpTuner(
        kind(OBJECTIVE, max_trials=trials, seed=4, max_consecutive_failed_trials=0, **more),
        CLASSIFIER.declare,
        directory=folder,
        project_name="search",
        pause=pause,
        **arguments,
    )


if __name__ == "__main__":
    tuner = tuner_in(*sys.argv[1:3], int(sys.argv[3]), float(sys.argv[4]))
    print("searching", flush=True)
    tuner.search(verbose=0)
    print("done", flush=True)
