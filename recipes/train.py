"""Train: a batch-normalised softmax classifier, from one command.

You will see a network learn handwritten digits (or your own table or images): its progress, a table
of what it is worth on examples it never saw, its confusion matrix and its worst mistakes. The saved
`model.keras` takes raw inputs; `recipes.predict` uses it.

    make train
    make train ARGS="--data flowers.csv --target species --learning-rate 0.03"
    make train ARGS="--resume"          # after Ctrl-C or a crash: goes on from the last epoch

Takes about 20 seconds on two cores. Expect a test accuracy near 0.98.

Source: the hidden layers are those of Ioffe & Szegedy (2015), "Batch Normalization", Algorithm 1
and 2, https://arxiv.org/abs/1502.03167.
"""

import dataclasses
import shlex
from pathlib import Path

import keras
import numpy as np
from rich.table import Table

from recipes.ingredients import figures
from recipes.ingredients.batches import ShuffledBatches
from recipes.ingredients.classifier import ClassifierSettings, build_classifier, save_classifier
from recipes.ingredients.command_line import console, run
from recipes.ingredients.data import DataSettings, join_encoder, load
from recipes.ingredients.epoch_records import EpochRecords
from recipes.ingredients.errors import BadInput
from recipes.ingredients.evaluation import evaluate
from recipes.ingredients.progress import EpochProgress
from recipes.ingredients.run_directory import RUNS, RunSettings, open_run
from tuning.dashboard import EventFile
from tuning.pictures import part_of, save


@dataclasses.dataclass(frozen=True)
class Settings:
    """Trains a batch-normalised softmax classifier and saves it with what it is worth."""

    dataset: DataSettings = DataSettings()
    classifier: ClassifierSettings = ClassifierSettings()
    where: RunSettings = RunSettings()
    epochs: int = 30
    """Passes over the training part, 1 or more."""
    patience: int = 0
    """Stop after so many epochs without a better validation accuracy, and keep the best epoch's
    weights; 0 never stops early."""
    seed: int = 0
    """Seed of the initial weights and of the order of examples, 0 or more."""

    def __post_init__(self):
        """Refuses values outside their range."""
        for name, least in (("epochs", 1), ("patience", 0), ("seed", 0)):
            value = getattr(self, name)
            if not least <= value < 2**31:
                raise BadInput(
                    f"{name} must be from {least} to {2**31 - 1}. Received: {name}={value}."
                )

    def as_dict(self):
        """All settings but where the run is written, flat, by the names of their flags."""
        own = {name: getattr(self, name) for name in ("epochs", "patience", "seed")}
        return dataclasses.asdict(self.dataset) | dataclasses.asdict(self.classifier) | own


@dataclasses.dataclass(frozen=True)
class Result:
    """What a training came to."""

    run_directory: Path
    test_accuracy: float
    test_loss: float
    validation_accuracy: float
    seconds: float


def main(settings):
    """Loads the data, trains, scores the test part once, and saves the model.

    Args:
        settings: `Settings`.

    Returns:
        A `Result`.
    """
    data = load(settings.dataset)
    console.print("\n".join(data.description()), soft_wrap=True)
    features = data.encoded_parts()
    model = build(settings, data, features)
    identity = settings.as_dict() | {"data_fingerprint": data.fingerprint}
    with open_run("train", settings.where, identity) as directory:
        if directory.summary:
            return print_summary(directory.summary, directory.path)
        with EventFile(directory.path / "tensorboard") as events:
            events.hyperparameters(hyperparameters(settings), directory.name)
            rows = fit(model, data, features, settings, directory, events)
            complete = join_encoder(data.encoder, model)
            save_classifier(complete, directory.path / "model.keras")
            evaluation = evaluate(model, complete, features["test"], data.test)
            draw(rows, evaluation, data, directory, events)
        return report(settings, data, model, rows, evaluation, directory)


def hyperparameters(settings):
    """Columns of the run in HParams, where single trainings count as one search."""
    return settings.as_dict() | {"search": "train"}


