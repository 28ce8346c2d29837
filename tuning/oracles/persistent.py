"""Searches that survive a kill at any moment, at a cost per trial that does not grow."""

import copy
import json
import math
from pathlib import Path

import keras_tuner
from keras_tuner.engine.trial import Trial

from tuning.files import write_atomically

SHARE = 20
"""The state is written when more than 1 / SHARE of all events are not in it yet."""
MORE = ("seconds", "epochs")
"""What of a trial its file keeps beside keras-tuner's: how long it took, its rows of curves."""


class Persistent:
    """Keeps the state of a keras-tuner `Oracle`; stands before it among the bases.

    Each trial has a file of its own, `trial_<id>/trial.json`, written atomically when it begins and
    when it ends, with the number of that event in the search. These files are the truth. The state,
    `oracle.json`, is written only now and then, so that its cost, shared out, stays the same
    however many trials there are. `reload` takes the last state and plays the events since again:
    it asks `populate_space` what it was asked then. Without a usable state it plays all events. A
    trial whose own file is damaged, and one that was running, is handed out again.

    (keras-tuner writes the whole state twice a trial, in place: a kill in between leaves a file
    that cannot be read.)
    """

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self._clock, self._saved_clock, self._events = 0, -1, {}
        self._first_state = None

    @keras_tuner.synchronized
    def create_trial(self, tuner_id):
        """A new trial, or one that a kill interrupted, for a tuner to run."""
        if self._clock == 0:
            self._first_state = copy.deepcopy(self.get_state())
        return super().create_trial(tuner_id)

    def _save_trial(self, trial):
        """Writes a trial's own file where it begins or ends, with the number of that event."""
        events = self._events.setdefault(trial.trial_id, {})
        event = "ended" if self.end_order[-1:] == [trial.trial_id] else "began"
        if event in events:
            return
        self._clock += 1
        events[event] = self._clock
        more = {name: getattr(trial, name, None) for name in MORE}
        state = {**trial.get_state(), **events, **more, "seed": self.seed}
        # not synchronised: after a power cut the trial is handed out again
        path = Path(self._get_trial_dir(trial.trial_id)) / "trial.json"
        write_atomically(path, json.dumps(state), synchronise=False)

    def save(self):
        """Writes the state if enough has happened since it was last written."""
        if self._clock - self._saved_clock > self._clock // SHARE:
            self.save_now()

    def save_now(self):
        """Writes the state."""
        write_atomically(self._get_oracle_fname(), json.dumps(self.get_state()))
        self._saved_clock = self._clock

    def get_state(self):
        """The state to save: keras-tuner's, and the number of the last event in it."""
        return {**super().get_state(), "clock": self._clock}

    def set_state(self, state):
        """Restore a saved state."""
        super().set_state(state)
        self._clock = self._saved_clock = state["clock"]

    @keras_tuner.synchronized
    def reload(self):
        """Takes the search up where its files say it was."""
        if self._first_state is None:
            self._first_state = copy.deepcopy(self.get_state())
        saved = self._read_trials()
        self.trials, self._events = {}, {}
        state = None if None in saved.values() else self._read_state(saved)
        if state is None:
            state = copy.deepcopy(self._first_state)
            state["seed"] = next((trial["seed"] for trial in saved.values() if trial), self.seed)
        self.set_state({**state, "ongoing_trials": {}})
        for number, trial_id, is_end in _events_in_order(saved):
            if number <= self._clock:
                self._put_back(trial_id, saved[trial_id], is_end)
        for number, trial_id, is_end in _events_in_order(saved):
            if number > self._saved_clock:
                self._play_again(trial_id, saved[trial_id], is_end)
                self._events.setdefault(trial_id, {"began": number})
                self._clock = max(self._clock, int(number))
        unfinished = [trial_id for trial_id in self.start_order if not self._has_ended(trial_id)]
        self._retry_queue = unfinished[::-1]  # keras-tuner hands its last one out first
        for trial_id in unfinished:
            self.trials[trial_id].status = "RUNNING"

    def has_ended_last(self):
        """Whether no trial has begun since the last one ended."""
        events = self._events.values()
        ended = max((each.get("ended", 0) for each in events), default=0)
        return ended > max((each.get("began", 0) for each in events), default=0)

    def _read_trials(self):
        """`{trial_id: what its file holds}` in the order of ids; None for a damaged file."""
        folders = Path(self._project_dir).glob("trial_*")
        names = [folder.name.removeprefix("trial_") for folder in folders]
        saved = {}
        for name in _without_gaps([name for name in names if name.isdigit()]):
            try:
                path = Path(self._project_dir) / f"trial_{name}" / "trial.json"
                # keras-tuner writes no number
                without_number = {"began": len(saved) + 0.25, "seed": self.seed}
                state = without_number | json.loads(path.read_text())
                saved[name] = state if _is_possible(state, name, self.objective) else None
            except (ValueError, KeyError, TypeError, AttributeError, FileNotFoundError):
                saved[name] = None
        return saved

    def _read_state(self, saved):
        """The saved state, or None where there is none that can be used with the trials' files."""
        try:
            state = json.loads(Path(self._get_oracle_fname()).read_text())
        except (ValueError, FileNotFoundError):
            return None
        first = json.loads(json.dumps(self._first_state))
        is_usable = isinstance(state, dict) and all(
            name in state and (value is None or isinstance(state[name], type(value)))
            for name, value in first.items()
        )
        is_usable = is_usable and {*state["start_order"], *state["end_order"]} <= {*saved}
        return state if is_usable else None

    def _put_back(self, trial_id, saved, is_end):
        """A trial as it was when the state was written."""
        self.trials[trial_id] = _trial(saved, has_ended=is_end)
        self._note(trial_id, saved)

    def _play_again(self, trial_id, saved, is_end):
        """Lets an event happen again."""
        if is_end:
            self.trials[trial_id] = trial = _trial(saved, has_ended=True)
            self.update_space(trial.hyperparameters)
            self.end_order.append(trial_id)
            self._run_times[trial_id] += 1
        else:
            if saved:  # it knew what the trials before it had been the first to have
                self.update_space(_trial(saved, has_ended=False).hyperparameters)
            values = self.populate_space(trial_id).get("values")
            self.trials[trial_id] = trial = self._as_begun(trial_id, saved, values)
            self.start_order.append(trial_id)
            self.put_in_place(trial)
        self._record_values(trial)
        self._note(trial_id, saved)

    def put_in_place(self, trial):
        """Notes the trial that did begin, where another one would after a trial was damaged."""

    def _as_begun(self, trial_id, saved, values):
        if saved:
            return _trial(saved, has_ended=False)
        hyperparameters = self.hyperparameters.copy()
        hyperparameters.values = values or {}
        return Trial(hyperparameters, trial_id, "RUNNING")

    def _note(self, trial_id, saved):
        if saved:
            self._events[trial_id] = {k: saved[k] for k in ("began", "ended") if k in saved}

    def _has_ended(self, trial_id):
        return self.trials[trial_id].status in ("COMPLETED", "FAILED")


