"""Progress bars with an ETA on a terminal, plain lines elsewhere."""

import keras
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from recipes.ingredients.command_line import console


class _Bar:
    """A bar on a terminal; nothing elsewhere. Use it in a `with` block."""

    def __init__(self, unit, total, done=0):
        self.total, self.done, self.bar = total, done, None
        if console.is_terminal:
            self.bar = Progress(
                unit,
                BarColumn(bar_width=12),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                "ETA",
                TimeRemainingColumn(),
                TextColumn("{task.description}", table_column=Column(no_wrap=True)),
                console=console,
            )

    def __enter__(self):
        if self.bar:
            self.bar.start()
            self.task = self.bar.add_task("", total=self.total, completed=self.done)
        return self

    def __exit__(self, *exception):
        """Leaves the terminal as it was, however the work ended."""
        if self.bar:
            self.bar.stop()

    def advance(self, unit, text):
        """Moves on by one; `text` says what it came to."""
        self.done += 1
        if self.bar:
            first = text.partition(",")[0]  # the whole text does not fit into 80 columns
            self.bar.update(self.task, completed=self.done, description=first)
        elif self.done % max(1, self.total // 20) == 0 or self.done == self.total:
            console.print(f"{unit} {self.done}/{self.total}: {text}", soft_wrap=True)

    def note(self, text):
        """Shows on a terminal what goes on in between."""
        if self.bar:
            self.bar.update(self.task, description=text)


class EpochProgress(_Bar, keras.callbacks.Callback):
    """Shows how far a training is and what its last epoch came to; use it in a `with` block.

    Args:
        epochs: Epochs of the whole training.
        first_epoch: Epochs done before this process.
    """

    def __init__(self, epochs, first_epoch=0):
        keras.callbacks.Callback.__init__(self)
        _Bar.__init__(self, "epoch", epochs, first_epoch)

    def on_epoch_end(self, epoch, logs=None):  # noqa: ARG002
        """Moves on by one epoch."""
        self.advance(
            "epoch",
            f"validation accuracy {logs['val_accuracy']:.4f}, loss {logs['loss']:.4f},"
            f" validation loss {logs['val_loss']:.4f}",
        )


class TrialProgress(_Bar):
    """Shows how far a search is and its best score so far; use it in a `with` block.

    Args:
        trials: Trials of the whole search.
        ended: `TrialRecord`s of those that ended before this process.
        done: How many trials that were; one that Hyperband trains on is a trial again.
    """

    def __init__(self, trials, ended=(), done=0):
        super().__init__("trial", trials, done)
        self.best = max((trial.score for trial in ended if trial.score is not None), default=None)

    def ended(self, record):
        """Moves on by one trial.

        Args:
            record: `TrialRecord` of the trial that ended.
        """
        if record.score is not None and (self.best is None or record.score > self.best):
            self.best = record.score
        score = f"{record.score:.4f}" if record.score is not None else record.status.lower()
        best = "none" if self.best is None else f"{self.best:.4f}"
        self.advance("trial", f"best {best}, this one {score}")

    def epoch_ended(self, training):
        """Shows how far a stack is.

        Args:
            training: Its `StackTraining`.
        """
        best = "" if self.best is None else f"best {self.best:.4f}, "
        epochs = f"epoch {training.next_epoch}/{training.epochs}"
        self.note(f"{best}{len(training.members)} at a time: {epochs}")


class ClaimProgress(_Bar):
    """Shows how many of the claims' recipes have run; use it in a `with` block.

    Args:
        recipes: How many there are.
    """

    def __init__(self, recipes):
        super().__init__("recipe", recipes)