def build(settings, data, features):
    """The compiled classifier, the same one whenever the seed is the same."""
    keras.utils.set_random_seed(settings.seed)
    steps = -(-len(features["train"]) // settings.classifier.batch_size)
    input_shape = features["train"].shape[1:]
    return build_classifier(settings.classifier, input_shape, data.class_names, steps)


def fit(model, data, features, settings, directory, events):
    """Trains, or goes on with a training; returns one row of `curves.csv` for each epoch."""
    early_stopping = None
    if settings.patience:
        early_stopping = keras.callbacks.EarlyStopping(
            "val_accuracy", patience=settings.patience, restore_best_weights=True
        )
    records = EpochRecords(directory.path, events, early_stopping)
    done = records.restore(model)
    batches = ShuffledBatches(
        features["train"],
        data.train.labels,
        settings.classifier.batch_size,
        settings.seed,
        first_epoch=done,
        class_weights=data.class_weights,
    )
    with EpochProgress(settings.epochs, done) as progress:
        model.fit(
            batches,
            validation_data=(features["validation"], data.validation.labels),
            validation_batch_size=1024,
            initial_epoch=done,
            epochs=done if records.stopped else settings.epochs,
            shuffle=False,
            verbose=0,
            callbacks=[c for c in (early_stopping, progress, records) if c],
        )
    return records.rows


def draw(rows, evaluation, data, directory, events):
    """Writes `figure.png`, and the parts of it that belong there into TensorBoard."""
    images = data.test.x if isinstance(data.test.x, np.ndarray) and data.test.x.ndim > 2 else None
    page, parts = figures.training_figure(rows, evaluation, data.class_names, images)
    drawn = save(page, directory.path / "figure.png")
    for name, part in parts.items():
        events.image(name, part_of(drawn, part))


def report(settings, data, model, rows, evaluation, directory):
    """Writes `summary.json`, which ends the run, and prints what it came to."""
    kept = max(rows, key=lambda row: row["validation_accuracy"]) if settings.patience else rows[-1]
    summary = {
        "settings": settings.as_dict(),
        "test_accuracy": evaluation.accuracy,
        "validation_accuracy": kept["validation_accuracy"],
        "test_loss": evaluation.loss,
        "seconds": rows[-1]["seconds"],
        "epochs": len(rows),
        "kept_epoch": kept["epoch"],
        "parameters": model.count_params(),
        "examples": data.sizes(),
        "class_names": list(data.class_names),
        "data_fingerprint": data.fingerprint,
    }
    if len(data.class_names) <= figures.MOST_NUMBERED_CLASSES:
        console.print(class_table(evaluation, data.class_names))
    return print_summary(directory.finish(summary), directory.path)


def print_summary(summary, path):
    """Prints the table of results and what to do next; the last line names the run directory."""
    table = Table("result", "value", title=f"{summary['settings']['data']}: test part, scored once")
    for name in ("test_accuracy", "test_loss", "validation_accuracy"):
        table.add_row(name.replace("_", " "), f"{summary[name]:.4f}")
    for name in ("epochs", "parameters", "seconds"):
        table.add_row(name, f"{summary[name]:,}")
    console.print(table)
    model, logs = shlex.quote(f"{path}/model.keras"), shlex.quote(str(path))
    is_shown = RUNS in path.parents
    arguments = f"--model {model} --input FILE"
    console.print(f'predict with it: make predict ARGS="{arguments}"', soft_wrap=True)
    where = "" if is_shown else f' ARGS="--logdir {logs}"'
    console.print(f"see its curves:  make tensorboard{where}", soft_wrap=True)
    console.print(f"run directory: {path}", soft_wrap=True)
    numbers = {f.name: summary[f.name] for f in dataclasses.fields(Result)[1:]}
    return Result(path, **numbers)


def class_table(evaluation, class_names):
    """Precision and recall of each class."""
    table = Table("class", "precision", "recall", "examples", title="test part by class")
    for name, (precision, recall, count) in zip(class_names, evaluation.by_class(), strict=True):
        table.add_row(name, f"{precision:.3f}", f"{recall:.3f}", str(count))
    return table


if __name__ == "__main__":
    run(main, Settings)
