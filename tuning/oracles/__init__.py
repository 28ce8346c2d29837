"""Oracles: what to try next. Each is a `keras_tuner.Oracle` and works with any tuner."""

from tuning.oracles.bayesian import BayesianOracle
from tuning.oracles.by_priority import ByPriorityOracle, tier_budgets
from tuning.oracles.coarse_to_fine import CoarseToFineOracle
from tuning.oracles.given import GivenOracle
from tuning.oracles.grid import GridOracle, grid_levels
from tuning.oracles.hyperband import HyperbandOracle
from tuning.oracles.in_memory import search_in_memory
from tuning.oracles.persistent import Persistent
from tuning.oracles.quasi_random import QuasiRandomOracle
from tuning.oracles.random import RandomOracle
from tuning.oracles.reliable import Reliable

__all__ = [
    "BayesianOracle",
    "ByPriorityOracle",
    "CoarseToFineOracle",
    "GivenOracle",
    "GridOracle",
    "HyperbandOracle",
    "Persistent",
    "QuasiRandomOracle",
    "RandomOracle",
    "Reliable",
    "grid_levels",
    "search_in_memory",
    "tier_budgets",
]
