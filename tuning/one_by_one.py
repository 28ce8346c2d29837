"""Trials one after another, each by Keras's own `fit`: keras-tuner's loop, and nothing is lost."""

import collections
import contextlib
import copy
import json
import math
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import keras
import keras_tuner
import numpy as np
import tensorflow as tf
from keras_tuner.src.engine import tuner_utils

from tuning import files, identity
from tuning.checkpoints import BestFew, States
from tuning.dashboard import TrialRows
from tuning.execution import Execution, as_numbers, best_epoch, has_diverged, score_if_known
from tuning.garbage import frozen_heap
from tuning.oracles import Persistent
from tuning.reasons import reason_of
from tuning.records import Records, TrialRecord
from tuning.space import own_values


class DiskFault(keras_tuner.errors.FatalError, OSError):
    """Nothing can be written any more, so the search ends; what was written stays readable."""


class BestEpoch(NamedTuple):
    """What an execution of a trial came to."""

    metrics: dict
    step: int
    """Number of the epoch, from 0."""


class OneByOneTuner(keras_tuner.Tuner):
    """A `keras_tuner.Tuner` that loses nothing and shows everything.

    - Each trial is a row of `trials.csv`, its epochs rows of `curves.csv`, and both are in
      TensorBoard, curves and HParams. A trial that Hyperband trains on keeps its row.
    - A search that was stopped in any way goes on when the same program is run again (with an
      oracle of `tuning.oracles`). One with another space, strategy or data is refused.
    - One process at a time searches in a folder.
    - A training whose loss or validation loss becomes NaN or infinite is ended. The trial's score
      is its best epoch before that; if there is none, it has failed.
    - A trial that Hyperband trains on begins with the weights, moving averages, seed states and
      optimiser's state of its last epoch; executions keep their own.
    - Weights of the best few trials are on the disk, no others.

    A hyperparameter named `batch_size` is also the batch size of `fit`.

    Args:
        oracle: Which trials to run.
        hypermodel: `keras_tuner.HyperModel`, or function from hyperparameters to a compiled model.
        seed: Integer; trial n is initialised and shuffled by `default_rng([seed, n])`.
        name: Name of the search in TensorBoard; the project's name if None.
        priorities: `{hyperparameter's own name: 1 to 4}`: which columns TensorBoard shows first.
        constants: `{name: value}` of further columns of HParams.
        records_in: Folder of `trials.csv`, `curves.csv` and `tensorboard`; the project's if None.
        pruning: Rule of `tuning.pruning` that ends trials early, or None.
        checkpoints: How many of the best trials keep their weights, for `get_best_models`.
        on_trial: Function called with the `TrialRecord` of each trial that ended.
        **arguments: What else `keras_tuner.Tuner` takes.

    Raises:
        ValueError: The folder holds a search with another space, strategy or number of executions.
    """

    def __init__(
        self,
        oracle,
        hypermodel=None,
        *,
        seed=0,
        name=None,
        priorities=None,
        constants=None,
        records_in=None,
        pruning=None,
        checkpoints=10,
        on_trial=None,
        **arguments,
    ):
        self.seed, self.checkpoints, self.on_trial = seed, checkpoints, on_trial or (lambda _: None)
        self.pruning = pruning
        if pruning:
            pruning.direction = oracle.objective.direction
        self._name, self._priorities = name, priorities or {}
        self._began, self._best, self._shapes, self._saved_state = {}, {}, None, None
        self._execution_number = None  # of what is being trained by `fit`
        # keras-tuner sets it only after it has asked for the space
        self.executions_per_trial = arguments.get("executions_per_trial", 1)
        super().__init__(oracle, hypermodel, **arguments)
        folder = Path(records_in or self.project_dir)
        rows = TrialRows(folder / "tensorboard", self._search_name, constants or {})
        self._trials_file = folder / "trials.csv"
        self.records = Records(folder, self.oracle.objective, rows)
        self._take_up()

    @property
    def _search_name(self):
        return self._name or self.project_name

    # The search's life

    def _populate_initial_space(self):
        """Asks the builder for the space, then goes on with what is in the folder."""
        super()._populate_initial_space()
        self._identity = identity.of_the_search(
            self._search_name, self.seed, self.oracle, self._priorities
        ) | {"executions_per_trial": self.executions_per_trial}
        identity.refuse_others(Path(self.project_dir), self._identity)
        if isinstance(self.oracle, Persistent) or Path(self._get_tuner_fname()).exists():
            self.oracle.reload()

    def reload(self):
        """Takes the search up where its files say it was."""
        if hasattr(self, "records"):
            self.oracle.reload()
            self._take_up()
        else:  # keras-tuner calls it while it makes the tuner
            self._populate_initial_space()
        with contextlib.suppress(FileNotFoundError, ValueError):
            self._saved_state = json.loads(Path(self._get_tuner_fname()).read_text())
            self.set_state(copy.deepcopy(self._saved_state))

    def save(self):
        """Lets the oracle save its state, and writes that of a subclass where it has changed."""
        self.oracle.save()
        state = self.get_state()
        if state != self._saved_state:
            files.write_atomically(self._get_tuner_fname(), json.dumps(state))
            self._saved_state = copy.deepcopy(state)

    def search(self, *fit_args, **fit_kwargs):
        """Searches, or goes on searching; the arguments are those of `fit`.

        Raises:
            ValueError: There is no epoch to train; or the folder holds a search that was given
                other data or settings.
            tuning.files.InUse: Another process searches in the folder.
            DiskFault: Nothing can be written any more.
        """
        first, last = fit_kwargs.get("initial_epoch", 0), fit_kwargs.get("epochs", 1)
        if not first < last:  # nor NaN
            raise ValueError(
                f"epochs must be more than initial_epoch={first}. Received: epochs={last}."
            )
        if fit_kwargs.get("callbacks") is not None:  # one by itself, or a tuple, as `fit` takes
            fit_kwargs["callbacks"] = keras.tree.flatten(fit_kwargs["callbacks"])
        given = identity.of_the_data(fit_args, fit_kwargs)
        self._shapes = _shapes_of(*fit_args[:1], **fit_kwargs)
        with files.lock(self.project_dir), frozen_heap():
            files.remove_temporary(self.project_dir)
            identity.keep(Path(self.project_dir), self._identity | given)
            if isinstance(self.oracle, Persistent):
                self.oracle.reload()  # another process may have searched since this one looked
            self._take_up()
            self._warn_of_lost(self.records.restore(self._epochs_of_rows()))
            self._remember_curves()
            self.save()  # so that a kill before the first trial's end leaves one that resumes
            try:
                self._search(*fit_args, **fit_kwargs)
            except KeyboardInterrupt:
                if self.oracle.verbose:
                    print("\ninterrupted: the same search goes on where it was")
                raise
            self._finish()

    def _search(self, *fit_args, **fit_kwargs):
        """Runs all trials; this process alone is in the folder."""
        super().search(*fit_args, **fit_kwargs)

    def _finish(self):
        """Writes what waited, and removes the states that no trial will go on from."""
        self.records.finish()
        if isinstance(self.oracle, Persistent):
            self.oracle.save_now()
        self._states.remove_all()

    def _take_up(self):
        """Knows again what earlier processes did."""
        ended = [self.oracle.trials[trial_id] for trial_id in self.oracle.end_order]
        self.records.take_up([self._record(trial) for trial in ended])
        self._states = States(self.oracle, self.get_trial_dir)
        self._best_few = BestFew(self.checkpoints, self.oracle.objective.direction)
        for trial in ended:
            if Path(self._get_checkpoint_fname(trial.trial_id)).exists():
                self._remove_checkpoints(self._best_few.offer(trial.trial_id, trial.score))

    def _warn_of_lost(self, rows):
        """Says whose epochs `curves.csv` has not, though they were written: it was damaged."""
        written = collections.Counter()
        for trial_id in self.oracle.end_order:
            trial = self.oracle.trials[trial_id]
            written[self._row_of(trial)] += getattr(trial, "epochs", None) or 0
        lost = [row for row, epochs in written.items() if rows[row] < epochs]
        if lost:
            warnings.warn(
                f"{self._trials_file.with_name('curves.csv')} was damaged: the curves of "
                f"{len(lost)} trials that ended are lost, or parts of them. Trials: "
                + ", ".join(lost[:10] + ["..."] * (len(lost) > 10)),
                stacklevel=3,
            )

    def _remember_curves(self):
        """Gives the pruning rule the curves of an earlier process."""
        for row in self.records.curves() if self.pruning else ():
            if not has_diverged(row):
                name = f"{row['trial']}/{row.get('execution', 1)}"
                score = score_if_known(self.oracle.objective, row)
                self.pruning.note(name, row["epoch"], score)

    def _epochs_of_rows(self):
        """`{row: set of its epochs}` of the ended trials that Hyperband gave their epochs."""
        epochs = collections.defaultdict(set)
        for trial_id in self.oracle.end_order:
            trial = self.oracle.trials[trial_id]
            values = trial.hyperparameters.values
            if "tuner/epochs" in values:
                first, last = values.get("tuner/initial_epoch", 0), values["tuner/epochs"]
                epochs[self._row_of(trial)].update(range(first + 1, last + 1))
        return epochs

    # A trial's life

    def begin(self, trial):
        """Shows the trial, and starts its clock."""
        self.records.begin(self._row_of(trial), own_values(trial.hyperparameters))
        self._began[trial.trial_id] = time.monotonic()

    def _try_run_and_update_trial(self, trial, *fit_args, **fit_kwargs):
        if trial.trial_id not in self._began:
            self.begin(trial)
        super()._try_run_and_update_trial(trial, *fit_args, **fit_kwargs)

    def _override_compile_args(self, model):
        """Has metrics that the tuner was given begin anew: all trials' models share them.

        A new model resets its metrics only once it knows them, after its first batch.
        """
        super()._override_compile_args(model)
        for metric in keras.tree.flatten(self.metrics):
            if isinstance(metric, keras.metrics.Metric):
                metric.reset_state()

    def _seed_of(self, trial, execution=1):
        further = [] if execution == 1 else [execution]
        generator = np.random.default_rng([self.seed, int(trial.trial_id), *further])
        return int(generator.integers(2**31))

    def run_trial(self, trial, *args, **kwargs):
        """Trains one trial; returns what each execution came to.

        That is metrics and epoch of its best, or what `fit` has returned if that is no history.
        """
        values = own_values(trial.hyperparameters)
        if "batch_size" in values:  # whatever `search` was given
            if len(args) > 2:
                args = (*args[:2], values["batch_size"], *args[3:])
            else:
                kwargs["batch_size"] = values["batch_size"]
        wanted = trial.hyperparameters.values
        if "tuner/epochs" in wanted:
            kwargs["epochs"] = wanted["tuner/epochs"]
            kwargs["initial_epoch"] = wanted["tuner/initial_epoch"]
        callbacks = kwargs.pop("callbacks", None) or []
        return [
            self._run_execution(trial, number, callbacks, *args, **kwargs)
            for number in range(1, self.executions_per_trial + 1)
        ]

    def _run_execution(self, trial, number, callbacks, *args, **kwargs):
        if number > 1:  # the first goes on from the trial's own seed
            keras.utils.set_random_seed(self._seed_of(trial, number))
        callbacks = self._deepcopy_callbacks(callbacks)
        self._configure_tensorboard_dir(callbacks, trial, number - 1)
        execution = Execution(
            self.oracle.objective,
            begin_from=self._states.to_begin_from(trial, number),
            state_to=self._states.to_write(trial, number),
            objection=lambda epoch, score: self._objection_to(trial, number, epoch, score),
            on_epoch=lambda epoch, logs: self._note_epoch(trial, epoch, logs),
        )
        callbacks += [tuner_utils.TunerCallback(self, trial), execution]
        self._execution_number = number
        try:
            result = self._build_and_fit_model(trial, *args, callbacks=callbacks, **kwargs)
        finally:
            self._execution_number = None
        trial.message = execution.reason or trial.message
        best, is_better = self._best.get(trial.trial_id), self.oracle.objective.better_than
        if execution.best_weights is not None and (
            best is None or is_better(execution.score, best.score)
        ):
            self._best[trial.trial_id] = execution
        # A `fit` of the hypermodel's own may have left the callbacks out.
        if isinstance(result, keras.callbacks.History) and execution.curve:
            metrics, place = best_epoch(execution.curve, self.oracle.objective)
            return BestEpoch(metrics, execution.first_epoch + place)
        return result

    def _objection_to(self, trial, execution, epoch, score):
        """Why an execution of a trial should end after an epoch; None if it should go on."""
        if not self.pruning:
            return None
        name = f"{self._row_of(trial)}/{execution}"
        self.pruning.note(name, epoch, score)
        return self.pruning.objection(name, epoch)

    def on_epoch_end(self, trial, model, epoch, logs=None):
        """Notes a point of a trial's curve that is trained by a `run_trial` of one's own."""
        super().on_epoch_end(trial, model, epoch, logs)
        if not self._execution_number:  # else it is noted whatever a subclass does here
            self._note_epoch(trial, epoch, as_numbers(logs or {}))

    def _note_epoch(self, trial, epoch, metrics):
        several = self._execution_number and self.executions_per_trial > 1
        number = {"execution": self._execution_number} if several else {}
        self.records.epoch(self._row_of(trial), epoch + 1, number | metrics)

    def _run_and_update_trial(self, trial, *fit_args, **fit_kwargs):
        """Tells the oracle the best epoch of each execution; the score is their mean."""
        objective = self.oracle.objective
        keras.utils.set_random_seed(self._seed_of(trial))
        try:
            results = self.run_trial(trial, *fit_args, **fit_kwargs)
        except OSError as error:
            if files.is_fault_of_the_disk(error):
                raise DiskFault(str(error)) from error
            raise
        told = self.oracle.get_trial(trial.trial_id).metrics
        if results is None and told.exists(objective.name):  # by a `run_trial` of one's own
            return
        results = results if isinstance(results, list) else [results]
        best = [_best(result, objective) for result in results]
        step = round(np.mean([step for _, step in best]))
        for metrics, _ in best:
            self.oracle.update_trial(trial.trial_id, metrics, step=step)

    def take(self, trial, outcome):
        """Ends a trial that was trained apart from oracle and records: they learn of it now.

        Args:
            trial: keras-tuner's `Trial`, one of the oracle's.
            outcome: `Outcome`.
        """
        for epoch, metrics in outcome.curve:
            self.records.epoch(self._row_of(trial), epoch, metrics)
        for metrics, step in outcome.results:
            self.oracle.update_trial(trial.trial_id, metrics, step=step)
        if outcome.best is not None:
            self._best[trial.trial_id] = outcome.best
        self._began[trial.trial_id] = time.monotonic() - outcome.seconds
        trial.status, trial.message = outcome.status, outcome.message
        self.on_trial_end(trial)

    def on_trial_end(self, trial):
        """Keeps the trial's weights if they are worth it, tells the oracle, records the trial."""
        trial.seconds = self._seconds_of(trial)
        row = self._row_of(trial)
        if trial.status == "COMPLETED":
            self._keep_weights(trial)
            trial.epochs = self.records.write_curve(row)
        super().on_trial_end(trial)
        self._states.remove_spent()
        ended = self.oracle.get_trial(trial.trial_id)
        if ended.status != "INVALID":  # else it is tried once more
            self.records.end(self._record(ended))
            self.on_trial(self._record(ended))

    def _seconds_of(self, trial):
        return time.monotonic() - self._began.pop(trial.trial_id)

    def _record(self, trial):
        """The `TrialRecord` of an ended trial of keras-tuner."""
        completed = trial.status == "COMPLETED"
        scores = trial.metrics.get_history(self.oracle.objective.name) if completed else ()
        return TrialRecord(
            trial=self._row_of(trial),
            status=trial.status,
            score=trial.score if completed else None,
            best_epoch=trial.best_step + 1 if completed else None,
            seconds=getattr(trial, "seconds", None) or math.nan,
            reason=reason_of(trial.message or ""),
            values=own_values(trial.hyperparameters),
            scores=tuple(s for each in scores if each.step == trial.best_step for s in each.value),
        )

    def _row_of(self, trial):
        """The name of a trial's row: of the trial that it goes on from, if it does."""
        parent = trial.hyperparameters.values.get("tuner/trial_id")
        return self._row_of(self.oracle.get_trial(parent)) if parent else trial.trial_id

    # What is kept on the disk

    def _keep_weights(self, trial):
        """Writes the weights of the trial's best epoch if it is one of the best few."""
        best = self._best.pop(trial.trial_id, None)
        name = self.oracle.objective.name
        score = self.oracle.get_trial(trial.trial_id).metrics.get_last_value(name)
        if best is None or not math.isfinite(score):
            return
        dropped = self._best_few.offer(trial.trial_id, score)
        if trial.trial_id not in dropped:
            best.save_weights(self._get_checkpoint_fname(trial.trial_id))
            self._keep_shapes(trial)
        self._remove_checkpoints(dropped)

    def _keep_shapes(self, trial):
        """Writes what a model that waits for data is built from, as keras-tuner does by `fit`."""
        path = self._get_build_config_fname(trial.trial_id)
        if self._shapes and not Path(path).exists():
            files.write_atomically(path, json.dumps({"input_shape": self._shapes}))

    def _remove_checkpoints(self, trial_ids):
        for trial_id in trial_ids:
            Path(self._get_checkpoint_fname(trial_id)).unlink(missing_ok=True)

    def load_model(self, trial):
        """The model of a trial with the weights of its best epoch, its optimiser new."""
        model = self._try_build(trial.hyperparameters)
        if not model.built:  # it waits for data
            self._build(model, trial)
        scope = keras_tuner.engine.tuner.maybe_distribute(self.distribution_strategy)
        with warnings.catch_warnings(), scope:
            warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
            self._load_weights(model, Path(self._get_checkpoint_fname(trial.trial_id)))
        return model

    def _load_weights(self, model, path):
        try:
            model.load_weights(path)
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(
                f"{path} does not hold the model's weights: it is damaged, or build has changed "
                f"({reason_of(str(error))})."
            ) from error

    def get_best_models(self, num_models=1):
        """The models of the best trials with the weights of their best epochs, best first.

        There are fewer if fewer trials have a score.

        Raises:
            ValueError: More models are asked for than keep their weights; no trial has a score; or
                a file of weights is damaged.
        """
        if num_models > self.checkpoints:
            raise ValueError(
                f"num_models must be at most checkpoints={self.checkpoints}. "
                f"Received: num_models={num_models}."
            )
        if not self._best_few.names:
            if any(trial.score is not None for trial in self.oracle.trials.values()):
                raise ValueError(
                    "no weights were kept: fit was not given the callbacks, "
                    "or the trials' checkpoint files were removed."
                )
            raise ValueError(f"no trial has a score; {self._trials_file} says why.")
        best = self._best_few.names[:num_models]
        return [self.load_model(self.oracle.trials[trial_id]) for trial_id in best]

    def _build(self, model, trial):
        """Builds a model that waits for data, from the shapes that were kept with its weights."""
        path = Path(self._get_build_config_fname(trial.trial_id))
        config = json.loads(path.read_text()) or {}
        if "input_shape" not in config:  # its `call` takes several arguments
            model.build_from_config(config)
            return
        # Calling it builds the layers of a model with a `call` of its own; `build` would not.
        model(keras.tree.map_shape_structure(keras.KerasTensor, config["input_shape"]))


def _shapes_of(x=None, **_):
    """Shapes of a batch of features, a nest of lists; None where they cannot be told."""
    if isinstance(x, tf.data.Dataset):
        spec = x.element_spec
        x = spec[0] if isinstance(spec, tuple) else spec
    try:
        return keras.tree.map_structure(lambda array: [None, *array.shape[1:]], x)
    except (AttributeError, ValueError):  # a generator, say, or a shape that is not known
        return None


def _best(result, objective):
    """Metrics and step of one execution's result.

    Raises:
        keras_tuner.errors.FatalError: It is nothing that keras-tuner takes.
    """
    if isinstance(result, BestEpoch):
        return result
    tuner_utils.validate_trial_results(result, objective, "Tuner.run_trial()")
    if isinstance(result, keras.callbacks.History):
        rows = zip(*result.history.values(), strict=True)
        curve = [dict(zip(result.history, row, strict=True)) for row in rows]
        metrics, place = best_epoch(curve, objective)
        return metrics, result.epoch[place]
    return tuner_utils.convert_to_metrics_dict(result, objective), 0
