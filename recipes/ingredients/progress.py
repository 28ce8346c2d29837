"""A progress bar with an ETA on a terminal, plain lines elsewhere."""

import keras
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from recipes.ingredients.command_line import console


class EpochProgress(keras.callbacks.Callback):
    """Shows how far a training is and what its last epoch came to; use it in a `with` block.

    Args:
        epochs: Epochs of the whole training.
        first_epoch: Epochs done before this process.
    """

    def __init__(self, epochs, first_epoch=0):
        super().__init__()
        self.epochs, self.first_epoch = epochs, first_epoch
        self.bar = None

    def on_train_begin(self, logs=None):  # noqa: ARG002
        """Draws the bar, if there is a terminal to draw it on."""
        if console.is_terminal:
            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
            self.bar = Progress(
                "epoch",
                *columns,
                TimeElapsedColumn(),
                "ETA",
                TimeRemainingColumn(),
                console=console,
            )
            self.bar.start()
            self.task = self.bar.add_task("", total=self.epochs, completed=self.first_epoch)

    def on_epoch_end(self, epoch, logs=None):
        """Moves on by one epoch."""
        line = (
            f"loss {logs['loss']:.4f}, validation loss {logs['val_loss']:.4f},"
            f" validation accuracy {logs['val_accuracy']:.4f}"
        )
        if self.bar:
            self.bar.update(self.task, completed=epoch + 1, description=line)
        elif (epoch + 1) % max(1, self.epochs // 20) == 0 or epoch + 1 == self.epochs:
            console.print(f"epoch {epoch + 1}/{self.epochs}: {line}")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        """Leaves the terminal as it was, however the training ended."""
        if self.bar:
            self.bar.stop()
