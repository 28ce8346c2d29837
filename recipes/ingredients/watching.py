"""A training as a person watches it: lines, and on a terminal its loss, knobs and latest advice."""

import math

from rich.live import Live
from rich.table import Table

from recipes.ingredients.command_line import console
from tuning.panda.knobs import shown

BARS = "▁▂▃▄▅▆▇█"
NO_NUMBER = "!"


class Watching:
    """Shows a training while it runs; use it in a `with` block.

    Attributes:
        training: The `Babysitter`, once there is one.
    """

    def __init__(self):
        self.training, self._live = None, None
        if console.is_terminal:
            self._live = Live(get_renderable=self.view, console=console, transient=True)

    def __enter__(self):
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *exception):
        """Leaves the terminal as it was, however the training ended."""
        if self._live:
            self._live.stop()

    def say(self, text):
        """Prints a line, above the view if there is one."""
        console.print(text, soft_wrap=True)

    def view(self):
        """What is on the screen now."""
        training, table = self.training, Table.grid(padding=(0, 1))
        if not training or not training.curve.losses:
            table.add_row("compiling ...")
            return table
        losses = list(training.curve.losses)
        width = max(10, console.width - 30)
        table.add_row("loss", f"{sparkline(losses, width)} {losses[-1]:.4g}")
        epoch = min(training.course.epoch + 1, training.epochs)
        done = f"epoch {epoch}/{training.epochs}, step {training.step:,}"
        table.add_row("at", done)
        table.add_row("knobs", shown(training.knobs))
        table.add_row("advice", training.advice or "none")
        return table


def sparkline(values, width):
    """A curve as one line of text, on a logarithmic scale; what is no number is a !.

    Args:
        values: List of numbers.
        width: Most characters.
    """
    size = -(-len(values) // width) or 1
    blocks = [values[start : start + size] for start in range(0, len(values), size)]
    means = [sum(block) / len(block) for block in blocks]
    logs = [math.log(m) if m > 0 and math.isfinite(m) else None for m in means]
    known = [each for each in logs if each is not None]
    if not known:
        return NO_NUMBER * len(means)
    low, high = min(known), max(known)
    steps = (len(BARS) - 1) / (high - low) if high > low else 0
    return "".join(
        NO_NUMBER if each is None else BARS[round((each - low) * steps)] for each in logs
    )
