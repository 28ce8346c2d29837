"""After each epoch: a row of curves.csv, points in TensorBoard, and a state to go on from."""

import csv
import io
import math
import time

import keras

from recipes.ingredients.errors import BadInput, RunFailed
from tuning import files, training_state

COUNTED = ("wait", "best", "best_epoch", "stopped_epoch")


class EpochRecords(keras.callbacks.Callback):
    """Keeps what a training came to so far, and resumes it exactly. Give it last to `fit`.

    Args:
        folder: Run directory.
        events: `EventFile` of the run.
        early_stopping: The training's `keras.callbacks.EarlyStopping`, or None.
    """

    def __init__(self, folder, events, early_stopping=None):
        super().__init__()
        self.checkpoint, self.curves = folder / "checkpoint.npz", folder / "curves.csv"
        self.events, self.early_stopping = events, early_stopping
        self.rows, self.stopped = [], False
        self._counted, self._best_weights = {}, None

    def restore(self, model):
        """Puts the state of an unfinished training back into a newly built model.

        Returns:
            The number of epochs done, 0 where there is nothing yet; the rest of what was kept is
            in `rows` and `stopped`.

        Raises:
            BadInput: The checkpoint is damaged.
        """
        if self.checkpoint.exists():
            try:
                numbers, arrays = training_state.load(self.checkpoint, model)
            except ValueError as error:
                raise BadInput(f"{error} Begin anew with --overwrite.") from None
            self.rows, self.stopped = numbers["rows"], numbers["stopped"]
            self._counted = numbers["early_stopping"]
            self._best_weights = [arrays[str(i)] for i in range(len(arrays))] or None
        return len(self.rows)

    def on_train_begin(self, logs=None):  # noqa: ARG002
        """Gives early stopping back what it had counted; it has just forgotten."""
        for name, value in self._counted.items():
            setattr(self.early_stopping, name, value)
        if self.early_stopping:
            self.early_stopping.best_weights = self._best_weights
        self._began = time.monotonic() - (self.rows[-1]["seconds"] if self.rows else 0.0)

    def on_epoch_begin(self, epoch, logs=None):  # noqa: ARG002
        """Notes the learning rate that this epoch begins with."""
        self._learning_rate = float(self.model.optimizer.learning_rate)

    def on_epoch_end(self, epoch, logs=None):
        """Records the epoch.

        Raises:
            RunFailed: The loss is NaN or infinite; the last good state stays in the checkpoint.
        """
        row = {
            "epoch": epoch + 1,
            "loss": logs["loss"],
            "accuracy": logs["accuracy"],
            "validation_loss": logs["val_loss"],
            "validation_accuracy": logs["val_accuracy"],
            "learning_rate": self._learning_rate,
            "seconds": round(time.monotonic() - self._began, 3),
        }
        self.rows.append(row)
        self._write_curves()
        self.events.epochs([row], "validation_accuracy", "max")
        for name in ("loss", "validation_loss"):
            if not math.isfinite(row[name]):
                raise RunFailed(
                    f"the {name.replace('_', ' ')} became {row[name]} in epoch {epoch + 1}:"
                    f" the training diverged. Try a smaller --learning-rate."
                )
        self._write_checkpoint()

    def _write_curves(self):
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        files.write_atomically(self.curves, text.getvalue())

    def _write_checkpoint(self):
        numbers = {"rows": self.rows, "stopped": self.model.stop_training, "early_stopping": {}}
        best_weights = []
        if self.early_stopping:
            numbers["early_stopping"] = {n: getattr(self.early_stopping, n) for n in COUNTED}
            best_weights = self.early_stopping.best_weights or []
        arrays = {str(i): weights for i, weights in enumerate(best_weights)}
        training_state.save(self.checkpoint, self.model, numbers, arrays)
