"""Search tier by tier: the most important hyperparameters first, the others at their defaults."""

from itertools import pairwise

import keras_tuner

from tuning.oracles import unit_cube
from tuning.oracles.quasi_random import halton_point
from tuning.oracles.reliable import DRAWS, Reliable
from tuning.space import own_name

LEAST_TRIALS = 8
"""Trials for each hyperparameter of a tier without which the tier is not entered."""


def tier_budgets(sizes, max_trials):
    """How many trials each tier gets.

    As many first tiers are entered as get at least 8 trials for each of their hyperparameters; the
    trials are divided among these by their numbers of hyperparameters. The first is always entered.

    Args:
        sizes: list of int, the number of hyperparameters of each tier, most important first.
        max_trials: int, 1 or more.

    Returns:
        list of int, one for each tier entered; their sum is `max_trials`.
    """
    entered = 1
    while entered < len(sizes) and LEAST_TRIALS * sum(sizes[: entered + 1]) <= max_trials:
        entered += 1
    total, ends = sum(sizes[:entered]), [0]
    for tier in range(entered):
        ends.append(max_trials * sum(sizes[: tier + 1]) // total)
    return [end - start for start, end in pairwise(ends)]


class ByPriorityOracle(Reliable, keras_tuner.Oracle):
    """Searches the tiers of a space one after another.

    In each tier its own hyperparameters take the points of a scrambled Halton sequence, those of
    earlier tiers keep the values of the best trial so far, and those of later ones their defaults.
    `tier_budgets` tells beforehand how many trials each tier gets: a small budget is spent on the
    first tiers only. A tier that has no untried combination left passes its trials on, the
    last one to random search of the whole space. A tier begins when all trials before it have
    ended; asked for more before that, the oracle answers IDLE.

    Args:
        objective: str or `keras_tuner.Objective`, as keras-tuner takes it.
        max_trials: int, the number of trials; default 32.
        priorities: dict of own name to int as in `SearchSpace.priorities`; hyperparameters without
            one come last; None: all in one tier.
        **arguments: what else `keras_tuner.Oracle` takes; `seed` as in `Reliable`.

    Raises:
        ValueError: if `max_trials` is not a positive integer.
    """

    def __init__(self, objective=None, *, max_trials=32, priorities=None, **arguments):
        if not isinstance(max_trials, int) or max_trials < 1:
            raise ValueError(
                f"max_trials must be a positive integer. Received: max_trials={max_trials!r}."
            )
        super().__init__(objective, max_trials=max_trials, **arguments)
        self.priorities = priorities or {}
        self._tier, self._started_in_tier, self._kept = 0, 0, {}

    def tiers(self):
        """The tiers before or during a search: list of lists of keras-tuner names."""
        tiers = {}
        for hp in unit_cube.searched(self.hyperparameters.space):
            tier = tiers.setdefault(self.priorities.get(own_name(hp.name), float("inf")), [])
            if hp.name not in tier:  # one name may stand under several conditions
                tier.append(hp.name)
        return [tiers[priority] for priority in sorted(tiers)] or [[]]

    def budgets(self):
        """The number of trials of each tier that is entered."""
        return tier_budgets([max(len(tier), 1) for tier in self.tiers()], self.max_trials)

    def populate_space(self, trial_id):
        """Choose the next trial: `{"status": ..., "values": ...}`."""
        del trial_id
        tiers, budgets = self.tiers(), self.budgets()
        while True:
            is_last = self._tier + 1 >= len(budgets)
            if is_last or self._started_in_tier < budgets[self._tier]:
                values = self._next_values(tiers[min(self._tier, len(tiers) - 1)])
                if values is None and is_last and len(budgets) == len(tiers):
                    values = self._random_values()
                if values is not None or is_last:
                    self._started_in_tier += 1
                    return self._new_trial(values)
            if self.ongoing_trials:
                return {"status": "IDLE"}
            self._tier, self._started_in_tier, self._seed_state = self._tier + 1, 0, 0
            best = self._best_first()[:1]
            self._kept = dict(best[0].hyperparameters.values) if best else {}

    def _next_values(self, names):
        """Values of the tier's next point not tried before, or of any; None if all were."""
        space = self.hyperparameters.space
        mine = [hp for hp in unit_cube.searched(space) if hp.name in names]
        for _ in range(DRAWS):
            point = iter(halton_point((self.seed, self._tier), self._seed_state, len(mine)))
            self._seed_state += 1
            units = {id(hp): next(point) for hp in mine}
            values = {}
            for hp in space:
                if unit_cube.is_active(hp, values):
                    values[hp.name] = (
                        unit_cube.value_at(hp, units[id(hp)])
                        if id(hp) in units
                        else self._kept.get(hp.name, hp.default)
                    )
            if not self._duplicate(values):
                return values
        levels = [
            unit_cube.levels(hp) or (hp.default,)
            if hp.name in names
            else (self._kept.get(hp.name, hp.default),)
            for hp in space
        ]
        combinations = unit_cube.combinations(space, levels)
        return next((each for each in combinations if not self._duplicate(each)), None)

    def get_state(self):
        """The state to save: keras-tuner's, and the tier with the values kept in it."""
        return {
            **super().get_state(),
            "tier": self._tier,
            "started_in_tier": self._started_in_tier,
            "kept": self._kept,
        }

    def set_state(self, state):
        """Restore a saved state."""
        super().set_state(state)
        self._tier, self._started_in_tier = state["tier"], state["started_in_tier"]
        self._kept = state["kept"]
