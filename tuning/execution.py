"""One training of a trial: where it begins, when it is hopeless, what of it is kept."""

import difflib
import math

import keras
import keras_tuner
import numpy as np

from tuning import training_state, weights


class Execution(keras.callbacks.Callback):
    """Watches one training by `fit`; give it last among the callbacks.

    A training whose loss or validation loss becomes NaN or infinite is ended. (The validation loss
    too, since the training loss of the last step is from before its update.)

    Args:
        objective: `keras_tuner.Objective`; the weights of its best epoch are kept in memory.
        begin_from: `Path` of the state that the training goes on from, or None.
        state_to: `Path` that its last state is written to, or None.
        objection: Function of an epoch, from 1, and its objective, that says why the training
            should end, or None.
        on_epoch: Function called with each epoch's number, from 0, and its `{metric: number}`.
    """

    def __init__(
        self, objective, begin_from=None, state_to=None, objection=None, on_epoch=lambda *_: None
    ):
        super().__init__()
        self.objective, self.begin_from, self.state_to = objective, begin_from, state_to
        self.objection, self.reason = objection or (lambda *_: None), ""
        self.on_epoch = on_epoch
        self.score, self.best_weights, self.curve, self.first_epoch = math.nan, None, [], 0

    def on_train_begin(self, logs=None):  # noqa: ARG002
        """Puts the model where the earlier training ended: here it is built, whatever it is."""
        self.curve = []
        if self.begin_from:
            training_state.load(self.begin_from, self.model)

    def on_epoch_end(self, epoch, logs=None):
        """Ends a training that diverged or is hopeless; keeps the weights of the best epoch."""
        logs = as_numbers(logs or {})
        self.curve.append(logs)
        self.on_epoch(epoch, logs)
        self.first_epoch = epoch + 1 - len(self.curve)
        if has_diverged(logs):
            self.model.stop_training = True
            return
        score = score_if_known(self.objective, logs)
        is_better = self.best_weights is None or self.objective.better_than(score, self.score)
        if is_better or math.isnan(self.score):
            self.score, self.best_weights = score, self.model.get_weights()
        if reason := self.objection(epoch + 1, score):
            self.reason, self.model.stop_training = reason, True

    def on_train_end(self, logs=None):  # noqa: ARG002
        """Writes the state that another training may go on from."""
        if self.state_to:
            training_state.save(self.state_to, self.model, {})

    def save_weights(self, path):
        """Writes the weights of the best epoch."""
        self.model.set_weights(self.best_weights)
        weights.save(path, self.model)


def as_numbers(logs):
    """An epoch's metrics as `{name: number}`; of one with a value for each class, their mean.

    Args:
        logs: `{name: number or array}`.
    """
    return {name: float(np.mean(value)) for name, value in logs.items()}


def has_diverged(metrics):
    """Whether an epoch's loss or validation loss is no finite number."""
    return not all(math.isfinite(metrics.get(name, 0.0)) for name in ("loss", "val_loss"))


def score_of(objective, metrics):
    """The objective of an epoch.

    Args:
        objective: `keras_tuner.Objective`.
        metrics: `{name: number}`.

    Raises:
        keras_tuner.errors.FatalValueError: No metric has its name; that ends a search.
    """
    if not objective.has_value(metrics):
        raise no_such_objective(objective, metrics)
    return objective.get_value(metrics)


def score_if_known(objective, metrics):
    """The objective of an epoch; NaN where it was not measured.

    Args:
        objective: `keras_tuner.Objective`.
        metrics: `{name: number}`.
    """
    return objective.get_value(metrics) if objective.has_value(metrics) else math.nan


def no_such_objective(objective, names):
    """The exception for an objective that is none of the metrics, with the one that was meant."""
    several = getattr(objective, "name_to_direction", {objective.name: objective.direction})
    received = next(name for name in several if name not in names)
    meant = {name.lower(): name for name in names}
    similar = difflib.get_close_matches(received.lower(), meant, 1)
    return keras_tuner.errors.FatalValueError(
        f"objective must be one of the metrics of an epoch: {', '.join(sorted(names))}. "
        f"Received: objective={received}."
        + "".join(f" Perhaps you meant {meant[name]}." for name in similar)
    )


def best_epoch(curve, objective):
    """Metrics and number (from 0) of the best epoch of a training; the last one if none is finite.

    The objective of an epoch that diverged counts as NaN: an accuracy computed from such weights
    means nothing. So does that of an epoch after which it was not measured (`validation_freq`).

    Args:
        curve: `{metric: number}` of each epoch.
        objective: `keras_tuner.Objective`.

    Raises:
        keras_tuner.errors.FatalValueError: The objective is none of the metrics.
    """
    if not any(objective.has_value(metrics) or has_diverged(metrics) for metrics in curve):
        raise no_such_objective(objective, {name: None for metrics in curve for name in metrics})
    epochs = [dict(metrics) for metrics in curve]
    for metrics in epochs:
        is_known = not has_diverged(metrics)
        metrics[objective.name] = score_if_known(objective, metrics) if is_known else math.nan
    finite = [i for i, m in enumerate(epochs) if math.isfinite(m[objective.name])]
    if not finite:
        return epochs[-1], len(epochs) - 1
    best = max if objective.direction == "max" else min
    place = best(finite, key=lambda i: epochs[i][objective.name])
    return epochs[place], place
