"""Hundreds of trials at a time: the oracle's trials, trained in stacks."""

import collections
import contextlib
import itertools
import math
import os
import threading
import time
import traceback

import keras
import keras_tuner
import numpy as np
import tensorflow as tf
from keras.src.utils import naming
from keras_tuner.src.engine.tuner import maybe_compute_model_size

from tuning import files, training_state
from tuning.execution import has_diverged
from tuning.garbage import uncollected
from tuning.one_by_one import DiskFault, OneByOneTuner
from tuning.oracles import Persistent
from tuning.outcome import Outcome
from tuning.seeds import set_random_seed
from tuning.space import own_values
from tuning.stacked import given
from tuning.stacked.callbacks import NEED_FIT, TensorBoardInStack
from tuning.stacked.checkpoint import StackCheckpoint
from tuning.stacked.errors import NotStackable
from tuning.stacked.gathering import Gathering
from tuning.stacked.groups import Grouping
from tuning.stacked.lazy_variables import initial_value, lazy_variables
from tuning.stacked.measures import build_measures
from tuning.stacked.member import Member
from tuning.stacked.memory import default_limit
from tuning.stacked.randomness import SEEDS
from tuning.stacked.report import FIT, ONE_PROGRAM, STACKED, Report
from tuning.stacked.threads import side_by_side
from tuning.stacked.traced_once import unoptimized_graphs
from tuning.stacked.training import StackTraining
from tuning.stacked.turns import TURNS


