"""The best trials of a search trained again with several seeds, so that the winner is not luck."""

import dataclasses
import warnings

import keras
import numpy as np
from rich.progress import track
from scipy.stats import ttest_ind

from recipes.ingredients.command_line import console
from recipes.ingredients.errors import RunFailed


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


def train_finalists(trials, builder, data, features, settings):
    """Trains the best trials again with several seeds.

    Returns:
        The `Finalist`s, the best mean validation accuracy first; and the winner's best model.
    """
    completed = [trial for trial in trials if trial.score is not None]
    if not completed:
        raise RunFailed(f"no trial had a finite score. The last one: {trials[-1].reason}")
    ranked = sorted(completed, key=lambda trial: -trial.score)
    distinct = {tuple(trial.values.items()): trial for trial in reversed(ranked)}
    chosen = sorted(distinct.values(), key=lambda trial: -trial.score)[: settings.finalists]
    finalists, models = [], {}
    for trial in track(chosen, "training the best again", console=console):
        fitted = [
            fit_again(trial.values, builder, data, features, settings, number)
            for number in range(settings.final_seeds)
        ]
        best = max(fitted, key=lambda pair: pair[0])
        models[trial.trial] = best[1]
        accuracies = tuple(accuracy for accuracy, _ in fitted)
        finalists.append(Finalist(trial.trial, trial.values, trial.score, accuracies))
    finalists.sort(key=lambda finalist: -finalist.mean)
    return finalists, models[finalists[0].trial]


def fit_again(values, builder, data, features, settings, number):
    """One training with a seed of its own: validation accuracy of its best epoch, and the model."""
    generator = np.random.default_rng([settings.seed, settings.trials + number])
    keras.utils.set_random_seed(int(generator.integers(2**31)))
    model = builder.build_from(values)
    history = model.fit(
        features["train"],
        data.train.labels,
        batch_size=values["batch_size"],
        validation_data=(features["validation"], data.validation.labels),
        epochs=settings.epochs,
        class_weight=data.class_weights,
        verbose=0,
        callbacks=[
            keras.callbacks.EarlyStopping(
                "val_accuracy", patience=settings.epochs, restore_best_weights=True
            )
        ],
    )
    return max(history.history["val_accuracy"]), model


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
