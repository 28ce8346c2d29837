"""A search whose trials are trained by other processes, here or on other machines."""

import collections
import itertools
import math

from tuning.files import write_atomically
from tuning.outcome import Outcome
from tuning.stacked.tuner import StackedTuner, learns_from_each
from tuning.workers.cluster import cluster
from tuning.workers.hand import Hand
from tuning.workers.messages import Ended, Lost, Progress, Search, Task

STACK = 128
"""The most trials a worker is handed at a time: enough for several full stacks."""
GIVEN_ON = ("max_model_size", "optimizer", "loss", "metrics")
"""Arguments that a worker's tuner gets as they are."""


class WorkersTuner(StackedTuner):
    """A `StackedTuner` whose trials are trained by workers: processes of Ray.

    This process holds the oracle, the records and all files, exactly as without workers; a search
    begun with workers goes on without, and the other way round. Each worker is handed trials and
    trains them as `StackedTuner` does; they come back one by one as they end. What is lost with a
    worker is trained again: whole, then in halves; a trial that is lost again and again, the last
    time alone, has failed.

    Trials and scores are those of `StackedTuner`, but for rounding, where what an oracle asks does
    not depend on what has ended: random, quasi-random, grid, given values. Coarse-to-fine, by
    priority, Hyperband and Bayesian see other trials ended when they choose the next. A pruning
    rule compares the trials of one worker. A hyperparameter that only some models ask for, such as
    the units of a loop's third layer, has its default value in all trials that are handed out
    before the first such model comes back: register it beforehand. With `jit_compile="auto"` each
    worker chooses by the trials that it sees.

    Args:
        oracle: Which trials to run.
        hypermodel: `keras_tuner.HyperModel`, or function from hyperparameters to a compiled model;
            it and the data of `search` must be picklable, and arrays are read-only in workers.
        workers: How many workers, 1 or more; a cluster may have room for fewer. None (default): as
            many as there are cores.
        ray_address: `HOST:PORT` of a running cluster; None starts Ray on this machine.
        worker_gpus: GPUs of each worker, 0 or more. Default 0.
        stack_seconds: A worker that ends no epoch and no trial for so long is ended, compiling
            included; None (default): never.
        stack_size: The most trials that a worker is handed at a time. Default 128; of an oracle
            whose every choice learns from the trials before it (Bayesian) 8, shared out.
        memory: Bytes that the stacks of all workers may use; by default half of what is free here.
        stacks_at_a_time: How many stacks train side by side in each worker; by default as many as
            its share of the cores.
        **arguments: What else `StackedTuner` takes; `checkpoint_seconds` does nothing here.
    """

    kind = StackedTuner
    """Class of the tuner that trains in a worker."""

    def __init__(
        self,
        oracle,
        hypermodel=None,
        *,
        workers=None,
        ray_address=None,
        worker_gpus=0,
        stack_seconds=None,
        stack_size=None,
        stacks_at_a_time=None,
        **arguments,
    ):
        if workers is not None and workers < 1:
            raise ValueError(f"workers must be 1 or more. Received: workers={workers}.")
        for name, value in (("worker_gpus", worker_gpus), ("stack_seconds", stack_seconds or 0)):
            if not value >= 0:
                raise ValueError(f"{name} must be 0 or more. Received: {name}={value}.")
        self.workers, self.ray_address, self.worker_gpus = workers, ray_address, worker_gpus
        self.stack_seconds, self._at_a_time = stack_seconds, stacks_at_a_time
        self._learns = stack_size is None and learns_from_each(oracle)
        super().__init__(oracle, hypermodel, stack_size=stack_size or STACK, **arguments)
        self._given = {name: arguments[name] for name in GIVEN_ON if name in arguments}
        self._places, self._free_places, self._failed = {}, [], collections.deque()

    def _search(self, *fit_args, **fit_kwargs):
        if "verbose" in fit_kwargs:
            self.oracle.verbose = fit_kwargs["verbose"]
        with cluster(self.workers, self.ray_address, self.worker_gpus) as share:
            if self._learns:
                self.stack_size = max(1, 8 // share.workers)
            self.on_search_begin()
            self._hand_out(self._crew(share, fit_args, fit_kwargs))
            self.on_search_end()

    def _crew(self, share, fit_args, fit_kwargs):
        from tuning.workers.crew import Crew  # it imports Ray, which need not be installed

        search = Search(
            kind=self.kind,
            hypermodel=self.hypermodel,
            objective=self.oracle.objective,
            trials=-(-(self.oracle.max_trials or 1) // share.workers),
            arguments=self._given
            | {
                "seed": self.seed,
                "pruning": self.pruning,
                "checkpoints": self.checkpoints,
                "executions_per_trial": self.executions_per_trial,
                "jit_compile": self.jit_compile,
                "memory": max(1, self.memory // share.workers),
                "stacks_at_a_time": self._at_a_time or (None if self.worker_gpus else share.cores),
            },
            fit_args=fit_args,
            fit_kwargs=fit_kwargs,
            threads=share.cores,
        )
        resources = {"num_cpus": share.cores, "num_gpus": self.worker_gpus}
        return Crew(search, share.workers, self.stack_seconds, resources)

    # Handing out, and taking back

    def _hand_out(self, crew):
        """Keeps all workers busy until the oracle has no more trials and all are back."""
        again = collections.deque()
        while True:
            while crew.idle and (hand := again.popleft() if again else self._next_hand(crew.idle)):
                crew.send(hand, self._task(hand))
            if not crew.is_busy and not self._failed:
                return
            if not crew.is_busy:
                self._take_failed(len(self._failed))
            for hand, message in crew.messages():
                again += self._take_in(hand, message)

    def _next_hand(self, idle):
        """As many of the oracle's next trials as leave some for the other idle workers."""
        most = max(1, self.stack_size // self.executions_per_trial)
        if self.oracle.max_trials:
            begun = len(self.oracle.start_order) - len(self.oracle._retry_queue)
            left = self.oracle.max_trials - begun
            most = min(most, max(1, -(-left // idle)))
        trials = itertools.takewhile(bool, (self._begin() for _ in range(most)))
        trials = {trial.trial_id: trial for trial in trials}
        return Hand(trials) if trials else None

    def _begin(self):
        """The oracle's next trial, asked for under a name that no running trial has."""
        place = self._free_places.pop() if self._free_places else len(self._places)
        trial = self._next_trial(place)
        if trial is None:
            self._free_places.append(place)
        else:
            self._places[trial.trial_id] = place
        return trial

    def _task(self, hand):
        return Task(
            [(trial, self._states_of(trial)) for trial in hand.trials.values()], self._best_few
        )

    def _states_of(self, trial):
        """`{execution: state}` that a trial goes on from, if it does."""
        paths = {
            execution: self._states.to_begin_from(trial, execution)
            for execution in range(1, self.executions_per_trial + 1)
        }
        return {execution: path.read_bytes() for execution, path in paths.items() if path}

    def _take_in(self, hand, message):
        """Does what a worker's message asks for; returns the hands that are to be sent again."""
        if message is None and hand.trials:
            message = Lost("its worker ended without it", has_begun=True)
        if isinstance(message, Progress):
            self.on_epoch(message)
        elif isinstance(message, Ended) and message.trial in hand.trials:
            self._ended(hand.trials.pop(message.trial), message)
        elif isinstance(message, Lost) and hand.trials:
            again = hand.lost(message.has_begun, message.is_memory)
            if again:
                return again
            (trial,) = hand.trials.values()
            self._take(trial, Outcome("FAILED", message.reason, 0.0))
        return []

    def _ended(self, trial, ended):
        """Keeps what came back with a trial."""
        trial.hyperparameters = ended.hyperparameters
        for execution, state in ended.states.items():
            if path := self._states.to_write(trial, execution):
                write_atomically(path, state)
        self.report.add_all(ended.report)
        self._take(trial, ended.outcome)

    def _take(self, trial, outcome):
        """Ends a trial; one that has failed between others, so that not many in a row do."""
        if outcome.status != "COMPLETED" and not self._is_tried_again(trial, outcome.status):
            self._failed.append((trial, outcome))
            if len(self._failed) >= self.stack_size:  # there are too few others
                self._take_failed(len(self._failed))
            return
        self._end_now(trial, outcome)
        if outcome.status == "COMPLETED":
            self._take_failed((self.oracle.max_consecutive_failed_trials or math.inf) - 1)

    def _take_failed(self, most):
        while self._failed and most > 0:
            self._end_now(*self._failed.popleft())
            most -= 1

    def _end_now(self, trial, outcome):
        self._free_places.append(self._places.pop(trial.trial_id))
        self.take(trial, outcome)
