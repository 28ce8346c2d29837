"""Predict: classes and probabilities of new data, from a model that `recipes.train` saved.

You will see a CSV file with one line for each row (or image) of the input, in its order: the class
and the probability of each class. The saved model takes raw inputs: columns are matched by name,
images are resized to its size.

    make predict ARGS="--model runs/train/2026-01-31-120000/model.keras --input new.csv"
    make predict                        # the latest model, on the data it was trained on

Takes about 10 seconds, most of them TensorFlow's start.

Source: Keras's saved models in safe mode, https://keras.io/api/models/model_saving_apis/.
"""

import csv
import dataclasses
import io
import json
import zipfile
from pathlib import Path

import keras
import numpy as np

import layers
from recipes.ingredients.command_line import console, run
from recipes.ingredients.data import read_inputs
from recipes.ingredients.errors import BadInput, RunFailed
from recipes.ingredients.run_directory import RUNS
from tuning import files


@dataclasses.dataclass(frozen=True)
class Settings:
    """Predicts the class of each row of a CSV or npz file, of an image, or of each of a folder."""

    model: Path | None = None
    """A `model.keras` that a recipe saved; the latest one of `recipes.train` if not named."""
    input: str = ""
    """A .csv, a .npz (`x`), an image, a folder of images, or the name of a data set that ships;
    what the model was trained on if not named."""
    output: Path = Path("predictions.csv")
    """CSV file to write: input, class, then one probability for each class, by its name."""
    overwrite: bool = False
    """Replace the output file if it is there."""


@dataclasses.dataclass(frozen=True)
class Result:
    """What was predicted."""

    output: Path
    class_names: tuple[str, ...]
    probabilities: np.ndarray
    """`(rows, classes)`."""


def main(settings):
    """Loads the model, reads the input, predicts, writes the output.

    Args:
        settings: `Settings`.

    Returns:
        A `Result`.
    """
    output = checked_output(settings)
    path = settings.model or latest_model()
    model = load_model(path)
    class_names = names_of_classes(model, path)
    data = settings.input or training_data(path)
    keep_what_is_read(output, path, data)
    inputs, identifiers = read_inputs(data, model)
    probabilities = model.predict(inputs, batch_size=1024, verbose=0)
    write(output, identifiers, class_names, probabilities)
    report(path, class_names, probabilities, output)
    return Result(output, class_names, probabilities)


def checked_output(settings):
    """The output file, links followed, once it is sure that it may and can be written."""
    output = settings.output.resolve()
    if not output.parent.is_dir():
        raise BadInput(f"output must be in an existing folder. Received: {settings.output}.")
    if output.exists() and not output.is_file():
        raise BadInput(
            f"output must be a file. Received: {settings.output}, which is something else."
        )
    if output.exists() and not settings.overwrite:
        raise BadInput(f"{settings.output} exists: give --overwrite or another --output.")
    return output


def keep_what_is_read(output, model, data):
    """Refuses an output that would take the model's or the input's place.

    Args:
        output: The checked output file.
        model: The model's path.
        data: The input's path, or a data set's name.
    """
    for name, path in (("model", model), ("input", Path(data))):
        if output == path.resolve():
            raise BadInput(f"output must be another file than the {name}. Received: {output}.")


def latest_model():
    """The newest model that `recipes.train` saved."""
    found = sorted((RUNS / "train").glob("*/model.keras"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise BadInput("model must be named, there is none yet in runs/train. Try `make train`.")
    return found[-1]


def training_data(path):
    """What the run that a model lies in was trained on."""
    try:
        return json.loads((path.parent / "settings.json").read_text())["data"]
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput("input must be named, for the model does not lie in a run.") from None


def load_model(path):
    """Loads a saved model in Keras's safe mode, in which a file cannot bring code of its own."""
    if not path.is_file():
        raise BadInput(f"model must be a .keras file. Received: {path}, which is no file.")
    if not zipfile.is_zipfile(path):
        raise BadInput(
            f"model must be a .keras file. Received: {path}, which is damaged or another."
        )
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # whatever a foreign file makes Keras raise
        raise BadInput(
            f"model must be a .keras file that a recipe saved. Received: {path}, which Keras cannot"
            f" load in safe mode ({type(error).__name__})."
        ) from None


def names_of_classes(model, path):
    """The class names that the model's head carries."""
    for layer in reversed(list(model._flatten_layers(include_self=False))):
        if isinstance(layer, layers.SoftmaxHead):
            return layer.class_names or tuple(str(i) for i in range(layer.classes))
    raise BadInput(f"model must end in a SoftmaxHead. Received: {path}, which has none.")


def write(path, identifiers, class_names, probabilities):
    """Writes `input, class, probability of ...` for each row, in order."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["input", "class", *(f"probability of {name}" for name in class_names)])
    for identifier, row in zip(identifiers, probabilities, strict=True):
        writer.writerow([identifier, class_names[row.argmax()], *(f"{p:.9g}" for p in row)])
    try:
        files.write_atomically(path, text.getvalue())
    except OSError as error:
        raise RunFailed(
            f"{path} could not be written: {error}. With that mended, try again, or name another"
            " --output."
        ) from None


def report(model_path, class_names, probabilities, output):
    """Says how many rows fell into each class."""
    counts = np.bincount(probabilities.argmax(axis=1), minlength=len(class_names))
    console.print(f"model: {model_path}", soft_wrap=True)
    for name, count in zip(class_names, counts, strict=True):
        if count:
            console.print(f"{shown(name)}: {count}", soft_wrap=True)
    console.print(f"predictions: {output}", soft_wrap=True)


def shown(name):
    """A class name on one line."""
    return " ".join(name.split()) if len(name) <= 60 else f"{' '.join(name[:59].split())}…"


if __name__ == "__main__":
    run(main, Settings)
