"""Coarse-to-fine search: sample coarsely, find what does well, search there more densely."""

import keras_tuner
import numpy as np
from scipy.stats import rankdata

from tuning.oracles import unit_cube
from tuning.oracles.quasi_random import next_halton_values
from tuning.oracles.reliable import Reliable

PARENTS = 8
"""The best trials so far that candidates come from."""
KEPT = 0.5
"""Probability that a coordinate is its parent's."""
SHRINKAGE = 0.8
"""Width of a box relative to the last round's; 1 is the whole space."""
CANDIDATES = 8
"""Candidates for each trial of a round."""
REACH = 0.2
"""Distance in which the say of a neighbour falls to 1 / e."""


class CoarseToFineOracle(Reliable, keras_tuner.Oracle):
    """Rounds that zoom, on the hyperparameters' scales, on where the best trials are.

    The first round spreads quasi-random points over the whole space. Each later round

    1. breeds candidates, 8 for each of its trials. Each coordinate of a candidate comes from one of
       the 8 best trials so far (the n-th best with weight 1 / n): with probability 1/2 it is kept;
       otherwise it is drawn from a box around it, 0.8 ** round wide and clipped to the space;
    2. judges each by its neighbours: the mean rank of all trials so far, weighted by
       `exp(-distance / 0.2)`, where distance sums the differences of coordinates, a changed
       category counting 1/2, and a failed trial has the worst rank;
    3. runs the best judged ones that differ from each other and from every earlier trial.

    Why so. *Coordinates from different parents*: an important hyperparameter has the same value in
    most of the best trials, so it zooms fast; in an unimportant one they differ, so it goes on
    spreading. A box around one best trial zooms on both, and trusts one trial. *Keeping half of the
    coordinates* changes few things at a time. *Boxes have their own centres*: one around a value at
    the edge of the last round's box reaches past that edge, never past the space. *Neighbours
    judge*: a lucky trial breeds some candidates, but its bad neighbours soon outvote it; ranks make
    the size of its luck irrelevant, and a diverged region repels. *Rounds*: within one, trials do
    not depend on each other, so a whole round can run at a time.

    The constants were chosen on two tables of real networks and are reported on two others by
    `python -m benchmarks.search_quality`.

    A round is planned when all trials before it have ended; asked for more before that, the oracle
    answers IDLE. It does so only while trials are running.

    Args:
        objective: str or `keras_tuner.Objective`, as keras-tuner takes it.
        max_trials: int, the number of trials; default 64.
        rounds: int, 2 or more, into which they are divided; default 4, so rounds of 16.
        **arguments: what else `keras_tuner.Oracle` takes; `seed` as in `Reliable`.

    Raises:
        ValueError: if there are fewer than two rounds, or fewer trials than rounds.
    """

    def __init__(self, objective=None, *, max_trials=64, rounds=4, **arguments):
        if rounds < 2:
            raise ValueError(f"rounds must be 2 or more. Received: rounds={rounds!r}.")
        if max_trials is None or max_trials < 1:
            raise ValueError(f"max_trials must be 1 or more. Received: max_trials={max_trials!r}.")
        super().__init__(objective, max_trials=max_trials, **arguments)
        self.rounds = rounds
        self._round = 0
        self._round_end = self._round_size
        self._planned = []

    @property
    def _round_size(self):
        return -(-self.max_trials // self.rounds)

    def populate_space(self, trial_id):
        """Choose the next trial: `{"status": ..., "values": ...}`."""
        del trial_id
        if len(self.start_order) >= self._round_end:
            if self.ongoing_trials:
                return {"status": "IDLE"}
            self._round += 1
            self._round_end = len(self.start_order) + self._round_size
            self._planned = self._plan_round()
        if self._planned:
            return self._new_trial(self._planned.pop(0))
        return self._new_trial(next_halton_values(self))

    def _plan_round(self):
        """The values of a round's trials, most promising first; none where nothing is known."""
        space, best = self.hyperparameters.space, self._best_first()
        if not best:
            return []
        failed = [trial for trial in self.trials.values() if trial.status == "FAILED"]
        points = np.array(
            [unit_cube.point_of(space, t.hyperparameters.values) for t in [*best, *failed]]
        )
        ranks = rankdata([*(self._cost(trial) for trial in best), *(np.inf for _ in failed)])
        generator = np.random.default_rng([self.seed, len(self.start_order)])
        candidates = {}
        for point in self._breed(generator, points[: min(len(best), PARENTS)]):
            values = unit_cube.values_at(space, point)
            if not self._duplicate(values):
                candidates[self._compute_values_hash(values)] = values
        values = list(candidates.values())
        if not values:
            return []
        judged = self._judge([unit_cube.point_of(space, each) for each in values], points, ranks)
        return [values[place] for place in np.argsort(judged, kind="stable")[: self._round_size]]

    def _breed(self, generator, parents):
        """Candidates, (count, dimensions), from the best points in order, (parents, dimensions)."""
        shape = (CANDIDATES * self._round_size, parents.shape[1])
        weights = 1.0 / np.arange(1, len(parents) + 1)
        chosen = generator.choice(len(parents), size=shape, p=weights / weights.sum())
        centre = parents[chosen, np.arange(shape[1])]
        width = np.where(self._ordered(), SHRINKAGE**self._round, 2.0)  # 2 spans all categories
        low, high = np.maximum(0.0, centre - width / 2), np.minimum(1.0, centre + width / 2)
        drawn = low + (high - low) * generator.random(shape)
        return np.where(generator.random(shape) < KEPT, centre, drawn)

    def _judge(self, candidates, points, ranks):
        """Each candidate's mean rank of all points, the near ones weighted most; low is good."""
        distance = np.zeros((len(candidates), len(points)))
        for place, is_ordered in enumerate(self._ordered()):
            difference = np.abs(np.array(candidates)[:, place, None] - points[:, place])
            distance += difference if is_ordered else 0.5 * (difference > 0.0)
        nearness = np.exp(-(distance - distance.min(axis=1, keepdims=True)) / REACH)
        return nearness @ ranks / nearness.sum(axis=1)

    def _ordered(self):
        space = unit_cube.searched(self.hyperparameters.space)
        return np.array([unit_cube.is_ordered(hp) for hp in space])

    def get_state(self):
        """The state to save: keras-tuner's, and the round with what is planned for it."""
        return {
            **super().get_state(),
            "round": self._round,
            "round_end": self._round_end,
            "planned": self._planned,
        }

    def set_state(self, state):
        """Restore a saved state."""
        super().set_state(state)
        self._round, self._round_end = state["round"], state["round_end"]
        self._planned = state["planned"]
