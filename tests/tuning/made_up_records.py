"""Records of searches that nobody ran: `python -m tests.tuning.made_up_records FOLDER TRIALS`."""

import json
import math
import sys
from pathlib import Path

import keras_tuner
import numpy as np

from tests.tuning.spaces import CLASSIFIER
from tuning import Records, TrialRecord
from tuning.dashboard import TrialRows
from tuning.identity import of_the_search
from tuning.oracles import RandomOracle

EPOCHS = 20
OBJECTIVES = {
    "max": keras_tuner.Objective("val_accuracy", "max"),
    "min": keras_tuner.Objective("val_loss", "min"),
}


def write(folder, trials, direction="max", seed=0, in_tensorboard=False, name="made up", failing=0):
    """Writes a random search of the classifier's space, by the project's own writers.

    The learning rate matters most, then the momentum; one trial in sixteen or so diverges.

    Args:
        folder: Folder of the search; it is made.
        trials: How many.
        direction: `"max"` of the validation accuracy, or `"min"` of the validation loss.
        seed: Integer.
        in_tensorboard: Whether each trial is a row there too.
        name: Name of the search.
        failing: How many of the first trials fail, whatever their values.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for table in ("trials.csv", "curves.csv"):
        (folder / table).unlink(missing_ok=True)
    random = np.random.default_rng(seed)
    hp = keras_tuner.HyperParameters()
    CLASSIFIER.declare(hp)
    oracle = RandomOracle(OBJECTIVES[direction], max_trials=trials, hyperparameters=hp)
    about = of_the_search(name, seed, oracle, CLASSIFIER.priorities)
    (folder / "search.json").write_text(json.dumps(about))
    rows = TrialRows(folder / "tensorboard", name, {}) if in_tensorboard else None
    records = Records(folder, OBJECTIVES[direction], rows)
    for number in range(trials):
        _write_trial(records, f"{number:04d}", random, direction, number < failing)


def _write_trial(records, trial, random, direction, fails):
    hp = keras_tuner.HyperParameters()
    values = CLASSIFIER.declare(hp)
    for hyperparameter in CLASSIFIER:
        values[hyperparameter.name] = hyperparameter.range.from_unit(random.random())
    values = {name: getattr(value, "item", lambda v=value: v)() for name, value in values.items()}
    records.begin(trial, values)
    diverges = fails or values["learning_rate"] > 0.7
    curve = [] if diverges else _curve(values, random)
    for epoch, accuracy in enumerate(curve, start=1):
        metrics = {"loss": 2 * (1 - accuracy), "accuracy": accuracy, "val_accuracy": accuracy}
        records.epoch(trial, epoch, metrics | {"val_loss": 0.02 + 2.5 * (1 - accuracy)})
    best = max(curve, default=None)
    score = best if best is None or direction == "max" else 0.02 + 2.5 * (1 - best)
    records.write_curve(trial)
    records.end(
        TrialRecord(
            trial=trial,
            status="FAILED" if diverges else "COMPLETED",
            score=score,
            best_epoch=None if diverges else curve.index(best) + 1,
            seconds=float(random.uniform(0.5, 1.5)),
            reason="val_accuracy must be finite. Received: val_accuracy=nan." if diverges else "",
            values=values,
        )
    )


def _curve(values, random):
    rate, slowness = values["learning_rate"], 1 - values["sgd_momentum"]
    step = math.log10(rate / slowness)  # of gradient descent with momentum, in the long run
    quality = math.exp(-0.25 * (step - 0.3) ** 2 - 0.1 * (math.log10(rate) + 1.5) ** 2)
    end = min(0.99, 0.12 + 0.83 * quality + 0.0004 * values["hidden_units"])
    speed = 0.15 + 0.6 * quality
    noise = random.normal(0, 0.004, EPOCHS)
    return [
        float(np.clip(end - (end - 0.1) * math.exp(-speed * epoch) + noise[epoch], 0, 1))
        for epoch in range(EPOCHS)
    ]


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), in_tensorboard=True)
