"""Search: tune the classifier's hyperparameters, by the strategy of your choice.

You will see trials of different hyperparameters, many at a time trained as one compiled program;
then the best few trained again with several seeds, so that the winner is not luck; which
hyperparameters mattered; and what to search next. The winner is saved as `model.keras`, which
`recipes.predict` takes; `figure.png` shows all learning curves.

    make search
    make caviar                         # 256 trials of 20 epochs
    make search ARGS="--strategy coarse-to-fine --trials 48 --learning-rate 0.001:0.1"
    make search ARGS="--data flowers.csv --target species --tiers 1,2"
    make search ARGS="--trials 1024 --workers 8"                          # processes of Ray

32 trials of 10 epochs and the best three trained again take about a minute on two cores.
Expect a test accuracy between 0.96 and 0.98 on digits.

Source: the space and its scales follow the well-known advice to give each hyperparameter a priority
and a scale; random against grid: Bergstra & Bengio (2012), "Random Search for Hyper-Parameter
Optimization", JMLR 13.
"""

import dataclasses
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Literal

import keras_tuner
import numpy as np

from recipes.ingredients.classifier import ClassifierSettings, build_classifier, save_classifier
from recipes.ingredients.command_line import console, run
from recipes.ingredients.data import DataSettings, join_encoder, load
from recipes.ingredients.errors import BadInput, RunFailed
from recipes.ingredients.evaluation import evaluate
from recipes.ingredients.finalists import forget_others, train_finalists, verdict
from recipes.ingredients.progress import TrialProgress
from recipes.ingredients.run_directory import RunSettings, open_run
from recipes.ingredients.search_report import advice, print_findings, trials_table
from recipes.ingredients.space import SpaceSettings, search_space
from recipes.ingredients.workers import WorkerSettings, workers
from tuning import (
    OneByOneTuner,
    StackedTuner,
    WorkersTuner,
    first_order_importance,
    oracles,
    own_name,
)
from tuning.dashboard.findings import write_findings

STRATEGIES = {
    "random": oracles.RandomOracle,
    "hyperband": oracles.HyperbandOracle,
    "bayesian": oracles.BayesianOracle,
    "quasi-random": oracles.QuasiRandomOracle,
    "grid": oracles.GridOracle,
    "coarse-to-fine": oracles.CoarseToFineOracle,
    "by-priority": oracles.ByPriorityOracle,
}
TRAINERS = {"stacked": StackedTuner, "one-by-one": OneByOneTuner}
OBJECTIVE = keras_tuner.Objective("val_accuracy", "max")


@dataclasses.dataclass(frozen=True)
class Settings:
    """Searches the classifier's hyperparameters and saves the best model."""

    dataset: DataSettings = DataSettings(validation_share=0.2)
    scope: SpaceSettings = SpaceSettings()
    where: RunSettings = RunSettings()
    crew: WorkerSettings = WorkerSettings()
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
    trainer: Literal["stacked", "one-by-one"] = "stacked"
    """How trials are trained: many as one compiled program, or one after another by Keras's fit."""
    memory: float | None = None
    """GiB that stacked trials may use, above 0; by default half of what the machine has free."""
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
        if self.memory is not None and not self.memory > 0:
            raise BadInput(f"memory must be above 0. Received: memory={self.memory}.")
        if not 0 <= self.seed < 2**31:
            raise BadInput(f"seed must be 0 or more. Received: seed={self.seed}.")
        if self.crew.are_wanted and self.trainer != "stacked":
            raise BadInput(f"trainer must be stacked with workers. Received: {self.trainer}.")

    def as_dict(self):
        """All settings but where the run is written, flat, by the names of their flags."""
        groups = {"dataset", "scope", "where", "crew"}
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
    del identity["trials"], identity["memory"]  # more trials extend a search
    with workers(settings.crew), open_run("search", settings.where, identity) as directory:
        if directory.summary and directory.summary["settings"]["trials"] >= settings.trials:
            say_if_fewer(settings.trials, directory.summary)
            return print_summary(directory.summary, directory.path)
        directory.reopen()
        began = time.monotonic()
        oracle = make_oracle(settings, space)
        trials = search(oracle, builder, data, features, settings, directory)
        again = partial(finalists_tuner, builder, settings, directory)
        finalists, model = train_finalists(trials, again, data, features, settings)
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
    tuner = trainer(settings)(
        oracle,
        builder,
        seed=settings.seed,
        name=directory.name.removeprefix("search/"),
        priorities=builder.space.priorities,
        constants=columns(settings, builder),
        records_in=directory.path,
        checkpoints=0,  # the best are trained again
        directory=directory.path,
        project_name="trials",
    )
    done = len(oracle.end_order)
    with TrialProgress(settings.trials, tuner.records.trials, done) as progress:
        tuner.on_trial, tuner.on_epoch = progress.ended, progress.epoch_ended
        try:
            tuner.search(
                features["train"],
                data.train.labels,
                validation_data=(features["validation"], data.validation.labels),
                epochs=settings.epochs,
                class_weight=data.class_weights,
                verbose=0,
            )
        except RuntimeError as error:  # keras-tuner, after three trials that could not be run
            raise RunFailed(f"the search gave up: {str(error).strip()}") from None
    if settings.trainer == "stacked":
        console.print(str(tuner.report), soft_wrap=True)
    return tuner.records.trials


def finalists_tuner(builder, settings, directory, values):
    """A tuner that trains given values with several seeds."""
    forget_others(directory.path / "finalists", values)
    hp = keras_tuner.HyperParameters()
    builder.space.declare(hp)
    console.print(f"training the best {len(values)} again, {settings.final_seeds} times each")
    return trainer(settings)(
        oracles.GivenOracle(OBJECTIVE, values=values, seed=0, hyperparameters=hp),
        builder,
        seed=settings.seed + 1,  # other weights and another order than in the search
        executions_per_trial=settings.final_seeds,
        name=f"{directory.name.removeprefix('search/')} again",
        priorities=builder.space.priorities,
        constants=columns(settings, builder),
        checkpoints=1,
        directory=directory.path,
        project_name="finalists",
    )


def trainer(settings):
    """The class of the tuner, with what it may use."""
    kind, more = TRAINERS[settings.trainer], {}
    if settings.crew.are_wanted:
        kind, more = WorkersTuner, dataclasses.asdict(settings.crew)
    if settings.trainer == "stacked" and settings.memory is not None:
        more["memory"] = int(settings.memory * 2**30)
    return partial(kind, **more)


def columns(settings, builder):
    """What HParams shows of each trial besides the space: the columns of a training's row."""
    own = {name: getattr(settings, name) for name in ("strategy", "epochs", "seed")}
    model = dataclasses.asdict(builder.fixed) | builder.space.defaults
    return dataclasses.asdict(settings.dataset) | model | own


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


def say_if_fewer(trials, summary):
    """Says that fewer trials than a finished search has change nothing."""
    had = summary["settings"]["trials"]
    if trials < had:
        console.print(f"--trials {trials} changes nothing: this search ended with --trials {had}")


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
    write_findings(directory.path, {each.trial: each.accuracies for each in finalists})
    return print_summary(directory.finish(summary), directory.path)


def print_summary(summary, path):
    """Prints what was found; the last line names the run directory."""
    print_findings(summary)
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
