"""The best trials of a search trained again with several seeds, so that the winner is not luck."""

import dataclasses
import json
import shutil
import warnings

import numpy as np
from scipy.stats import ttest_ind

from recipes.ingredients.errors import RunFailed
from tuning.files import write_atomically


@dataclasses.dataclass(frozen=True)
class Finalist:
    """One of the best trials, trained again."""

    trial: str
    values: dict
    score: float
    """What made it a finalist: its score in the search."""
    accuracies: tuple[float, ...]
    """Validation accuracy for each seed."""

    @property
    def mean(self):
        """Mean validation accuracy over the seeds."""
        return float(np.mean(self.accuracies))

    @property
    def spread(self):
        """Standard deviation over the seeds; NaN for one seed."""
        return float(np.std(self.accuracies, ddof=1)) if len(self.accuracies) > 1 else float("nan")


def train_finalists(trials, make_tuner, data, features, settings):
    """Trains the best trials again with several seeds.

    Args:
        trials: `TrialRecord`s of the search.
        make_tuner: Function from an oracle to a tuner that trains each trial with all seeds.
        data: `Dataset`.
        features: Features of its parts.
        settings: The search's settings.

    Returns:
        The `Finalist`s, the best mean validation accuracy first; and the winner's best model.
    """
    completed = [trial for trial in trials if trial.score is not None]
    if not completed:
        raise RunFailed(f"no trial had a finite score. The last one: {trials[-1].reason}")
    distinct = {}
    for trial in sorted(completed, key=lambda trial: (-trial.score, int(trial.trial))):
        distinct.setdefault(tuple(trial.values.items()), trial)
    chosen = list(distinct.values())[: settings.finalists]
    tuner = make_tuner([trial.values for trial in chosen])
    tuner.search(
        features["train"],
        data.train.labels,
        validation_data=(features["validation"], data.validation.labels),
        epochs=settings.epochs,
        class_weight=data.class_weights,
        verbose=0,
    )
    again = list(zip(chosen, tuner.records.by_number, strict=True))
    finalists = [
        Finalist(trial.trial, trial.values, trial.score, tuple(record.scores))
        for trial, record in again
        if record.scores
    ]
    if not finalists:
        raise RunFailed(f"the best trials diverged with other seeds: {again[0][1].reason}")
    finalists.sort(key=lambda finalist: -finalist.mean)
    return finalists, tuner.get_best_models()[0]


def forget_others(folder, values):
    """Removes what other finalists came to: trials may have been added since, and better ones.

    Args:
        folder: Folder of the finalists; if it is of these values, it stays as a kill left it.
        values: Their hyperparameters, a list of `{name: value}`.
    """
    kept, text = folder / "values.json", json.dumps(values)
    if kept.exists() and kept.read_text() == text:
        return
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    write_atomically(kept, text)


def verdict(finalists):
    """Whether the first finalist can be told from the second: Welch's test over the seeds."""
    if len(finalists) < 2 or len(finalists[0].accuracies) < 2:
        return "one finalist or one seed alone cannot be compared"
    first, second = finalists[:2]
    with warnings.catch_warnings(action="ignore"):  # scipy's, where all seeds agree
        p = ttest_ind(first.accuracies, second.accuracies, equal_var=False).pvalue
    if not p < 0.05:
        return f"trials {first.trial} and {second.trial} cannot be told apart (p = {p:.2f})"
    return f"trial {first.trial} is better than trial {second.trial} (p = {p:.3f})"
