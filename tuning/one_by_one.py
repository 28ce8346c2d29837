"""Trials one after another, each by Keras's own `fit`: keras-tuner's loop, with records."""

import math
import time

import keras
import keras_tuner
import numpy as np

from tuning.records import Records, TrialRecord
from tuning.space import own_values


class OneByOneTuner(keras_tuner.Tuner):
    """A `keras_tuner.Tuner` that records each trial and knows a diverged one.

    A training whose loss or validation loss becomes NaN or infinite is ended; that epoch's metrics
    count as NaN, since an accuracy computed from such weights means nothing. The trial's score is
    its best epoch before that; if there is none, it has failed (with an oracle of
    `tuning.oracles`).

    A hyperparameter named `batch_size` is also the batch size of `fit`. What Hyperband wants of a
    trial (its epochs, and the earlier trial whose weights it goes on from) is done.

    Args:
        oracle: Which trials to run.
        hypermodel: `keras_tuner.HyperModel`, or function from hyperparameters to a compiled model.
        seed: Integer; trial n is initialised and shuffled by `default_rng([seed, n])`.
        records: `Records` to write; new ones in the tuner's `project_dir` if None.
        on_trial: Function called with the `TrialRecord` of each trial that ended.
        **arguments: What else `keras_tuner.Tuner` takes.
    """

    def __init__(
        self, oracle, hypermodel=None, *, seed=0, records=None, on_trial=None, **arguments
    ):
        super().__init__(oracle, hypermodel, **arguments)
        self.seed, self.on_trial = seed, on_trial or (lambda _: None)
        self.records = records or Records(self.project_dir)
        ended = [self.oracle.trials[trial_id] for trial_id in self.oracle.end_order]
        if ended:
            self.records.restore([_record(trial, math.nan) for trial in ended])

    def on_search_begin(self):
        """Saves the search, so that a kill before the first trial's end leaves one that resumes."""
        super().on_search_begin()
        self.save()

    def on_trial_begin(self, trial):
        """Seeds the trial and starts its clock."""
        super().on_trial_begin(trial)
        number = self.oracle.start_order.index(trial.trial_id)
        generator = np.random.default_rng([self.seed, number])
        keras.utils.set_random_seed(int(generator.integers(2**31)))
        self._began = time.monotonic()

    def run_trial(self, trial, *args, **kwargs):
        """Trains one trial; returns the history of each execution."""
        values = own_values(trial.hyperparameters)
        if "batch_size" in values:
            kwargs.setdefault("batch_size", values["batch_size"])
        wanted = trial.hyperparameters.values
        if "tuner/epochs" in wanted:
            kwargs["epochs"] = wanted["tuner/epochs"]
            kwargs["initial_epoch"] = wanted["tuner/initial_epoch"]
        callbacks = [*kwargs.pop("callbacks", []), StopWhenDiverged()]
        return super().run_trial(trial, *args, callbacks=callbacks, **kwargs)

    def _build_hypermodel(self, hp):
        model = super()._build_hypermodel(hp)
        if "tuner/trial_id" in hp.values:
            model.optimizer.build(model.trainable_variables)  # else its state is not restored
            model.load_weights(self._get_checkpoint_fname(hp.values["tuner/trial_id"]))
        return model

    def on_epoch_end(self, trial, model, epoch, logs=None):
        """Notes a point of the trial's curve."""
        super().on_epoch_end(trial, model, epoch, logs)
        self.records.epoch(trial.trial_id, epoch + 1, logs or {})

    def _run_and_update_trial(self, trial, *fit_args, **fit_kwargs):
        histories = self.run_trial(trial, *fit_args, **fit_kwargs)
        best = [_best_epoch(history.history, self.oracle.objective) for history in histories]
        metrics = {name: float(np.mean([m[name] for m, _ in best])) for name in best[0][0]}
        self.oracle.update_trial(trial.trial_id, metrics, step=best[0][1])

    def on_trial_end(self, trial):
        """Tells the oracle, and records what the trial came to."""
        super().on_trial_end(trial)
        record = _record(self.oracle.get_trial(trial.trial_id), time.monotonic() - self._began)
        self.records.end(record)
        self.on_trial(record)


class StopWhenDiverged(keras.callbacks.Callback):
    """Ends a training after the epoch that left it diverged."""

    def on_epoch_end(self, epoch, logs=None):  # noqa: ARG002
        """Looks at the epoch's losses."""
        if _has_diverged(logs or {}):
            self.model.stop_training = True


def _record(trial, seconds):
    """The `TrialRecord` of an ended trial of keras-tuner."""
    completed = trial.status == "COMPLETED"
    return TrialRecord(
        trial=trial.trial_id,
        status=trial.status,
        score=trial.score if completed else None,
        best_epoch=trial.best_step + 1 if completed else None,
        seconds=seconds,
        reason=(trial.message or "").strip().rpartition("\n")[2],
        values=own_values(trial.hyperparameters),
    )


def _has_diverged(metrics):
    # The validation loss too: the training loss of the last step is from before its update.
    return not all(math.isfinite(metrics.get(name, 0.0)) for name in ("loss", "val_loss"))


def _best_epoch(history, objective):
    """Metrics and number (from 0) of the best epoch; of the last one if none is finite."""
    epochs = [dict(zip(history, row, strict=True)) for row in zip(*history.values(), strict=True)]
    for metrics in epochs:
        if _has_diverged(metrics):
            metrics[objective.name] = math.nan
    finite = [i for i, m in enumerate(epochs) if math.isfinite(objective.get_value(m))]
    if not finite:
        return epochs[-1], len(epochs) - 1
    best = max if objective.direction == "max" else min
    place = best(finite, key=lambda i: objective.get_value(epochs[i]))
    return epochs[place], place
