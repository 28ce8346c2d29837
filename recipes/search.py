"""Search: tune the classifier's hyperparameters, by the strategy of your choice.

You will see trials of different hyperparameters, each trained for a few epochs; then the best few
trained again with several seeds, so that the winner is not luck; which hyperparameters mattered;
and what to search next. The winner is saved as `model.keras`, which `recipes.predict` takes.

    make search
    make search ARGS="--strategy coarse-to-fine --trials 48 --learning-rate 0.001:0.1"
    make search ARGS="--data flowers.csv --target species --tiers 1,2"

32 trials of 10 epochs and the best three trained again take two to three minutes on two cores.
Expect a test accuracy between 0.96 and 0.98 on digits.

Source: the space and its scales follow the well-known advice to give each hyperparameter a priority
and a scale; random against grid: Bergstra & Bengio (2012), "Random Search for Hyper-Parameter
Optimization", JMLR 13.
"""

import dataclasses
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Literal

import keras
import keras_tuner
import numpy as np
from rich import box
from rich.progress import track
from rich.table import Table
from scipy.stats import ttest_ind

from recipes.ingredients.classifier import ClassifierSettings, build_classifier, save_classifier
from recipes.ingredients.command_line import console, run
from recipes.ingredients.data import DataSettings, join_encoder, load
from recipes.ingredients.errors import BadInput, RunFailed
from recipes.ingredients.evaluation import evaluate
from recipes.ingredients.progress import TrialProgress
from recipes.ingredients.run_directory import RunSettings, open_run
from recipes.ingredients.space import SpaceSettings, search_space
from tuning import (
    Choices,
    Integers,
    OneByOneTuner,
    Records,
    first_order_importance,
    oracles,
    own_name,
)

STRATEGIES = {
    "random": oracles.RandomOracle,
    "hyperband": oracles.HyperbandOracle,
    "bayesian": oracles.BayesianOracle,
    "quasi-random": oracles.QuasiRandomOracle,
    "grid": oracles.GridOracle,
    "coarse-to-fine": oracles.CoarseToFineOracle,
    "by-priority": oracles.ByPriorityOracle,
}
OBJECTIVE = keras_tuner.Objective("val_accuracy", "max")
EDGE = 0.05


@dataclasses.dataclass(frozen=True)
class Settings:
    """Searches the classifier's hyperparameters and saves the best model."""

    dataset: DataSettings = DataSettings(validation_share=0.2)
    scope: SpaceSettings = SpaceSettings()
    where: RunSettings = RunSettings()
    strategy: Literal[
        "random",
        "hyperband",
        "bayesian",
        "quasi-random",
        "grid",
        "coarse-to-fine",
        "by-priority",
    ] = "random"
    """How the next trial is chosen."""
    trials: int = 32
    """Trials to start, 1 or more; a grid has at most so many."""
    epochs: int = 10
    """Epochs of a trial, 1 or more; with hyperband the most epochs of one."""
    trainer: Literal["one-by-one"] = "one-by-one"
    """How trials are trained: one after another by Keras's own loop."""
    architecture: Literal["mlp", "cnn"] = "mlp"
    """Dense layers, or 3 x 3 convolutions (images only)."""
    optimizer: Literal["momentum", "rmsprop", "adam"] = "momentum"
    """The optimiser of all trials; the space holds only what it reads."""
    use_batch_norm: bool = True
    """Whether hidden layers normalise z over the mini-batch before the activation."""
    finalists: int = 3
    """How many of the best trials are trained again, 1 or more."""
    final_seeds: int = 5
    """With how many seeds each, 1 or more."""
    seed: int = 0
    """Seed of the strategy and of all trainings, 0 or more."""

    def __post_init__(self):
        """Refuses values outside their range."""
        for name in ("trials", "epochs", "finalists", "final_seeds"):
            if not 1 <= getattr(self, name) < 2**31:
                raise BadInput(f"{name} must be 1 or more. Received: {name}={getattr(self, name)}.")
        if not 0 <= self.seed < 2**31:
            raise BadInput(f"seed must be 0 or more. Received: seed={self.seed}.")

    def as_dict(self):
        """All settings but where the run is written, flat, by the names of their flags."""
        groups = {"dataset", "scope", "where"}
        own = {k: v for k, v in vars(self).items() if k not in groups}
        return dataclasses.asdict(self.dataset) | dataclasses.asdict(self.scope) | own


@dataclasses.dataclass(frozen=True)
class Result:
    """What a search came to."""

    run_directory: Path
    best: dict
    """The winner's hyperparameters."""
    test_accuracy: float
    test_loss: float
    validation_accuracy: float
    """Mean of the winner's over its seeds."""
    seconds: float


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


