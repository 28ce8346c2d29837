"""Quasi-random search: points that spread themselves evenly over the space."""

from functools import lru_cache

import keras_tuner
import numpy as np
from scipy.stats import qmc

from tuning.oracles import unit_cube
from tuning.oracles.reliable import DRAWS, Reliable

BLOCK = 64
"""Points computed at a time; scrambling anew for each would take a millisecond a point."""


def halton_point(seed, index, dimensions):
    """Point `index` of a scrambled Halton sequence.

    A pure function of its arguments, and the first coordinates do not change when dimensions are
    added, so that a builder may show a hyperparameter late.

    Args:
        seed: int or tuple of ints.
        index: int, 0 or more.
        dimensions: int, 0 or more.

    Returns:
        float64 array of shape (dimensions,), within [0, 1).
    """
    return _halton_block(seed, index // BLOCK, max(dimensions, 1))[index % BLOCK, :dimensions]


@lru_cache(maxsize=16)
def _halton_block(seed, block, dimensions):
    engine = qmc.Halton(dimensions, scramble=True, rng=np.random.default_rng(seed))
    engine.fast_forward(block * BLOCK)
    return engine.random(BLOCK)


class QuasiRandomOracle(Reliable, keras_tuner.Oracle):
    """Tries the points of a scrambled Halton sequence, in scale coordinates, one after another.

    Random points leave gaps and clusters; these do not: after any number of trials every
    hyperparameter has been tried at evenly spread values, integers and categories in equal shares.
    Like random search it needs no scores, so any number of trials may run at a time, and the n-th
    trial is the same whatever the number and order. Points whose values were tried already (in a
    discrete space) are passed over.

    Args:
        objective: str or `keras_tuner.Objective`, as keras-tuner takes it.
        max_trials: int, the number of trials; default 10.
        **arguments: what else `keras_tuner.Oracle` takes; `seed` as in `Reliable`.

    Reference:
        J. H. Halton, On the efficiency of certain quasi-random sequences of points in evaluating
        multi-dimensional integrals, 1960; A. B. Owen, A randomized Halton algorithm in R, 2017.
        Quasi-random search to explore: V. Godbole et al., Deep Learning Tuning Playbook, 2023.
    """

    def __init__(self, objective=None, *, max_trials=10, **arguments):
        super().__init__(objective, max_trials=max_trials, **arguments)

    def populate_space(self, trial_id):
        """Choose the next trial: `{"status": ..., "values": ...}`."""
        del trial_id
        return self._new_trial(next_halton_values(self))


def next_halton_values(oracle):
    """Values of the next point of an oracle's sequence not tried before; None if all were.

    The oracle's `_seed_state`, which keras-tuner saves, counts the points used.
    """
    space = oracle.hyperparameters.space
    for _ in range(DRAWS):
        dimensions = len(unit_cube.searched(space))
        point = halton_point(oracle.seed, oracle._seed_state, dimensions)
        oracle._seed_state += 1
        values = unit_cube.values_at(space, point)
        if not oracle._duplicate(values):
            return values
    return oracle._untried_values()
