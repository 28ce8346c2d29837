"""Grid search: explicit points on each scale, ends included, and all their combinations."""

import itertools
import math

import keras_tuner
import numpy as np

from tuning.oracles import unit_cube
from tuning.oracles.reliable import Reliable
from tuning.space import own_name

LEAST = 4
"""Priority of a hyperparameter that has none: the least."""


def grid_levels(space, max_trials, priorities=None):
    """The points of the largest full grid within a number of trials.

    Every hyperparameter starts with one point, its default. Then, again and again, the one whose
    next step costs least gets one more point, as long as the full grid stays within `max_trials`:
    `cost = priority * log(points)`. So important ones get more points (with priorities 1, 2 and 3,
    8 against 3 against 2), equal ones equal numbers, and at the end no hyperparameter can have one
    point more. Categories without an order are tried at their default or all.

    Args:
        space: list of keras-tuner hyperparameters (`hp.space`).
        max_trials: int, 1 or more.
        priorities: dict of own name to int, 1 for the most important; all equal if None.

    Returns:
        list as long as `space`, of tuples of values in order.
    """
    levels = [_points(hp, 1) for hp in space]
    while True:
        size, steps = grid_size(space, levels, max_trials), []
        for place, hp in enumerate(space):
            points = _next_points(hp, len(levels[place]))
            finer = [*levels[:place], points, *levels[place + 1 :]]
            if size < grid_size(space, finer, max_trials) <= max_trials:
                priority = (priorities or {}).get(own_name(hp.name), LEAST)
                steps.append((priority * math.log(len(points)), priority, place, points))
        if not steps:
            return levels
        _, _, place, levels[place] = min(steps)


def grid_size(space, levels, limit):
    """Number of combinations of a grid, counted no further than `limit` + 1."""
    if not any(hp.conditions for hp in space):
        return math.prod(len(points) for points in levels)
    return sum(1 for _ in itertools.islice(unit_cube.combinations(space, levels), limit + 1))


def _next_points(hp, count):
    all_levels = unit_cube.levels(hp)
    if all_levels is not None and not unit_cube.is_ordered(hp):
        return tuple(all_levels)
    most = math.inf if all_levels is None else len(all_levels)
    if count >= most:
        return _points(hp, count)
    return next(
        points  # integers on a logarithmic scale may coincide: then more of them are asked for
        for wanted in itertools.count(count + 1)
        if len(points := _points(hp, wanted)) > count
    )


def _points(hp, count):
    if count == 1:
        return (hp.default,)
    units = np.linspace(0.0, 1.0, count)
    return tuple(sorted({unit_cube.value_at(hp, unit) for unit in units}))


class GridOracle(Reliable, keras_tuner.Oracle):
    """Tries each combination of `grid_levels` once.

    The order is a shuffle by the seed: a search that is stopped early has seen an even sample of
    the grid instead of one of its corners, and trials that run at the same time differ in all
    hyperparameters. The grid is fixed at the first trial and saved with the search, which keeps its
    place when reloaded; a `max_trials` raised later does not refine it. What a builder shows after
    the first trial stays at its default.

    Args:
        objective: str or `keras_tuner.Objective`, as keras-tuner takes it.
        max_trials: int, the most trials; default 10. The grid may have fewer.
        priorities: dict of own name to int as in `SearchSpace.priorities`; None: all equal.
        **arguments: what else `keras_tuner.Oracle` takes; `seed` as in `Reliable`.

    Raises:
        ValueError: if `max_trials` is not a positive integer.
    """

    def __init__(self, objective=None, *, max_trials=10, priorities=None, **arguments):
        if not isinstance(max_trials, int) or max_trials < 1:
            raise ValueError(
                f"max_trials must be a positive integer. Received: max_trials={max_trials!r}."
            )
        super().__init__(objective, max_trials=max_trials, **arguments)
        self.priorities = priorities
        self._levels = None
        self._combinations = None

    def levels(self):
        """The grid before or during a search: dict of own name to tuple of values."""
        space = self.hyperparameters.space
        levels = self._levels or grid_levels(space, self.max_trials, self.priorities)
        pairs = zip(space, levels, strict=False)  # a builder may have shown more since
        return {own_name(hp.name): self._shown(hp, points) for hp, points in pairs}

    @staticmethod
    def _shown(hp, points):
        if own_name(hp.name) == hp.name:
            return tuple(points)
        return tuple(1.0 - point for point in reversed(points))

    def populate_space(self, trial_id):
        """Choose the next trial: `{"status": ..., "values": ...}`."""
        del trial_id
        space = self.hyperparameters.space
        if self._levels is None:
            self._levels = grid_levels(space, self.max_trials, self.priorities)
        if self._combinations is None or len(space) > len(self._levels):
            self._levels += [(hp.default,) for hp in space[len(self._levels) :]]
            combinations = list(unit_cube.combinations(space, self._levels))
            order = np.random.default_rng(self.seed).permutation(len(combinations))
            self._combinations = [combinations[place] for place in order]
        place = len(self.start_order)
        if place >= len(self._combinations):
            return self._new_trial(None)
        return self._new_trial(dict(self._combinations[place]))

    def get_state(self):
        """The state to save: keras-tuner's and the grid."""
        return {**super().get_state(), "levels": self._levels}

    def set_state(self, state):
        """Restore a saved state."""
        super().set_state(state)
        self._levels = state["levels"]
        self._combinations = None
