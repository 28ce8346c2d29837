"""Where a stacked search spends its time, measured from outside: the tuner knows nothing of it."""

import collections
import contextlib
import functools
import threading
import time
from unittest import mock

from tuning import Records, StackedTuner
from tuning.dashboard import TrialRows
from tuning.oracles import RandomOracle
from tuning.stacked import Grouping, Stack, threads
from tuning.stacked.program import Program
from tuning.stacked.training import StackTraining
from tuning.stacked.turns import Turns

WAITING = "waiting for the stacks"
METHODS = {
    "oracle": {RandomOracle: ("create_trial", "update_trial", "end_trial")},
    "building models": {StackedTuner: ("_members_of",)},
    "grouping, padding": {Grouping: ("group", "program"), StackTraining: ("_stacked",)},
    "check of the first batch": {Grouping: ("objection",)},
    "tracing": {Program: ("_train_steps", "_evaluate_steps", "_gradients_of_all")},
    "compiling": {Stack: ("compile",)},
    "training, evaluation": {Stack: ("train_epoch",)},
    "records": {Records: ("restore", "begin", "epoch", "write_curve", "end", "finish")},
    "HParams": {TrialRows: ("begin", "end")},
    WAITING: {threads: ("wait",), Turns: ("wait",)},
}
"""The methods that make up each phase."""


class Phases:
    """Adds up the seconds of a search by phase, within a `with` block.

    A method's time is its own: without that of other phases' methods that it calls.

    Attributes:
        seconds: `{phase: seconds}` of the thread that searches.
        ahead: `{phase: seconds}` of the threads that train stacks meanwhile, added up.
    """

    def __init__(self):
        self.seconds, self.ahead = collections.Counter(), collections.Counter()
        self._thread, self._running = threading.get_ident(), threading.local()

    def __enter__(self):
        with contextlib.ExitStack() as patches:
            for phase, classes in METHODS.items():
                for owner, names in classes.items():
                    for name in names:
                        timed = self._timed(getattr(owner, name), phase)
                        patches.enter_context(mock.patch.object(owner, name, timed))
            self._patches = patches.pop_all()
        return self

    def __exit__(self, *exception):
        """Gives the methods back as they were."""
        self._patches.close()

    def _timed(self, method, phase):
        @functools.wraps(method)
        def timed(*arguments, **named):
            inner = self._running.__dict__.setdefault("inner", [])
            inner.append(0.0)
            began = time.perf_counter()
            try:
                return method(*arguments, **named)
            finally:
                seconds = time.perf_counter() - began
                is_ahead = threading.get_ident() != self._thread
                (self.ahead if is_ahead else self.seconds)[phase] += seconds - inner.pop()
                if inner:
                    inner[-1] += seconds

        return timed
