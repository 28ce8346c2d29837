"""Panda: one model, watched while it trains, its knobs turned by you or by rules.

You will see a classifier that begins badly on purpose (learning rate 3, momentum 0.99, no batch
norm: left alone it comes to nothing), and what is done about it: a guard that sees the loss explode
within the step, goes back and cuts the learning rate; advice from the curves; with `--auto` a
learning-rate range test, a fork into four copies, and the advice acted on. Every intervention is in
`journal.jsonl`, in TensorBoard and in `figure.png`. While it trains, turn its knobs from another
terminal, or edit `knobs.toml` in its run directory:

    make panda                                                # --auto: it brings itself home
    python -m recipes.panda --learning-rate 0.03 --pause 0.1  # slowly, with time to turn knobs:
    python -m recipes.panda set learning_rate=0.01            # in another terminal
    python -m recipes.panda --learning-rate 0.03 --resume     # after Ctrl-C or a crash
    python -m recipes.panda --replay runs/panda/.../journal.jsonl

`make panda` takes about half a minute on two cores. Expect a test accuracy of 0.96 or more.

Source: babysitting one model, "panda", against training many, "caviar", is a well-known picture of
two ways to tune; the range test is Smith's (2017), https://arxiv.org/abs/1506.01186.
"""

import dataclasses
import json
import shlex
import sys
from pathlib import Path

import keras
import numpy as np
from rich.table import Table

from recipes.ingredients.classifier import ClassifierSettings, build_classifier, save_classifier
from recipes.ingredients.command_line import console, run
from recipes.ingredients.data import DataSettings, join_encoder, load
from recipes.ingredients.errors import BadInput, RunFailed
from recipes.ingredients.evaluation import evaluate
from recipes.ingredients.run_directory import RUNS, RunSettings, open_run
from recipes.ingredients.turn_knobs import SetSettings, set_knobs
from recipes.ingredients.watching import Watching
from tuning.dashboard import EventFile
from tuning.panda import Babysitter, Damaged, OtherCourse, Rules, journal, picture
from tuning.panda.knobs import as_text
from tuning.panda.knobs_file import NAME
from tuning.pictures import save

BADLY = ClassifierSettings(learning_rate=3.0, sgd_momentum=0.99, use_batch_norm=False)
OWN = ("epochs", "seed", "dropout", "weight_decay", "auto", "find_learning_rate", "fork")


