"""A trial, or one execution of it, as it trains in a stack."""

import dataclasses
import math
import numbers

import keras
import keras_tuner

from tuning import weights
from tuning.execution import as_numbers, best_epoch, has_diverged, score_if_known, score_of
from tuning.stacked.callbacks import (
    NEED_FIT,
    RATE_SETTERS,
    ModelInStack,
    TensorBoardInStack,
    model_for,
)
from tuning.stacked.errors import NotStackable
from tuning.stacked.lazy_variables import initial_value


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The weights of a trial's best epoch, not yet in its Keras model."""

    place: object
    """`Place` of the trial in its stack."""
    state: object
    """`TrialState`."""
    score: float

    def save_weights(self, path):
        """Writes the weights to a file of Keras's."""
        self.place.write_back(self.state)
        weights.save(path, self.place.model)


@dataclasses.dataclass(eq=False)
class Member:
    """One model in training, and what it came to so far."""

    trial: object
    """keras-tuner's `Trial`."""
    execution: int
    """Number of the execution, from 1."""
    model: object
    """Its Keras model."""
    batch_size: int
    first_epoch: int
    """Epochs done before this trial, 0 mostly."""
    epochs: int
    """Number of its last epoch."""
    curve: list = dataclasses.field(default_factory=list)
    """`{metric: number}` of each epoch, as its callbacks left it."""
    measured: list = dataclasses.field(default_factory=list)
    """The same before its callbacks saw it."""
    score: float = math.nan
    """Best finite objective so far."""
    seconds: float = 0.0
    """Its share of what its stack took."""
    ended: bool = False
    reason: str = ""
    """Why it was ended before its last epoch; empty if it was not, or diverged."""
    callbacks: tuple = ()
    """Its own copies of the callbacks of `fit`."""
    failure: BaseException | None = None
    """What one of them raised; the trial has failed then."""
    iterations: int = 0
    """Steps of its optimiser so far."""
    first_rate: float | None = None
    """Learning rate that callbacks found; None if it is a schedule, or there are none."""
    snapshot: Snapshot | None = None
    """Of the best epoch, while the trial is one of the best few."""
    held: object = None
    """`TrialState` of the epoch whose weights `EarlyStopping` restores in the end; None if none."""
    is_to_hold: bool = False
    """Whether that is the last epoch, so far."""

    def note(self, metrics, objective):
        """Takes in an epoch, and tells the callbacks of it; ends what has diverged.

        Args:
            metrics: `{name: number}`.
            objective: `keras_tuner.Objective`.

        Returns:
            Whether it is the best epoch so far.
        """
        self.is_to_hold = False
        self.measured.append(metrics)
        metrics = self._told_of_epoch(self.next_epoch - 1, metrics)
        if metrics is None:
            return False
        self.curve.append(metrics)
        if has_diverged(metrics):
            self.ended = True
            return False
        score = self.objective_of(metrics, objective)
        is_best = math.isfinite(score) and (
            math.isnan(self.score) or objective.better_than(score, self.score)
        )
        self.score = score if is_best else self.score
        return is_best

    _seen: list = dataclasses.field(default_factory=list)
    """What each of its callbacks sees as the model."""

    state: object = None
    """`TrialState` that it goes on from after a kill; None if it begins with its model's."""

    next_epoch: int = 0
    """Number, from 0, of the next epoch of its stack, which goes on after it has ended."""

    def __post_init__(self):
        self.next_epoch = self.first_epoch

    def restart(self):
        """Forgets what it came to, so that it is trained from its beginning."""
        self.forget()
        self.take(self.callbacks)

    def forget(self):
        """Forgets what it came to."""
        self.curve, self.measured, self.next_epoch = [], [], self.first_epoch
        self.score = math.nan
        self.ended, self.reason, self.snapshot, self.state = False, "", None, None
        self.held = None

    def take(self, callbacks):
        """Takes copies of callbacks, and tells them that the training begins."""
        rate = self.model.optimizer._learning_rate if callbacks else None
        if self.first_rate is not None:
            rate.assign(self.first_rate)
        elif isinstance(rate, keras.Variable):
            self.first_rate = float(initial_value(rate))
        self.callbacks, self.failure = tuple(callbacks), None
        self._seen = [model_for(callback, self.model, self._hold) for callback in callbacks]
        self.model.stop_training = False
        for callback, model in zip(callbacks, self._seen, strict=True):
            callback.set_model(model)
        self._tell("on_train_begin", {})

    def _hold(self):
        self.is_to_hold = True

    @property
    def objection(self):
        """Why it cannot train in a stack, whatever its model is; None if it can."""
        if not isinstance(self.batch_size, numbers.Integral) or self.batch_size < 1:
            return f"batch_size is {self.batch_size!r}"
        setters = [each for each in self.callbacks if isinstance(each, RATE_SETTERS)]
        if setters and self.first_rate is None:
            return f"{type(setters[0]).__name__} cannot set a learning rate that is a schedule"
        return self._wanted()

    def _wanted(self):
        """That a callback of somebody's own asked for what is not right here; None if none did."""
        views = [model for model in self._seen if isinstance(model, ModelInStack)]
        return next((view.wanted for view in views if view.wanted), None)

    def begin_epoch(self):
        """Lets its callbacks set the learning rate of the epoch that comes.

        Raises:
            NotStackable: They want it to end with the first step.
        """
        self._tell("on_epoch_begin", self.next_epoch, {})
        if self.model.stop_training:
            raise NotStackable(f"{NEED_FIT}they end an epoch after its first step")

    def go_through_curve(self):
        """Shows its callbacks the epochs of an earlier process."""
        for epoch, metrics in enumerate(self.measured, self.first_epoch):
            self._tell("on_epoch_begin", epoch, {})
            self._told_of_epoch(epoch, metrics)

    def finish(self):
        """Tells its callbacks that its training has ended."""
        if self.reason or (self.curve and has_diverged(self.curve[-1])):
            self.model.stop_training = True
        self._tell("on_train_end", dict(self.measured[-1]) if self.measured else {})
        for callback in self.callbacks:
            if isinstance(callback, TensorBoardInStack):
                self._call(callback.write)

    def _told_of_epoch(self, epoch, metrics):
        """An epoch's `{metric: number}` as its callbacks left it; None if one of them failed."""
        logs = dict(metrics)
        self._tell("on_epoch_end", epoch, logs)
        return self._call(as_numbers, logs) if self.failure is None else None

    def _tell(self, hook, *arguments):
        """Calls its callbacks, until one of them has failed; then it has ended."""
        for callback in self.callbacks:
            if self.failure is None:
                self._call(getattr(callback, hook), *arguments)

    def _call(self, function, *arguments):
        """What a function returns; None if it fails, and the trial with it.

        Raises:
            NotStackable: A callback has asked for what is not right here, whatever came of it.
        """
        try:
            return function(*arguments)
        except (NotStackable, keras_tuner.errors.FatalError):
            raise
        except Exception as error:
            self.failure, self.ended = self.failure or error, True
        finally:
            if wanted := self._wanted():
                raise NotStackable(wanted)

    def objective_of(self, metrics, objective):
        """The objective of an epoch; NaN if a callback of one's own may add it in a later one.

        Raises:
            keras_tuner.errors.FatalValueError: It is none of the metrics.
        """
        may_come = any(type(model) is ModelInStack for model in self._seen)
        return (score_if_known if may_come else score_of)(objective, metrics)

    def is_given_up(self):
        """Whether one of its callbacks wants it to end after its last epoch."""
        return bool(self.callbacks) and self.model.stop_training

    def result(self, objective):
        """`{metric: number}` of the best epoch, and its number from 0.

        Raises:
            keras_tuner.errors.FatalValueError: No epoch had the objective.
        """
        metrics, place = best_epoch(self.curve, objective)
        return metrics, self.first_epoch + place
