"""Hyperband with a budget: many short trials, the best of them trained longer."""

import math

from keras_tuner.oracles import HyperbandOracle as KerasTunerHyperband

from tuning.oracles.reliable import Reliable


class HyperbandOracle(Reliable, KerasTunerHyperband):
    """keras-tuner's Hyperband with the brackets of the paper, a budget, and failures survived.

    With `s` from `floor(log(max_epochs, factor))` down to 0, a bracket starts

    `n = ceil((s_max + 1) / (s + 1) * factor ** s)` trials of
    `r = ceil(max_epochs / factor ** s)` epochs; round i trains the `floor(n / factor ** i)` best
    to `ceil(r * factor ** i)` epochs.

    As in keras-tuner a trial that goes on is a new trial with `tuner/trial_id`,
    `tuner/initial_epoch` and `tuner/epochs` among its values. What differs:

    - `max_trials` counts started trials, continued ones included. Brackets are begun, sweep after
      sweep, as long as the budget lasts, each with all its rounds set aside, so that trials asked
      for many at a time do not eat up the places of the continued ones; the last bracket is as
      small as what is left.
    - A failed trial counts as finished and worst. (keras-tuner waits for it for ever, so that a
      third of failures means that no trial is continued.)
    - The reference's bracket sizes: 27, 9, 3, 1 for `max_epochs=27`; keras-tuner has others.

    Args:
        objective: str or `keras_tuner.Objective`, as keras-tuner takes it.
        max_epochs: int, the most epochs of one model, R in the paper; default 100.
        factor: int, 2 or more; the share that goes on is 1 / factor; default 3.
        max_trials: int, the budget in started trials; None (default): one sweep of all brackets.
        **arguments: what else keras-tuner's oracle takes; `seed` as in `Reliable`.

    Raises:
        ValueError: if `max_epochs` or `max_trials` is not a positive integer.

    Reference:
        L. Li, K. Jamieson, G. DeSalvo, A. Rostamizadeh, A. Talwalkar, Hyperband: A Novel
        Bandit-Based Approach to Hyperparameter Optimization, JMLR 18, 2018, Algorithm 1.
    """

    def __init__(self, objective=None, *, max_epochs=100, factor=3, max_trials=None, **arguments):
        for name, value in (("max_epochs", max_epochs), ("max_trials", max_trials)):
            if value is not None and (not isinstance(value, int) or value < 1):
                raise ValueError(f"{name} must be a positive integer. Received: {name}={value!r}.")
        super().__init__(objective, max_epochs=max_epochs, factor=factor, **arguments)
        self.max_trials = max_trials
        self._brackets, self._current_bracket = [], self._get_num_brackets()

    def bracket_sizes(self, bracket):
        """The number of trials in each round of a bracket, from 0 (no halving) upwards."""
        largest = self._get_num_brackets() - 1
        first = -(-(largest + 1) * self.factor**bracket // (bracket + 1))
        return self._sizes(bracket, first)

    def _sizes(self, bracket, first):
        sizes = [first // self.factor**round_number for round_number in range(bracket + 1)]
        return [size for size in sizes if size]

    def populate_space(self, trial_id):
        """Choose the next trial: `{"status": ..., "values": ...}`."""
        while True:
            for bracket in self._brackets:
                values = self._continued(bracket, trial_id) or self._begun(bracket, trial_id)
                if values:
                    return self._new_trial(values)
            self._brackets = [each for each in self._brackets if self._places(each)]
            if self._start_bracket():
                continue
            if self.ongoing_trials:
                return {"status": "IDLE"}
            if not self._brackets:
                return self._new_trial(None)
            self._brackets = []  # after failures, places that nobody can take: they are free again

    def may_go_on(self, trial_id):
        """Whether a later trial may go on from this one."""
        for bracket in self._brackets:
            rounds, sizes = bracket["rounds"], bracket["sizes"]
            for number in range(len(sizes) - 1):
                if any(each["id"] == trial_id for each in rounds[number]):
                    later = rounds[number + 1]
                    is_taken = any(each["past_id"] == trial_id for each in later)
                    return not is_taken and len(later) < sizes[number + 1]
        return False

    def put_in_place(self, trial):
        """Gives a trial the place in the brackets that its values tell."""
        values, trial_id = trial.hyperparameters.values, trial.trial_id
        past, number = values.get("tuner/trial_id"), values.get("tuner/round")
        for bracket in self._brackets:
            for started in bracket["rounds"]:
                started[:] = [each for each in started if each["id"] != trial_id]
        for bracket in self._brackets:
            rounds = bracket["rounds"]
            is_its = bracket["bracket_num"] == values.get("tuner/bracket")
            is_free = is_its and len(rounds[number]) < bracket["sizes"][number]
            if is_free and (not number or any(each["id"] == past for each in rounds[number - 1])):
                rounds[number].append({"past_id": past, "id": trial_id})
                return

    def _places(self, bracket):
        """The number of trials that a bracket has yet to start."""
        return sum(bracket["sizes"]) - sum(len(started) for started in bracket["rounds"])

    def _start_bracket(self):
        """Begin the next bracket, if budget and space have room for one; whether it did."""
        left = math.inf
        if self.max_trials is not None:
            set_aside = sum(self._places(each) for each in self._brackets)
            left = self.max_trials - len(self.start_order) - set_aside
        elif (
            self._current_bracket == 0 and self._current_iteration + 1 >= self.hyperband_iterations
        ):
            return False
        if left < 1 or self._random_values() is None:
            return False
        sizes = []
        while not sizes:
            self._increment_bracket_num()
            number = self._current_bracket
            most = self.bracket_sizes(number)[0]
            trimmed = (self._sizes(number, first) for first in range(most, 0, -1))
            sizes = next((s for s in trimmed if sum(s) <= left and len(s) == number + 1), [])
        rounds = [[] for _ in sizes]
        self._brackets.append({"bracket_num": number, "sizes": sizes, "rounds": rounds})
        return True

    def _continued(self, bracket, trial_id):
        """Values of a trial of a bracket that is good enough to go on, or None."""
        rounds, sizes = bracket["rounds"], bracket["sizes"]
        for number in range(1, len(sizes)):
            taken = {each["past_id"] for each in rounds[number]}
            before = [self.trials[each["id"]] for each in rounds[number - 1]]
            ended = [t for t in before if t.status in ("COMPLETED", "FAILED")]
            candidates = [t for t in ended if t.score is not None and t.trial_id not in taken]
            thrown_out = len(ended) - len(taken) > sizes[number - 1] - sizes[number]
            if len(rounds[number]) == sizes[number] or not thrown_out or not candidates:
                continue
            past = min(candidates, key=self._cost)
            rounds[number].append({"past_id": past.trial_id, "id": trial_id})
            return {
                **past.hyperparameters.values,
                "tuner/trial_id": past.trial_id,
                **self._bookkeeping(bracket["bracket_num"], number),
            }
        return None

    def _begun(self, bracket, trial_id):
        """Random values for a free place in the first round of a bracket, or None."""
        first = bracket["rounds"][0]
        if len(first) == bracket["sizes"][0]:
            return None
        values = self._random_values()
        if values is None:
            bracket["sizes"] = self._sizes(bracket["bracket_num"], len(first))
            return None
        first.append({"past_id": None, "id": trial_id})
        return {**values, **self._bookkeeping(bracket["bracket_num"], 0)}

    def _bookkeeping(self, bracket, number):
        past = self._get_epochs(bracket, number - 1) if number else 0
        return {
            "tuner/epochs": self._get_epochs(bracket, number),
            "tuner/initial_epoch": past,
            "tuner/bracket": bracket,
            "tuner/round": number,
        }
