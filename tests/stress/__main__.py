"""Every fault of `make test` again, many times over, on larger searches.

    make stress                                   # about 12 minutes on two idle cores
    make stress ARGS="--trials 400"               # a smaller one
    make stress ARGS="--only drivers nodes"

Each part prints what happened; faults, if any, come last, and the exit code is 1. A part is a
module whose `main(size, where, console)` takes its size, an empty folder for its searches' files
and where to print its table, and returns a list of faults.
"""

import dataclasses
import shutil
import tempfile
import time
from typing import Literal

from recipes.ingredients.command_line import console, run
from recipes.ingredients.errors import BadInput, RunFailed
from tests.stress import drivers, kills, memory, nodes, workers


@dataclasses.dataclass(frozen=True)
class Settings:
    """Repeats every fault that a search must survive."""

    kills: int = 50
    """How often searches in one process are killed, 5 or more."""
    trials: int = 6_000
    """Trials of the search whose workers have troubles, 400 or more; other searches with workers
    have their shares of it, as many as their faults need at least."""
    only: tuple[Literal["kills", "workers", "memory", "drivers", "nodes"], ...] = ()
    """The parts to run; by default all."""

    def __post_init__(self):
        """Refuses values outside their range."""
        for name, least in (("kills", 5), ("trials", 400)):
            if not getattr(self, name) >= least:
                received = f"{name}={getattr(self, name)}"
                raise BadInput(f"{name} must be {least} or more. Received: {received}.")


def main(settings):
    """Runs the parts; leaves the process with 1 if there are faults, and their files for a look."""
    parts = {
        "kills": (kills, settings.kills),
        "workers": (workers, settings.trials),
        "memory": (memory, max(16, settings.trials // 200)),
        "drivers": (drivers, max(40, settings.trials // 40)),
        "nodes": (nodes, max(240, settings.trials // 10)),
    }
    faults = []
    for name in settings.only or parts:
        part, size = parts[name]
        folder, began = tempfile.mkdtemp(prefix="stress-"), time.monotonic()
        found = part.main(size, folder, console)
        console.print(f"{name}: {len(found)} faults in {time.monotonic() - began:.0f} s\n")
        faults += [f"{name}: {fault} (look into {folder})" for fault in found]
        if not found:
            shutil.rmtree(folder)
    if faults:
        raise RunFailed("\n".join(faults))


if __name__ == "__main__":
    run(main, Settings)
