"""Every fault of `make test` again, many times over, on larger searches.

    make stress                                   # about 15 minutes on two idle cores
    make stress ARGS="--trials 400"               # a smaller one
    make stress ARGS="--only drivers nodes"

Each part prints what happened; faults, if any, come last, and the exit code is 1.
"""

import dataclasses
import sys
import time
from typing import Literal

from recipes.ingredients.command_line import console, run
from tests.stress import drivers, kills, memory, nodes, workers


@dataclasses.dataclass(frozen=True)
class Settings:
    """Repeats every fault that a search must survive."""

    kills: int = 50
    """How often searches in one process are killed, 5 or more."""
    trials: int = 3_000
    """Trials of the search whose workers have troubles, 400 or more; other searches with workers
    have their shares of it."""
    only: tuple[Literal["kills", "workers", "memory", "drivers", "nodes"], ...] = ()
    """The parts to run; by default all."""


def main(settings):
    """Runs the parts; leaves the process with 1 if there are faults."""
    parts = {
        "kills": lambda: kills.main(settings.kills, console),
        "workers": lambda: workers.main(settings.trials, console),
        "memory": lambda: memory.main(settings.trials // 100, console),
        "drivers": lambda: drivers.main(settings.trials // 20, console),
        "nodes": lambda: nodes.main(settings.trials // 5, console),
    }
    faults = []
    for name in settings.only or parts:
        began = time.monotonic()
        found = parts[name]()
        console.print(f"{name}: {len(found)} faults in {time.monotonic() - began:.0f} s\n")
        faults += [f"{name}: {fault}" for fault in found]
    if faults:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    run(main, Settings)