class StackedTuner(OneByOneTuner):
    """A `keras_tuner.Tuner` that trains many trials as one compiled program.

    `build(hp)` gives each trial's ordinary compiled Keras model. Models that are the same program
    but for layers' widths and for numbers, of whatever part, are trained side by side, each exactly
    as if it were alone: by Keras's own functions for loss, gradients and metrics, vectorised, and
    by the optimiser's update written for a stack. Trials that cannot be stacked, or are slower so,
    train one after another through one compiled epoch, or by `fit`; `report` says how many, and
    why. A trial that diverges ends and harms no other.

    Epoch e of every trial goes through the examples in the order `default_rng([seed, e])`.

    Args:
        oracle: Which trials to run.
        hypermodel: `keras_tuner.HyperModel`, or function from hyperparameters to a compiled model.
        stack_size: The most trials that are taken from the oracle at a time. Default 1024; 8 of an
            oracle whose every choice learns from the trials before it (Bayesian).
        memory: Bytes that stacks may use; by default half of what is free. Groups that need more
            are trained in parts.
        stacks_at_a_time: How many stacks train side by side, each in a thread. By default as many
            as the process may use cores, 8 at most; 1 where there is a GPU.
        checkpoint_seconds: A stack in training is kept on the disk so often. Default 30.
        on_epoch: Function called after each epoch of a stack with the `StackTraining`.
        jit_compile: Whether XLA compiles the programs: True, False, or "auto", which is where that
            saves more than it costs. Default "auto".
        **arguments: What else `OneByOneTuner` takes.

    Attributes:
        report: `Report` on how the trials of this process were trained.
    """

    def __init__(
        self,
        oracle,
        hypermodel=None,
        *,
        stack_size=None,
        memory=None,
        stacks_at_a_time=None,
        jit_compile="auto",
        checkpoint_seconds=30.0,
        on_epoch=None,
        **arguments,
    ):
        limits = {"stack_size": stack_size, "memory": memory, "stacks_at_a_time": stacks_at_a_time}
        for limit, value in limits.items():
            if value is not None and value < 1:
                raise ValueError(f"{limit} must be 1 or more. Received: {limit}={value}.")
        self.stack_size = stack_size or (8 if learns_from_each(oracle) else 1024)
        self.memory = memory or default_limit()
        self.stacks_at_a_time = stacks_at_a_time or default_stacks_at_a_time()
        self.lock = threading.Lock()  # what the stacks' threads ask of the tuner, one at a time
        self.jit_compile, self.report = jit_compile, Report()
        self.checkpoint_seconds, self.on_epoch = checkpoint_seconds, on_epoch or (lambda _: None)
        super().__init__(oracle, hypermodel, **arguments)

    def _search(self, *fit_args, **fit_kwargs):
        if "verbose" in fit_kwargs:
            self.oracle.verbose = fit_kwargs["verbose"]
        self.prepare(*fit_args, **fit_kwargs)
        self.on_search_begin()
        interrupted = len(self.oracle._retry_queue)
        if interrupted and isinstance(self.oracle, Persistent) and self.oracle.has_ended_last():
            self.train(map(self._next_trial, range(interrupted)))  # the next ones learn from all
        while first := self._next_trial(0):
            self.train(itertools.chain([first], self._further_trials()))
        self.on_search_end()

    def _finish(self):
        """Also removes what a kill has left of stacks whose trials ended, or were trained apart."""
        super()._finish()
        StackCheckpoint(self.project_dir, self.checkpoint_seconds).remove_all()

    def prepare(self, *fit_args, **fit_kwargs):
        """Takes what `train` is to train with; the arguments are those of `fit`."""
        self._fit, self.callbacks_objection = (fit_args, fit_kwargs), None
        self._work, self._refusal = None, self._objection()
        if not self._refusal:  # else what it was given need not be data
            try:
                self._work = given.read(fit_args, fit_kwargs)
            except NotStackable as reason:
                self._refusal = str(reason)
        work = self._work
        self._grouping = Grouping(work.training, work.validation) if work else None

    def train(self, trials):
        """Trains trials of the oracle, and ends each of them.

        Args:
            trials: Iterable of keras-tuner's `Trial`s.
        """
        self._checkpoint = StackCheckpoint(self.project_dir, self.checkpoint_seconds)
        if self._refusal:
            left = ((trial, self._refusal) for trial in trials)  # each when the last has ended
        else:
            with uncollected(), unoptimized_graphs():
                left = self._train_in_stacks(trials, self._work)
        for trial, reason in left:
            self._train_alone(trial, reason)

    def _objection(self):
        """Why nothing of this search can be stacked; None if it can."""
        own = [name for name in _OF_ONE_TRIAL if not _is_inherited(self, name, OneByOneTuner)]
        if own:
            return f"the tuner has a {own[0]} of its own"
        if not _is_inherited(self.hypermodel, "fit", keras_tuner.HyperModel):
            return "the hypermodel has a fit of its own"
        if self.distribution_strategy is not None:
            return "the tuner was given distribution_strategy"
        return None

    def _next_trial(self, place):
        """The oracle's next trial; None if it has no more by now."""
        self.pre_create_trial()
        with self.lock:
            trial = self.oracle.create_trial(f"{self.tuner_id}/{place}")
        if trial.status != "RUNNING":
            return None
        self.begin(trial)
        self.on_trial_begin(trial)
        return trial

    def _further_trials(self):
        """Takes trials from the oracle while it has some and there are places."""
        places = range(1, -(-self.stack_size // self.executions_per_trial))
        return itertools.takewhile(bool, map(self._next_trial, places))

    def _train_alone(self, trial, reason):
        """Trains a trial by `fit`."""
        fit_args, fit_kwargs = self._fit
        self.report.add(FIT, reason)
        self._began[trial.trial_id] = time.monotonic()
        self._try_run_and_update_trial(trial, *fit_args, **fit_kwargs)
        self.on_trial_end(trial)

    # Stacks

    def _train_in_stacks(self, trials, work):
        """Trains and ends what can be stacked; returns `(trial, why not)` of the rest."""
        keras.backend.clear_session()
        self._unbuilt = collections.deque()
        built, left = {}, {}
        refused = self._run(self._trainings(trials, work, built, left), built, left)
        again = [training.by_settings() for training in refused]
        refused = [one for one, parts in zip(refused, again, strict=True) if not parts]
        refused += self._run([part for parts in again for part in parts], built, left)
        alone = [one for training in refused for one in training.one_after_another()]
        for training in self._run(alone, built, left):
            left |= training.objections()
        self._checkpoint.remove_all()
        while self._unbuilt:
            self.on_trial_end(self._unbuilt.popleft())
        return [(trial, left[trial]) for trial in built if trial in left]

    def _trainings(self, trials, work, built, left):
        """Builds the trials' models; yields the training of each stack as soon as it is full."""
        ended = []
        gathering = Gathering(
            self._grouping,
            self.memory // self.stacks_at_a_time,
            work.training.examples,
            min(self.stack_size, self.oracle.max_trials or 1),
            self.jit_compile,
        )
        for trial in trials:
            TURNS.wait()
            members = built[trial] = self._members_of(trial, work)
            stacks, reason = gathering.add(members)
            reason = reason or self.callbacks_objection
            if not members:
                self._end_failed(trial)
            elif reason:
                left[trial] = reason
            elif all(member.ended for member in members):  # when a kill ended their stack, say
                ended.append(trial)
            for gathered in stacks:
                yield StackTraining(self, self._grouping, gathered, work)
        for gathered in gathering.rest():
            yield StackTraining(self, self._grouping, gathered, work)
        for trial in ended:
            self._end_if_done(trial, built, left)

    def _run(self, trainings, built, left):
        """Runs what can be run, and ends its trials; returns what may be run otherwise."""
        refused = []
        for training in side_by_side(trainings, self.stacks_at_a_time):
            if training.is_for_fit:
                left |= training.objections()
                continue
            if training.objection:
                refused.append(training)
                continue
            for trial in {member.trial: None for member in training.members}:
                self._end_if_done(trial, built, left, training)
            self._checkpoint.remove(training)
        return refused

    def _members_of(self, trial, work):
        """Builds the model of each execution of a trial; none where that fails, with the reason."""
        try:
            return [
                self._member_of(trial, number, work)
                for number in range(1, self.executions_per_trial + 1)
            ]
        except keras_tuner.errors.FatalError:
            raise
        except Exception as error:
            _fail(trial, error)
            return []
        finally:
            with self.lock:  # the next trial has values for what this one was the first to have
                self.oracle.update_space(trial.hyperparameters)

    def _member_of(self, trial, number, work):
        naming.reset_uids()  # else a nameless metric's name would tell trials apart
        with SEEDS, lazy_variables():
            set_random_seed(self._seed_of(trial, number))
            model = self._checked(self._build_hypermodel(trial.hyperparameters))
        begin_from = self._states.to_begin_from(trial, number)
        if begin_from and isinstance(model, keras.Sequential):  # others are built, or not stacked
            with contextlib.suppress(Exception):  # `fit`, which trains it then, loads the state
                self._grouping.build(model)
        if begin_from and model.built:
            training_state.load(begin_from, model)
        wanted = trial.hyperparameters.values
        member = Member(
            trial,
            number,
            model,
            own_values(trial.hyperparameters).get("batch_size", work.batch_size),
            wanted.get("tuner/initial_epoch", work.first_epoch),
            wanted.get("tuner/epochs", work.epochs),
        )
        with contextlib.suppress(NotStackable):  # a callback's wish; `objection` tells
            if work.callbacks:
                self._give_callbacks(member, work)
            self._checkpoint.restore(member)
        if self.pruning:
            for epoch, metrics in enumerate(member.curve, member.first_epoch + 1):
                if has_diverged(metrics):
                    break
                score = member.objective_of(metrics, self.oracle.objective)
                self.pruning.note(self._name_for_pruning(member), epoch, score)
        return member

    def _give_callbacks(self, member, work):
        with contextlib.suppress(Exception):  # they ask metrics whether more is better
            self._grouping.build(member.model)
            build_measures(member.model, work.training.labels)
        steps = work.training.steps(member.batch_size)
        member.iterations = int(initial_value(member.model.optimizer.iterations))
        copies = self._deepcopy_callbacks(list(work.callbacks))
        for callback, copy in zip(work.callbacks, copies, strict=True):
            if copy is callback:
                name = type(callback).__name__
                self.callbacks_objection = f"{NEED_FIT}{name}, which all trials share"
                return
        for place, callback in enumerate(copies):
            if isinstance(callback, keras.callbacks.TensorBoard):
                trial, execution = member.trial.trial_id, member.execution - 1
                folder = self._get_tensorboard_dir(callback.log_dir, trial, execution)
                callback = copies[place] = TensorBoardInStack(callback, member, folder)
            callback.set_params({"verbose": 0, "epochs": member.epochs, "steps": steps})
        member.take(copies)

    def _checked(self, model):
        if not isinstance(model, keras.Model):
            raise keras_tuner.errors.FatalTypeError(
                f"build must return a keras.Model. Received: {model!r}."
            )
        most = self.max_model_size
        if most and (size := maybe_compute_model_size(model)) > most:
            raise keras_tuner.errors.FailedTrialError(f"Oversized model: {size} parameters.")
        return model

    def _end_if_done(self, trial, built, left, training=None):
        """Ends a trial if all its executions have ended, the last one in this `StackTraining`.

        One whose callbacks ask in the end for what is not there is left for `fit`.
        """
        members = built[trial]
        if not members or not all(member.ended for member in members):
            return
        built[trial] = []  # another stack that had an execution of it ends it no more
        try:
            for member in members:
                member.finish()
        except NotStackable as reason:
            self.callbacks_objection = left[trial] = str(reason)
            return
        refusal, program = (training.refusal, training.program_name) if training else ("", None)
        self.report.add(ONE_PROGRAM if refusal else STACKED, refusal, program)
        self._end(trial, members)

    def _end(self, trial, members):
        """Ends a trial whose executions have all ended."""
        failures = [member.failure for member in members if member.failure]
        for failure in failures:
            if files.is_fault_of_the_disk(failure):
                raise DiskFault(str(failure)) from failure
        if failures:
            _fail(trial, failures[0])
            self._end_failed(trial)
            return
        several = self.executions_per_trial > 1
        epochs = [member.result(self.oracle.objective) for member in members]
        step = round(np.mean([number for _, number in epochs]))
        results, curve = [(metrics, step) for metrics, _ in epochs], []
        for member in members:
            number = {"execution": member.execution} if several else {}
            for epoch, metrics in enumerate(member.curve, member.first_epoch + 1):
                curve.append((epoch, number | metrics))
        kept = [member for member in members if member.snapshot is not None]
        best = min(kept, key=self.rank).snapshot if kept else None
        reasons = [member.reason for member in members if member.reason]
        seconds = sum(member.seconds for member in members)
        message = reasons[0] if reasons else None
        self.take(trial, Outcome("COMPLETED", message, seconds, curve, results, best))
        in_a_row = (self.oracle.max_consecutive_failed_trials or math.inf) - 1
        while self._unbuilt and in_a_row > 0:  # as many between others as do not end the search
            self.on_trial_end(self._unbuilt.popleft())
            in_a_row -= 1

    def _end_failed(self, trial):
        """Ends a trial between others; at once if it is tried once more, among the same ones."""
        if self._is_tried_again(trial, trial.status):
            self.on_trial_end(trial)
        else:
            self._unbuilt.append(trial)

    def _is_tried_again(self, trial, status):
        """Whether the oracle hands a trial out once more that ends with this status."""
        retries = self.oracle._run_times[trial.trial_id]
        return status == "INVALID" and retries < self.oracle.max_retries_per_trial

    # What a `StackTraining` asks

    def rank(self, member):
        """Sorts scored members, the best first; of equal ones the earlier trial."""
        sign = -1 if self.oracle.objective.direction == "max" else 1
        return sign * member.score, int(member.trial.trial_id)

    def state_to_keep(self, member):
        """`Path` for the last state of a member that may go on; None if it may not."""
        with self.lock:
            return self._states.to_write(member.trial, member.execution)

    def before_epoch(self, members):
        """Lets callbacks set the learning rates of the epoch that comes."""
        if any(member.callbacks for member in members):
            with self.lock:
                for member in members:
                    if not member.ended:
                        member.begin_epoch()

    def note_epoch(self, member, metrics):
        """Takes in an epoch of a member; returns whether it is its best so far."""
        with self.lock:
            return member.note(metrics, self.oracle.objective)

    def end_early(self, members):
        """Ends members that a callback or the pruning rule gives up, all looked at together."""
        training = [member for member in members if not member.ended]
        with self.lock:
            for member in training if self.pruning else ():
                score = member.objective_of(member.curve[-1], self.oracle.objective)
                self.pruning.note(self._name_for_pruning(member), member.next_epoch, score)
            for member in training:
                if self.pruning:
                    name = self._name_for_pruning(member)
                    member.reason = self.pruning.objection(name, member.next_epoch) or ""
                member.ended = bool(member.reason) or member.is_given_up()

    def _name_for_pruning(self, member):
        return f"{self._row_of(member.trial)}/{member.execution}"

    def after_epoch(self, training):
        """Keeps the stack on the disk, now and then; shows how far it is."""
        with self.lock:
            self._checkpoint.after_epoch(training)
            self.on_epoch(training)

    def keep_checkpoint(self, training):
        """Keeps a stack that stops on the disk."""
        with self.lock:
            self._checkpoint.write(training)


_OF_ONE_TRIAL = "run_trial", "_run_and_update_trial", "_build_and_fit_model"
_OF_ONE_TRIAL += "on_epoch_begin", "on_epoch_end", "on_batch_begin", "on_batch_end"
"""Methods of a tuner that a stack has no use for."""


def _fail(trial, error):
    """Notes what a person's own code raised in a trial; it may be tried once more."""
    is_final = isinstance(error, keras_tuner.errors.FailedTrialError)
    trial.status = "FAILED" if is_final else "INVALID"
    trial.message = "".join(traceback.format_exception(error))


def _is_inherited(thing, name, base):
    """Whether a method of an object is that of a base class of its."""
    return getattr(getattr(thing, name), "__func__", None) is getattr(base, name)


def learns_from_each(oracle):
    """Whether every choice of an oracle learns from the trials before it."""
    return isinstance(oracle, keras_tuner.oracles.BayesianOptimizationOracle)


def default_stacks_at_a_time():
    """As many stacks as this process may use cores; a GPU is busy with one."""
    if tf.config.list_physical_devices("GPU"):
        return 1
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count())
    return min(8, len(cores))
