"""Bayesian optimisation, keras-tuner's with its faults mended."""

import warnings

import numpy as np
from keras_tuner.oracles import BayesianOptimizationOracle
from sklearn.exceptions import ConvergenceWarning

from tuning.oracles import unit_cube
from tuning.oracles.reliable import Reliable

ANYWHERE = 2000
"""Points of the whole space at which the confidence bound is looked at."""
NEARBY = 200
"""Points around each of the five best trials at which it is looked at."""


class BayesianOracle(Reliable, BayesianOptimizationOracle):
    """A Gaussian process over the trials so far, and the point with the best confidence bound.

    `bound = mean - beta * deviation`, of the cost, is minimised over random points of the whole
    space and of the neighbourhoods of the best trials. What differs from keras-tuner's:

    - every choice is a function of the seed and of the trials so far, so that a reloaded search
      goes on as it would have;
    - running trials, of which any number may be handed out, are guessed (mean + deviation) from the
      completed ones, and not from the model of the last call;
    - a point that was tried already gives way to the next best, and the search ends when a discrete
      space is covered;
    - a choice takes hundredths of a second and not seconds.

    Args:
        objective: str or `keras_tuner.Objective`, as keras-tuner takes it.
        **arguments: what else keras-tuner's oracle takes: `max_trials` (default 10),
            `num_initial_points` (default three for each hyperparameter) drawn at random first,
            `alpha` (default 1e-4, variance of a score), `beta` (default 2.6); `seed` as in
            `Reliable`.

    Reference:
        J. Snoek, H. Larochelle, R. P. Adams, Practical Bayesian Optimization of Machine Learning
        Algorithms, 2012.
    """

    def populate_space(self, trial_id):
        """Choose the next trial: `{"status": ..., "values": ...}`."""
        del trial_id
        space, completed = self.hyperparameters.space, self._best_first()
        dimensions = len(unit_cube.searched(space))
        initial = self.num_initial_points or max(3 * dimensions, 3)
        if len(completed) < initial or not dimensions:
            return self._new_trial(self._random_values())
        generator = np.random.default_rng([self.seed, len(self.start_order)])
        best = np.repeat(self._points_of(completed[:5]), NEARBY, axis=0)
        width = 10 ** generator.uniform(-2.5, -0.5, size=(len(best), 1))
        nearby = np.clip(best + width * generator.standard_normal(best.shape), 0.0, 1.0)
        candidates = np.vstack([generator.random((ANYWHERE, dimensions)), nearby])
        for place in np.argsort(self._bounds(completed, candidates), kind="stable")[:ANYWHERE]:
            values = unit_cube.values_at(space, candidates[place])
            if not self._duplicate(values):
                return self._new_trial(values)
        return self._new_trial(self._random_values())

    def _bounds(self, completed, candidates):
        """Lower confidence bounds of the cost at some points."""
        points = self._points_of(completed)
        costs = np.array([self._cost(trial) for trial in completed])
        running = [self.trials[trial_id] for trial_id in self.start_order]
        running = [trial for trial in running if trial.status == "RUNNING"]
        self.gpr = self._make_gpr().set_params(n_restarts_optimizer=2)
        with warnings.catch_warnings():
            # scikit-learn tells when a length scale meets its bound, which is no fault here
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.gpr.fit(points, costs)
            if running:
                guesses, spread = self.gpr.predict(self._points_of(running), return_std=True)
                points = np.vstack([points, self._points_of(running)])
                self.gpr.fit(points, np.append(costs, guesses + spread))
        mean, deviation = self.gpr.predict(candidates, return_std=True)
        return mean - self.beta * deviation

    def _points_of(self, trials):
        space = self.hyperparameters.space
        return np.array([unit_cube.point_of(space, t.hyperparameters.values) for t in trials])
