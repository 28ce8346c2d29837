"""The tables of target."""

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
        f"(validation accuracy {low:.4f} to {high:.4f}), {len(targets)} seeds"
    )
    table.add_column("contender", no_wrap=True)
    for heading in ("reached", "median", "from", "to", "times faster"):
        table.add_column(heading, justify="right", no_wrap=True)
    slowest = next(iter(seconds.values()))
    for name, own in seconds.items():
        reached = sum(map(math.isfinite, own))
        faster = statistics.median(a / b for a, b in zip(slowest, own, strict=True))
        numbers = statistics.median(own), min(own), max(own)
        table.add_row(name, f"{reached} of {len(own)}", *map(_text, numbers), f"{faster:.1f}")
    Console(width=110).print(table)


def report_seed(seconds, target, seed):
    """Prints one line, since a seed takes minutes.

    Args:
        seconds: `{contender: seconds, infinite where it gave up}`.
        target: Validation accuracy.
        seed: Number of the seed, from 1.
    """
    found = ", ".join(f"{name} {_text(own)}" for name, own in seconds.items())
    Console(width=110).print(f"seed {seed}, seconds to {target:.4f}: {found}")


def _text(seconds):
    return f"{seconds:.1f}" if math.isfinite(seconds) else "gave up"
