"""What a watched training leaves to look at: `curves.csv`, and its run in TensorBoard."""

import csv
import io

from tuning.files import write_atomically
from tuning.panda.knobs import NUMBERS

POINTS_AN_EPOCH = 20


class Records:
    """The epochs of a training, each a "day", whether they were undone later or not.

    Args:
        folder: Run directory, for `curves.csv`.
        events: `tuning.dashboard.EventFile`, or None.

    Attributes:
        days: One dict for each epoch in the order they were trained.
    """

    def __init__(self, folder, events):
        self._path, self._events = folder / "curves.csv", events
        self.days = []

    @property
    def size(self):
        """Bytes of the event file."""
        return self._events.size if self._events else 0

    def take_up(self, days, size):
        """Takes in what an earlier process did, until the moment that is gone on from.

        Args:
            days: What `days` was.
            size: What `size` was; what the event file has beyond is written again.
        """
        self.days = days
        if self._events:
            self._events.cut(size)

    def epoch(self, row, curve):
        """Notes a day.

        Args:
            row: What it came to.
            curve: `LossCurve`.
        """
        since = self.days[-1]["step"] if self.days else 0
        self.days.append(row)
        text = io.StringIO()
        columns = {name: name.replace("val_", "validation_") for name in self.days[0]}
        writer = csv.DictWriter(text, list(columns), restval="", lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(self.days)
        write_atomically(self._path, text.getvalue())
        if self._events:
            points = zip(curve.steps, curve.losses, strict=True)
            points = [point for point in points if point[0] > since]
            self._events.curve("loss/step", points[:: max(1, len(points) // POINTS_AN_EPOCH)])
            shown = {k: v for k, v in row.items() if k not in ("day", "step", *NUMBERS)}
            objective = "val_accuracy" if "val_accuracy" in row else "loss"
            direction = "max" if objective == "val_accuracy" else "min"
            self._events.epochs([shown | {"epoch": row["step"]}], objective, direction)

    def entry(self, entry, before):
        """Notes an intervention: a text, and a step in the curves of the knobs.

        Args:
            entry: `Entry`.
            before: The knobs before it.
        """
        if not self._events:
            return
        self._events.text("journal", entry.sentence(), entry.step)
        for knobs in (before, entry.knobs):
            values = {f"knobs/{name}": value for name, value in knobs.items()}
            self._events.scalars(entry.step, values)

    def line(self, row, epochs):
        """A day as a line for a person."""
        parts = [f"epoch {row['epoch']}/{epochs}", f"loss {row['loss']:.4f}"]
        if "val_loss" in row:
            parts.append(f"validation loss {row['val_loss']:.4f}")
        if "val_accuracy" in row:
            parts.append(f"accuracy {row['val_accuracy']:.4f}")
        return ", ".join(parts)
