"""Given values, one trial each: what somebody, or another search, wants to see tried."""

import keras_tuner

from tuning.oracles.reliable import Reliable
from tuning.space import own_name


class GivenOracle(Reliable, keras_tuner.Oracle):
    """Tries a list of values in its order; what an entry leaves out is at its default.

    Args:
        objective: str or `keras_tuner.Objective`, as keras-tuner takes it.
        values: list of dict of own name to value, one for each trial.
        **arguments: what else `keras_tuner.Oracle` takes; `seed` as in `Reliable`.

    Raises:
        ValueError: if there are no values.
    """

    def __init__(self, objective=None, *, values, **arguments):
        if not values:
            raise ValueError("values must hold at least one entry. Received: values=[].")
        super().__init__(objective, max_trials=len(values), **arguments)
        self.values = [dict(entry) for entry in values]

    def populate_space(self, trial_id):
        """Choose the next trial: `{"status": ..., "values": ...}`."""
        del trial_id
        entry = self.values[len(self.start_order)]
        values = {}
        for hp in self.hyperparameters.space:
            name = own_name(hp.name)
            value = entry.get(name, hp.default)
            values[hp.name] = 1.0 - value if name != hp.name and name in entry else value
        return self._new_trial(values)
