"""What a search costs beside training, per trial, as the number of trials grows to 10,000.

    python -m benchmarks.bookkeeping

Scores are made up, so that all that is left is bookkeeping: the oracle's choice, the trial's file,
the state, the row and the curve of three epochs in CSV files and in TensorBoard. keras-tuner does
the same with its own oracle and files, without curves and TensorBoard, for as many trials as it
takes to see its cost grow. Milliseconds a trial, in blocks of trials. Takes four minutes.
"""

import contextlib
import io
import itertools
import shutil
import statistics
import tempfile
import time

import keras_tuner
import tyro
from rich.console import Console
from rich.table import Table

from tests.tuning.made_up_search import OBJECTIVE, score_of, tuner_in
from tests.tuning.spaces import CLASSIFIER

TRIALS, BLOCK = 10_000, 1_000
THEIR_TRIALS = 2_000


class TheirTuner(keras_tuner.Tuner):
    """keras-tuner's own tuner, training nothing."""

    def run_trial(self, trial, *_, **__):
        """A made-up score."""
        return {"val_accuracy": score_of(trial.hyperparameters.values, 2)}


def theirs(folder):
    """keras-tuner's random search."""
    oracle = keras_tuner.oracles.RandomSearchOracle(OBJECTIVE, max_trials=THEIR_TRIALS, seed=1)
    return TheirTuner(oracle, CLASSIFIER.declare, directory=folder, project_name="search")


def milliseconds_of(tuner):
    """Milliseconds of each trial of a search."""
    ends = [time.perf_counter()]
    on_trial_end = tuner.on_trial_end

    def timed(trial):
        on_trial_end(trial)
        ends.append(time.perf_counter())

    tuner.on_trial_end = timed
    with contextlib.redirect_stderr(io.StringIO()):  # keras-tuner prints each crash
        tuner.search(verbose=0)
    return [1e3 * (end - begin) for begin, end in itertools.pairwise(ends)]


def main():
    """Runs the searches and prints the table."""
    searches = {name: lambda f, n=name: tuner_in(f, n, TRIALS) for name in ("random", "hyperband")}
    searches["coarse_to_fine"] = lambda f: tuner_in(f, "coarse_to_fine", TRIALS)
    searches["keras-tuner's random search"] = theirs
    table = Table(title="milliseconds a trial besides training (mean of a block of 1,000)")
    for heading in ("search", "trials", "first block", "last block", "median of all"):
        table.add_column(heading)
    for name, search in searches.items():
        folder = tempfile.mkdtemp()
        took = milliseconds_of(search(folder))
        first, last = statistics.mean(took[:BLOCK]), statistics.mean(took[-BLOCK:])
        median = statistics.median(took)
        table.add_row(name, f"{len(took):,}", f"{first:.2f}", f"{last:.2f}", f"{median:.2f}")
        shutil.rmtree(folder)
    Console(width=120).print(table)


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
