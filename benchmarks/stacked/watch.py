"""Ends a search, whoever runs it, when it has found what was to be found."""

import time

import keras
import keras_tuner

from tuning import StackedTuner


class Reached(keras_tuner.errors.FatalError):
    """It is found, or time is up; the one kind of error that ends every tuner's search."""


class Watch(keras.callbacks.Callback):
    """Looks at every epoch of a search; its clock starts now.

    Args:
        target: Validation accuracy that ends the search.
        seconds: After how many it is ended in any case.
    """

    def __init__(self, target, seconds):
        super().__init__()
        self.target, self.best, self.seconds = target, 0.0, None
        self._began = time.perf_counter()
        self._limit = seconds

    def __deepcopy__(self, memo):
        """The same for all trials: keras-tuner copies the callbacks of each."""
        return self

    @property
    def has_reached(self):
        """Whether the target was reached."""
        return self.best >= self.target

    def on_epoch_end(self, epoch, logs=None):  # noqa: ARG002
        """Looks at an epoch of one model."""
        self.look(logs["val_accuracy"])

    def look(self, score):
        """Notes a score, and in how many `seconds` the best so far was found."""
        now = time.perf_counter() - self._began
        if score > self.best:
            self.best, self.seconds = score, now
        if self.has_reached or now > self._limit:
            raise Reached


class WatchedTuner(StackedTuner):
    """Shows each epoch of each stack to a `Watch`.

    Args:
        watch: `Watch`.
        *arguments: What else `StackedTuner` takes, as `named`.
        **named: See `arguments`.
    """

    def __init__(self, *arguments, watch, **named):
        self._watch = watch
        super().__init__(*arguments, **named)

    def after_epoch(self, training):
        """Looks at the best score so far of a stack."""
        super().after_epoch(training)
        scores = [member.score for member in training.members if member.score == member.score]
        self._watch.look(max(scores, default=0.0))
