"""What runs in a worker: a tuner that is handed its trials, and gives back what each came to."""

import queue
import sys
import tempfile
import threading
import time
from pathlib import Path

import keras_tuner
import ray
import tensorflow as tf

from tuning.garbage import freeze_for_good
from tuning.outcome import Outcome
from tuning.stacked.report import Report
from tuning.workers.messages import Begun, Ended, Lost, Progress, Weights

SECONDS_BETWEEN_SIGNS = 1.0
"""A worker says not oftener how far it is."""

_trainees = {}
"""The search that this process works for: what was compiled stays from task to task."""


def train(name, search, task):
    """Trains trials; Ray runs it in a worker.

    Args:
        name: Name of the search, unlike any other's.
        search: List of one Ray reference to the `Search`, so that it is read once only.
        task: `Task`.

    Yields:
        `Begun`, then `Ended` for each trial, and `Progress` in between; `Lost` is the last.
    """
    yield Begun()
    if name not in _trainees:
        _trainees.clear()
        _trainees[name] = Trainee(ray.get(search[0]))
    try:
        yield from _trainees[name].train(task)
    except MemoryError:
        yield Lost("its worker ran out of memory", has_begun=True, is_memory=True)
        sys.exit(1)  # what is tried again, smaller, shall find a process that holds nothing


class Trainee:
    """A tuner whose oracle decides nothing and whose records are another process's.

    Args:
        search: `Search`.
    """

    def __init__(self, search):
        use_threads(search.threads)
        freeze_for_good()
        self._messages, self._told = queue.SimpleQueue(), 0.0
        self._curves = Curves()
        self._oracle = HandedOracle(self._end, search.objective, max_trials=search.trials)
        with tempfile.TemporaryDirectory() as folder:
            self._tuner = search.kind(
                self._oracle,
                search.hypermodel,
                directory=folder,
                on_epoch=self._tell,
                checkpoint_seconds=float("inf"),
                **search.arguments,
            )
        self._tuner.records = self._curves
        self._tuner.prepare(*search.fit_args, **search.fit_kwargs)

    def train(self, task):
        """Trains trials in a thread; yields what it says of them as soon as it does.

        Args:
            task: `Task`.
        """
        threading.Thread(target=self._run, args=(task,), daemon=True).start()
        while (message := self._messages.get()) is not None:
            if isinstance(message, BaseException):
                raise message
            yield message

    def _run(self, task):
        try:
            with tempfile.TemporaryDirectory() as folder:
                self._move_to(folder, task.best_few)
                self._tuner.train(self._begun(task.trials))
            self._messages.put(None)
        except BaseException as error:
            self._messages.put(error)

    def _move_to(self, folder, best_few):
        """Lets the tuner forget all that was of an earlier task but its programs."""
        self._oracle.forget(folder)
        self._tuner.directory = folder
        self._tuner._take_up()
        self._tuner._best_few = best_few

    def _begun(self, trials):
        for trial, states in trials:
            self._oracle.trials[trial.trial_id] = trial
            for execution, state in states.items():
                self._tuner._states.to_begin_from(trial, execution).write_bytes(state)
            self._tuner.begin(trial)
            yield trial

    def _tell(self, training):
        if time.monotonic() - self._told >= SECONDS_BETWEEN_SIGNS:
            self._told = time.monotonic()
            names = [member.trial.trial_id for member in training.members]
            self._messages.put(Progress(names, training.next_epoch, training.epochs))

    def _end(self, trial):
        """Sends what a trial came to, in place of writing it anywhere."""
        tuner, folder = self._tuner, Path(self._tuner.get_trial_dir(trial.trial_id))
        weights = Path(tuner._get_checkpoint_fname(trial.trial_id))
        outcome = Outcome(
            trial.status,
            trial.message,
            trial.seconds,
            self._curves.pop(tuner._row_of(trial)),
            self._oracle.results.pop(trial.trial_id, []),
            Weights(weights.read_bytes()) if weights.exists() else None,
        )
        states = {
            int(path.stem.partition("-")[2]): path.read_bytes()
            for path in folder.glob("state-*.npz")
        }
        report, tuner.report = tuner.report, Report()
        ended = Ended(trial.trial_id, outcome, trial.hyperparameters, states, report)
        self._messages.put(ended)


class HandedOracle(keras_tuner.Oracle):
    """The oracle of a worker: its trials come from elsewhere, and what they came to goes there.

    Args:
        end: Function that is called with each trial that ends.
        objective: `keras_tuner.Objective`.
        max_trials: How many trials it is going to see, as far as is known.
    """

    def __init__(self, end, objective, max_trials):
        super().__init__(objective, max_trials=max_trials)
        self._end, self.verbose = end, 0
        self.results = {}
        """`{trial: [(metrics, epoch)]}` of what trials have come to."""

    def forget(self, folder):
        """Forgets all trials; those to come keep their files in another folder."""
        self.trials, self.results = {}, {}
        self._set_project_dir(folder, self._project_name or "")

    def get_trial(self, trial_id):
        """A trial; of one that was trained elsewhere only its name."""
        nameless = keras_tuner.HyperParameters()
        stranger = keras_tuner.engine.trial.Trial(nameless, trial_id)
        return self.trials.get(trial_id, stranger)

    def update_trial(self, trial_id, metrics, step=0):
        """Notes the best epoch of an execution."""
        self.results.setdefault(trial_id, []).append((metrics, step))
        return super().update_trial(trial_id, metrics, step)

    def end_trial(self, trial):
        """Passes a trial on that has ended."""
        self._end(trial)

    def save(self):
        """Nothing is kept here."""

    def _save_trial(self, trial):
        """Nothing is kept here."""


class Curves:
    """The epochs of trials until they end, in place of `Records`."""

    def __init__(self):
        self._epochs = {}

    def begin(self, trial, values):  # noqa: ARG002
        """Forgets what an earlier training of the trial came to."""
        self._epochs[trial] = []

    def epoch(self, trial, epoch, metrics):
        """Notes an epoch."""
        self._epochs[trial].append((epoch, metrics))

    def pop(self, trial):
        """List of `(epoch, metrics)` of a trial."""
        return self._epochs.pop(trial, [])

    def take_up(self, records):
        """There is nothing to take up."""

    def write_curve(self, trial):
        """Another process writes it."""

    def end(self, record):
        """Another process writes it."""


def use_threads(threads):
    """Lets TensorFlow use so many threads; a process that computes already keeps what it has."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:
        return