def _trial(saved, has_ended):
    """The trial of a file: as it ended, or as it began."""
    trial = Trial.from_state(copy.deepcopy(saved))  # of a condition it makes an object in place
    for name in MORE:
        setattr(trial, name, saved.get(name))
    if not has_ended:
        trial.status, trial.score, trial.message = "RUNNING", None, None
        trial.metrics = type(trial.metrics)()
    return trial


def _is_possible(saved, trial_id, objective):
    """Whether what a trial's file holds is what this program writes of that trial."""
    trial = _trial(saved, has_ended=True)
    numbers = [saved["began"], saved.get("ended", 0), *(saved.get(name) or 0 for name in MORE)]
    if trial.trial_id != trial_id or not all(isinstance(n, int | float) for n in numbers):
        return False
    if trial.status != "COMPLETED":
        return trial.status in ("RUNNING", "INVALID", "FAILED")
    has_score = isinstance(trial.score, int | float) and math.isfinite(trial.score)
    has_score = has_score and isinstance(trial.best_step, int)
    return has_score and trial.metrics.exists(objective.name)


def _without_gaps(trial_ids):
    """Trials' ids in the order of their numbers, with those of folders that are gone."""
    by_number = {int(each): each for each in trial_ids}
    width = len(min(trial_ids, key=len, default=""))
    return [by_number.get(n, str(n).zfill(width)) for n in range(max(by_number, default=-1) + 1)]


def _events_in_order(saved):
    """Begins and ends of trials as `(number, trial_id, is_end)`, in the order they happened.

    A trial whose file is damaged, or not yet there, began just before the next one or, as the last
    one, after all that is known, and has not ended.
    """
    numbers = [state.get("ended", state["began"]) for state in saved.values() if state]
    began, after = {}, math.floor(max(numbers, default=0)) + 1
    for trial_id, state in reversed(saved.items()):
        began[trial_id] = after = state["began"] if state else math.ceil(after) - 0.5
    events = [(began[trial_id], trial_id, False) for trial_id in saved]
    for trial_id, state in saved.items():
        if state and state["status"] in ("COMPLETED", "FAILED"):
            events.append((state.get("ended", began[trial_id] + 0.25), trial_id, True))
    return sorted(events, key=lambda event: event[0])
