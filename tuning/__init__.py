"""How trials are chosen, run, recorded and shown; knows no model and no data set."""

from tuning.garbage import uncollected

with uncollected():  # of what is imported nothing is garbage, and to search it takes its time
    from tuning.discrete import Choices, Fixed, Integers
    from tuning.importance import Importance, first_order_importance
    from tuning.one_by_one import OneByOneTuner
    from tuning.records import Records, TrialRecord
    from tuning.scales import Linear, Logarithmic, LogarithmicComplement, log_complement
    from tuning.space import Hyperparameter, SearchSpace, own_name, own_values
    from tuning.stacked.tuner import StackedTuner
    from tuning.workers import WorkersTuner

__all__ = [
    "Choices",
    "Fixed",
    "Hyperparameter",
    "Importance",
    "Integers",
    "Linear",
    "Logarithmic",
    "LogarithmicComplement",
    "OneByOneTuner",
    "Records",
    "SearchSpace",
    "StackedTuner",
    "TrialRecord",
    "WorkersTuner",
    "first_order_importance",
    "log_complement",
    "own_name",
    "own_values",
]
