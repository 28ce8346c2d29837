"""What Keras's `TensorBoard` callback writes of a training, written when the training has ended."""

import dataclasses
from pathlib import Path

from tensorboard.plugins.hparams import api_pb2

from tuning.dashboard import events
from tuning.dashboard.event_file import NAME
from tuning.dashboard.event_records import framed
from tuning.files import write_atomically


@dataclasses.dataclass(frozen=True)
class Epoch:
    """One epoch of a training."""

    number: int
    """From 0."""
    metrics: dict
    """`{name: number}`, as `fit` logs them."""
    learning_rate: float
    """After the epoch."""
    iterations: int
    """Steps of the optimiser so far."""
    time: float
    """Seconds since 1970 at which it ended."""


def write_training(folder, epochs, values, trial_id, has_score, model_json=None):
    """Writes the event files of one training, in place of any that it had.

    They have the tags, steps and values of those that `keras.callbacks.TensorBoard` and keras-tuner
    make while `fit` trains, but for the graph of TensorFlow's operations.

    Args:
        folder: Folder of the training: a row of HParams, with `train` and `validation` in it.
        epochs: Its `Epoch`s.
        values: `{name: number, string or boolean}` of its hyperparameters.
        trial_id: Name of the row.
        has_score: Whether it came to something.
        model_json: The model's configuration, for TensorBoard's page of graphs; None for none.

    Raises:
        OSError: The disk is full or the folder cannot be written.
    """
    status = api_pb2.STATUS_SUCCESS if has_score else api_pb2.STATUS_FAILURE
    _write(folder, [events.session_start(trial_id, values), events.session_end(status)])
    graphs = [] if model_json is None else [events.model_graph(model_json)]
    _write(Path(folder) / "train", [*graphs, *map(_training, epochs)])
    validation = [each for epoch in epochs for each in _validation(epoch)]
    if validation:
        _write(Path(folder) / "validation", validation)


def _training(epoch):
    logs = {name: v for name, v in epoch.metrics.items() if not name.startswith("val_")}
    logs["learning_rate"] = epoch.learning_rate
    return events.scalars(epoch.number, {f"epoch_{k}": v for k, v in logs.items()}, epoch.time)


def _validation(epoch):
    logs = {k.removeprefix("val_"): v for k, v in epoch.metrics.items() if k.startswith("val_")}
    if logs:
        by_steps = {f"evaluation_{name}_vs_iterations": value for name, value in logs.items()}
        yield events.scalars(epoch.iterations, by_steps, epoch.time)
        by_epochs = {f"epoch_{name}": value for name, value in logs.items()}
        yield events.scalars(epoch.number, by_epochs, epoch.time)


def _write(folder, run):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(
        folder / NAME, b"".join(map(framed, [events.version(), *run])), synchronise=False
    )
