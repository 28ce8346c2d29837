"""The table of target."""

import math
import statistics

from rich.console import Console
from rich.table import Table


def report(seconds, targets, settings):
    """Prints one row for each contender; the first is the one that the others are compared with.

    Args:
        seconds: `{contender: seconds of each seed, infinite where it gave up}`.
        targets: Validation accuracy of each seed.
        settings: `Settings`.
    """
    low, high = min(targets), max(targets)
    table = Table(
        title=f"seconds to the best of {settings.target_trials} random trials "
        f"(validation accuracy {low:.4f} to {high:.4f}), {settings.seeds} seeds"
    )
    table.add_column("contender", no_wrap=True)
    for heading in ("reached", "median", "from", "to", "times faster"):
        table.add_column(heading, justify="right", no_wrap=True)
    slowest = next(iter(seconds.values()))
    for name, own in seconds.items():
        reached = sum(map(math.isfinite, own))
        faster = statistics.median(a / b for a, b in zip(slowest, own, strict=True))
        numbers = statistics.median(own), min(own), max(own)
        cells = [f"{n:.1f}" if math.isfinite(n) else "gave up" for n in numbers]
        table.add_row(name, f"{reached} of {len(own)}", *cells, f"{faster:.1f}")
    Console(width=110).print(table)
