"""How trials are chosen, run, recorded and shown; knows no model and no data set."""

from tuning.discrete import Choices, Fixed, Integers
from tuning.scales import Linear, Logarithmic, LogarithmicComplement, log_complement
from tuning.space import Hyperparameter, SearchSpace, own_name, own_values

__all__ = [
    "Choices",
    "Fixed",
    "Hyperparameter",
    "Integers",
    "Linear",
    "Logarithmic",
    "LogarithmicComplement",
    "SearchSpace",
    "log_complement",
    "own_name",
    "own_values",
]