@dataclasses.dataclass(frozen=True)
class Settings:
    """Trains one classifier and watches over it; `set knob=value` turns its knobs meanwhile."""

    dataset: DataSettings = DataSettings()
    classifier: ClassifierSettings = BADLY
    where: RunSettings = RunSettings()
    epochs: int = 60
    """Passes over the training part, 1 or more; those that are undone come on top."""
    seed: int = 0
    """Seed of the initial weights and of the order of examples, 0 or more."""
    dropout: float = 0.1
    """Share of each hidden layer's activations that a step sets to zero, in [0, 1)."""
    weight_decay: float = 0.0
    """Share of each weight that a step takes away, times the learning rate, in [0, 1)."""
    auto: bool = False
    """Act on advice; test learning rates when cutting does not help; fork at a standstill."""
    find_learning_rate: bool = False
    """Begin with the learning rate that a range test suggests."""
    fork: bool = False
    """At the first standstill, try four learning rates side by side and go on with the best."""
    pause: float = 0.0
    """Seconds to wait after each step, to watch and to turn knobs at leisure, 0 to 60."""
    replay: Path | None = None
    """Repeat the run that this journal.jsonl is of; its settings are taken from beside it."""

    def __post_init__(self):
        """Refuses values outside their range."""
        for name, least in (("epochs", 1), ("seed", 0)):
            value = getattr(self, name)
            if not least <= value < 2**31:
                raise BadInput(
                    f"{name} must be from {least} to {2**31 - 1}. Received: {name}={value}."
                )
        for name in ("dropout", "weight_decay"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise BadInput(f"{name} must be in [0, 1). Received: {name}={value}.")
        if not 0 <= self.pause <= 60:
            raise BadInput(f"pause must be from 0 to 60. Received: pause={self.pause}.")
        if self.classifier.learning_rate_decay:
            raise BadInput(
                "learning_rate_decay must be 0: here the learning rate is turned by hand."
                f" Received: learning_rate_decay={self.classifier.learning_rate_decay}."
            )
        if self.classifier.mixed_precision == "float16":
            raise BadInput(
                "mixed_precision must be off or bfloat16: float16 overflows in healthy trainings."
                " Received: mixed_precision=float16."
            )

    def as_dict(self):
        """All settings that decide the result, flat, by the names of their flags."""
        own = {name: getattr(self, name) for name in OWN}
        return dataclasses.asdict(self.dataset) | dataclasses.asdict(self.classifier) | own


@dataclasses.dataclass(frozen=True)
class Result:
    """What a watched training came to."""

    run_directory: Path
    test_accuracy: float
    test_loss: float
    validation_accuracy: float
    seconds: float


def main(settings):
    """Loads the data, trains under watch, scores the test part once, and saves the model.

    Args:
        settings: `Settings`.

    Returns:
        A `Result`.
    """
    settings, repeat, fingerprint = replayed(settings)
    data = load(settings.dataset)
    if settings.replay and data.fingerprint != fingerprint:
        raise BadInput(
            "replay must be the journal.jsonl of a run on the same data."
            f" Received: {settings.replay}; {data.name} holds other data now."
        )
    console.print("\n".join(data.description()), soft_wrap=True)
    features = data.encoded_parts()
    model = build(settings, data, features)
    identity = settings.as_dict() | {"data_fingerprint": data.fingerprint}
    identity |= {"replay": settings.replay} if settings.replay else {}
    with open_run("panda", settings.where, identity) as directory:
        if directory.summary:
            return print_summary(directory.summary, directory.path)
        with EventFile(directory.path / "tensorboard") as events:
            events.hyperparameters(settings.as_dict() | {"search": "panda"}, directory.name)
            outcome = watch(model, data, features, settings, repeat, directory, events)
            complete = join_encoder(data.encoder, model)
            save_classifier(complete, directory.path / "model.keras")
            evaluation = evaluate(model, complete, features["test"], data.test)
            draw(outcome, directory, events)
        return report(settings, data, outcome, evaluation, directory)


def replayed(settings):
    """The settings, entries and data's fingerprint of the run to be repeated, if one is."""
    if settings.replay is None:
        return settings, [], None
    wanted = "replay must be the journal.jsonl of a run, its settings.json beside it. Received: "
    beside = settings.replay.parent / "settings.json"
    groups = {"dataset": DataSettings, "classifier": ClassifierSettings}
    try:
        entries = journal.read(settings.replay)
        known = json.loads(beside.read_text())
        parts = {
            name: group(**{f.name: known[f.name] for f in dataclasses.fields(group)})
            for name, group in groups.items()
        }
        own, fingerprint = {name: known[name] for name in OWN}, known["data_fingerprint"]
    except OSError as error:
        raise BadInput(f"{wanted}{error.filename}, {error.strerror}.") from None
    except Damaged:
        raise BadInput(f"{wanted}{settings.replay}, which is no journal.") from None
    except (ValueError, KeyError, TypeError):
        raise BadInput(f"{wanted}{beside}, which is not of a watched training.") from None
    return dataclasses.replace(settings, **parts, **own), entries, fingerprint


def build(settings, data, features):
    """The compiled classifier, the same one whenever the seed is the same."""
    keras.utils.set_random_seed(settings.seed)
    shape = features["train"].shape[1:]
    rate, classifier = settings.dropout, settings.classifier
    model = build_classifier(classifier, shape, data.class_names, 1, dropout=rate)
    if settings.weight_decay:
        model.optimizer.weight_decay = settings.weight_decay
    return model


def watch(model, data, features, settings, repeat, directory, events):
    """Trains, or goes on with a training; returns its `Outcome`, the best weights in the model."""
    weights = data.class_weights
    given = (features["train"], data.train.labels)
    given += () if weights is None else (np.vectorize(weights.get)(data.train.labels),)
    try:
        with Watching() as watching:
            watching.training = Babysitter(
                model,
                given,
                directory.path,
                validation_data=(features["validation"], data.validation.labels),
                batch_size=settings.classifier.batch_size,
                epochs=settings.epochs,
                seed=settings.seed,
                rules=Rules(settings.auto, settings.find_learning_rate, settings.fork),
                repeat=repeat,
                events=events,
                say=watching.say,
                pause=settings.pause,
            )
            where, flag = directory.path / NAME, flag_of(directory.path)
            command = f"python -m recipes.panda set learning_rate=0.01 {flag}"
            console.print(f"turn its knobs: edit {where}, or {command}", soft_wrap=True)
            return watching.training.run()
    except OtherCourse as error:
        raise RunFailed(str(error)) from None
    except Damaged as error:
        raise BadInput(f"{error} Begin anew with --overwrite.") from None


def flag_of(path):
    """The flag that names a run directory."""
    return f"--run-directory {shlex.quote(str(path))}"


def draw(outcome, directory, events):
    """Writes `figure.png`, and the same picture into TensorBoard."""
    events.image("course", save(picture.figure(outcome), directory.path / "figure.png"))


def report(settings, data, outcome, evaluation, directory):
    """Writes `summary.json`, which ends the run, and prints what it came to."""
    by = [entry.by for entry in outcome.entries[1:]]
    best = outcome.best or {}
    summary = {
        "settings": settings.as_dict(),
        "test_accuracy": evaluation.accuracy,
        "validation_accuracy": best.get("val_accuracy", float("nan")),
        "test_loss": evaluation.loss,
        "seconds": round(outcome.seconds, 3),
        "ended": outcome.reason,
        "epochs": len(outcome.days),
        "kept_epoch": best.get("epoch", 0),
        "knobs": outcome.entries[-1].knobs,
        "interventions": {name: by.count(name) for name in dict.fromkeys(by)},
        "examples": data.sizes(),
        "class_names": list(data.class_names),
        "data_fingerprint": data.fingerprint,
    }
    return print_summary(directory.finish(summary), directory.path)


def print_summary(summary, path):
    """Prints the table of results and what to do next; the last line names the run directory."""
    table = Table("result", "value", title=f"{summary['settings']['data']}: test part, scored once")
    for name in ("test_accuracy", "test_loss", "validation_accuracy"):
        table.add_row(name.replace("_", " "), f"{summary[name]:.4f}")
    table.add_row("ended", summary["ended"])
    counts = [f"{count} by {name}" for name, count in summary["interventions"].items()]
    table.add_row("interventions", ", ".join(counts) or "none")
    table.add_row(
        "knobs at the end", ", ".join(f"{n} {as_text(v)}" for n, v in summary["knobs"].items())
    )
    for name in ("epochs", "seconds"):
        table.add_row(name, f"{summary[name]:,}")
    console.print(table)
    if summary["ended"].startswith("stopped: going back") and not summary["settings"]["auto"]:
        console.print("let it look for a learning rate itself: the same command with --auto")
    shown = "" if RUNS in path.parents else f' ARGS="--logdir {shlex.quote(str(path))}"'
    again = shlex.quote(str(path / journal.NAME))
    lines = {
        "what was done": f"{path}/figure.png, {path}/journal.jsonl",
        "the same again": f"python -m recipes.panda --replay {again}",
        "see its curves": f"make tensorboard{shown}",
        "run directory": path,
    }
    for what, how in lines.items():
        console.print(f"{what}: {how}", soft_wrap=True)
    numbers = {f.name: summary[f.name] for f in dataclasses.fields(Result)[1:]}
    return Result(path, **numbers)


if __name__ == "__main__":
    if sys.argv[1:2] == ["set"]:
        run(set_knobs, SetSettings, sys.argv[2:])
    else:
        run(main, Settings)