def main(settings):
    """Searches, trains the best few again, scores the winner on the test part, and saves it.

    Args:
        settings: `Settings`.

    Returns:
        A `Result`.
    """
    space = search_space(settings.scope, settings.optimizer)
    data = load(settings.dataset)
    console.print("\n".join(data.description()), soft_wrap=True)
    features = data.encoded_parts()
    builder = Builder(settings, space, data, features["train"])
    builder.build_from(space.defaults)  # what cannot be built is refused before anything is written
    identity = settings.as_dict() | {"data_fingerprint": data.fingerprint}
    with open_run("search", settings.where, identity) as directory:
        if directory.summary:
            return print_summary(directory.summary, directory.path)
        began = time.monotonic()
        oracle = make_oracle(settings, space)
        trials = search(oracle, builder, data, features, settings, directory)
        finalists, model = train_finalists(trials, builder, data, features, settings)
        complete = join_encoder(data.encoder, model)
        save_classifier(complete, directory.path / "model.keras")
        evaluation = evaluate(model, complete, features["test"], data.test)
        seconds = time.monotonic() - began
        return report(settings, space, trials, finalists, evaluation, seconds, data, directory)


class Builder(keras_tuner.HyperModel):
    """Builds the classifier of a trial: the space and the data that it is for."""

    def __init__(self, settings, space, data, train_features):
        super().__init__()
        self.space, self.class_names = space, data.class_names
        self.examples, self.input_shape = len(train_features), train_features.shape[1:]
        self.fixed = ClassifierSettings(
            architecture=settings.architecture,
            optimizer=settings.optimizer,
            use_batch_norm=settings.use_batch_norm,
        )

    def build(self, hp):
        """The compiled classifier of keras-tuner's hyperparameters."""
        return self.build_from(self.space.declare(hp))

    def build_from(self, values):
        """The compiled classifier of values by their own names."""
        classifier = dataclasses.replace(self.fixed, **values)
        steps = -(-self.examples // classifier.batch_size)
        return build_classifier(classifier, self.input_shape, self.class_names, steps)


def make_oracle(settings, space):
    """The strategy, with its budget, its seed and the space it searches."""
    hp = keras_tuner.HyperParameters()
    space.declare(hp)
    more = {}
    if settings.strategy in ("grid", "by-priority"):
        more["priorities"] = space.priorities
    if settings.strategy == "hyperband":
        more["max_epochs"] = settings.epochs
    return STRATEGIES[settings.strategy](
        OBJECTIVE, max_trials=settings.trials, seed=settings.seed, hyperparameters=hp, **more
    )


def search(oracle, builder, data, features, settings, directory):
    """Runs all trials; returns their records."""
    announce(oracle, settings)
    tuner = OneByOneTuner(
        oracle,
        builder,
        seed=settings.seed,
        records=Records(directory.path),
        directory=directory.path,
        project_name="trials",
    )
    with TrialProgress(settings.trials, tuner.records.trials) as progress:
        tuner.on_trial = progress.ended
        tuner.search(
            features["train"],
            data.train.labels,
            validation_data=(features["validation"], data.validation.labels),
            epochs=settings.epochs,
            class_weight=data.class_weights,
            verbose=0,
        )
    return tuner.records.trials


def announce(oracle, settings):
    """Says what the strategy will try, where that is known beforehand."""
    if settings.strategy == "grid":
        levels = oracle.levels()
        size = np.prod([len(points) for points in levels.values()])
        console.print(f"grid of {size} trials, the largest within {settings.trials}:")
        for name, points in levels.items():
            console.print(f"  {name}: {', '.join(f'{p:.6g}' for p in points)}")
    if settings.strategy == "by-priority":
        for number, (names, budget) in enumerate(
            zip(oracle.tiers(), oracle.budgets(), strict=False)
        ):
            console.print(
                f"tier {number + 1}: {budget} trials over {', '.join(map(own_name, names))}"
            )


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


def report(settings, space, trials, finalists, evaluation, seconds, data, directory):
    """Writes `summary.json`, which ends the run, and prints what the search came to."""
    winner = finalists[0]
    importances = first_order_importance(
        {name: [trial.values[name] for trial in trials] for name in space.priorities},
        [float("nan") if trial.score is None else trial.score for trial in trials],
    )
    summary = {
        "settings": settings.as_dict(),
        "test_accuracy": evaluation.accuracy,
        "validation_accuracy": winner.mean,
        "test_loss": evaluation.loss,
        "seconds": round(seconds, 3),
        "trials": dict(Counter(trial.status for trial in trials)),
        "best": winner.values,
        "finalists": [dataclasses.asdict(finalist) for finalist in finalists],
        "verdict": verdict(finalists),
        "importance": {each.name: each.share for each in importances},
        "advice": advice(winner.values, space, trials, importances),
        "examples": data.sizes(),
        "class_names": list(data.class_names),
        "data_fingerprint": data.fingerprint,
    }
    console.print(trials_table(trials))
    return print_summary(directory.finish(summary), directory.path)


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


def advice(best, space, trials, importances):
    """Warnings where the best sits at an edge, and one sentence on what to search next."""
    sentences = [
        f"the best {name}, {format_value(best[name])}, sits at an edge of its range: search beyond."
        for name in space.priorities
        if len({trial.values[name] for trial in trials}) > 1
        and is_at_edge(space[name].range, best[name])
    ]
    scored = [trial for trial in trials if trial.score is not None]
    top = sorted(scored, key=lambda trial: -trial.score)[: max(2, len(scored) // 4)]
    for name in [
        each.name for each in importances if not isinstance(space[each.name].range, Choices)
    ]:
        low, high = (end(trial.values[name] for trial in top) for end in (min, max))
        if low < high:
            flag = f"--{name.replace('_', '-')} {low:.4g}:{high:.4g}"
            return [
                *sentences,
                f'next: search {name} where the best quarter lies, make search ARGS="{flag}".',
            ]
    return [*sentences, "next: more trials of the same search, with another --seed."]


def is_at_edge(scale, value):
    """Whether a number is an end of its range or lies in the twentieth next to it."""
    if isinstance(scale, Choices):
        numbers = not isinstance(scale.values[0], str | bool)
        return numbers and value in (min(scale.values), max(scale.values))
    if not scale.contains(value):  # a default outside the range
        return False
    if isinstance(scale, Integers):
        return value in (scale.low, scale.high)
    return not EDGE <= scale.to_unit(value) <= 1 - EDGE


def trials_table(trials, most=10):
    """The best trials."""
    names = list(trials[0].values)
    headings = [name.replace("_", " ") for name in ("trial", "score", "epoch", *names)]
    table = Table(title=f"the best of {len(trials)} trials", box=box.SIMPLE, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    scored = sorted((t for t in trials if t.score is not None), key=lambda t: -t.score)
    for trial in scored[:most]:
        values = [format_value(trial.values.get(name, "")) for name in names]
        table.add_row(trial.trial, f"{trial.score:.4f}", str(trial.best_epoch), *values)
    return table


def format_value(value):
    """A hyperparameter's value in a table."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def print_summary(summary, path):
    """Prints finalists, importance, advice and results; the last line names the run directory."""
    table = Table("trial", "score", "mean", "spread", "seeds", title="the best, trained again")
    for finalist in (Finalist(**f) for f in summary["finalists"]):
        row = (f"{finalist.score:.4f}", f"{finalist.mean:.4f}", f"{finalist.spread:.4f}")
        table.add_row(finalist.trial, *row, str(len(finalist.accuracies)))
    console.print(table)
    console.print(f"{summary['verdict']}.")
    started = sum(summary["trials"].values())
    table = Table("hyperparameter", "share of variance", title=f"importance, from {started} trials")
    for name, share in summary["importance"].items():
        table.add_row(name, f"{share:.2f}")
    console.print(table)
    for sentence in summary["advice"]:
        console.print(sentence, soft_wrap=True)
    failed = started - summary["trials"].get("COMPLETED", 0)
    best = ", ".join(f"{name} {format_value(value)}" for name, value in summary["best"].items())
    table = Table("result", "value", title=f"{summary['settings']['data']}: the winner")
    table.add_row("test accuracy", f"{summary['test_accuracy']:.4f}")
    table.add_row("test loss", f"{summary['test_loss']:.4f}")
    table.add_row("validation accuracy", f"{summary['validation_accuracy']:.4f}")
    table.add_row("trials", f"{started}, {failed} failed")
    table.add_row("seconds", f"{summary['seconds']:.1f}")
    console.print(table)
    console.print(f"winner: {best}", soft_wrap=True)
    console.print(f"run directory: {path}", soft_wrap=True)
    return Result(
        path,
        summary["best"],
        *(
            summary[name]
            for name in ("test_accuracy", "test_loss", "validation_accuracy", "seconds")
        ),
    )


if __name__ == "__main__":
    run(main, Settings)
