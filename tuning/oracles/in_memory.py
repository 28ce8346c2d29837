"""A search whose scores come from a function: nothing is trained, nothing is written."""

import itertools
import tempfile

from tuning.space import own_values


def search_in_memory(oracle, score, at_a_time=1024):
    """Runs a new oracle to its end, as many trials at a time as it hands out.

    Args:
        oracle: `keras_tuner.Oracle` that knows its space.
        score: Function from `{own name: value}` of a trial to the number that is its objective.
        at_a_time: The most trials to ask for before the first of them ends. Default 1024.

    Returns:
        List of `(values, score)`, in the order of the trials.
    """
    found, oracle.verbose = [], 0
    oracle.save = oracle._save_trial = lambda *_: None
    with tempfile.TemporaryDirectory() as directory:
        oracle._set_project_dir(directory, "search")
        while batch := _hand_out(oracle, at_a_time):
            for trial in batch:
                values = own_values(trial.hyperparameters)
                found.append((values, score(values)))
                oracle.update_trial(trial.trial_id, {oracle.objective.name: found[-1][1]})
                trial.status = "COMPLETED"
                oracle.end_trial(trial)
    return found


def _hand_out(oracle, most):
    trials = (oracle.create_trial(f"tuner/{place}") for place in range(most))
    return list(itertools.takewhile(lambda trial: trial.status == "RUNNING", trials))
