"""Thousands of tiny trials over two workers, to which something happens every few seconds.

One of them is killed, or both are, or one is stopped and says no more. Every trial must end exactly
once, with its whole curve, and the values and the score of a search that nobody disturbed; the
memory of the driver must not grow but by what it keeps of each trial.
"""

import collections
import contextlib
import os
import random
import threading
import time
from pathlib import Path
from signal import SIGKILL, SIGSTOP

from rich.table import Table

from tests.stress.ends import faults_of, made
from tests.tuning.workers import searches
from tests.tuning.workers.processes import processes_with
from tuning.oracles import RandomOracle
from tuning.workers import cluster

SHORTEST, LONGEST = 5.0, 12.0
"""Seconds between troubles; a new worker needs some five before it trains."""
TROUBLES = ("one killed",) * 4 + ("all killed", "one stopped")
STACK_SECONDS = 20.0
"""How long a worker may say nothing."""
EPOCHS = 2
MOST_GROWTH = 100
"""KiB that the driver may grow by with each trial."""


def main(trials, where, console):
    """A search whose workers have troubles."""
    folder, undisturbed = made(where, "disturbed", "undisturbed")
    ended, memory = collections.Counter(), []

    def note(record):
        ended[record.trial] += 1
        memory.append(resident_kilobytes())

    oracle = RandomOracle(searches.OBJECTIVE, max_trials=trials, seed=1)
    how = {"stack_size": 64, "checkpoints": 2, "stack_seconds": STACK_SECONDS}
    tuner = searches.tuner_in(folder, oracle=oracle, on_trial=note, **how)
    began = time.monotonic()
    with cluster(2), Troubles(os.environ["TMPDIR"]) as troubles:
        searches.search(tuner, EPOCHS)
    seconds = time.monotonic() - began
    growth = growth_of(memory)
    table = Table("trials", "workers", "seconds", "driver's MiB, by quarters", "KiB a trial")
    quarters = [memory[round(part / 4 * (len(memory) - 1))] / 1024 for part in range(5)]
    table.add_row(
        f"{trials:,}",
        ", ".join(f"{count} times {name}" for name, count in troubles.had.items()),
        f"{seconds:.0f}",
        " ".join(f"{quarter:.0f}" for quarter in quarters),
        f"{growth:.1f}",
    )
    console.print(table)
    oracle = RandomOracle(searches.OBJECTIVE, max_trials=trials, seed=1)
    searches.undisturbed(undisturbed, oracle, epochs=EPOCHS)
    faults = faults_of(folder, undisturbed, trials, EPOCHS)
    if growth > MOST_GROWTH:
        faults.append(f"the driver grows by {growth:.1f} KiB a trial")
    if ended != collections.Counter(ended.keys()) or len(ended) != trials:
        faults.append(f"{len(ended)} trials were told of, {ended.total()} times")
    if not troubles.had:
        faults.append("the workers had no troubles")
    return faults


def growth_of(memory):
    """KiB by which the driver grows with each trial, the first quarter of them apart."""
    quarter = len(memory) // 4
    return (memory[-1] - memory[quarter]) / (len(memory) - quarter)


class Troubles:
    """Kills or stops Ray's workers now and then, while the block lasts.

    Args:
        folder: Temporary folder of the workers, by which they are known.

    Attributes:
        had: How often each of `TROUBLES` came.
    """

    def __init__(self, folder):
        self.had, self._mark = collections.Counter(), f"TMPDIR={folder}"
        self._over, self._generator = threading.Event(), random.Random(0)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._over.set()
        self._thread.join()

    def _run(self):
        pause = 1.0  # until there are workers
        while not self._over.wait(pause):
            if workers := sorted(self._workers()):
                pause = self._generator.uniform(SHORTEST, LONGEST)
                trouble = self._generator.choice(TROUBLES)
                chosen = workers if trouble == "all killed" else [self._generator.choice(workers)]
                for worker in chosen:
                    with contextlib.suppress(ProcessLookupError):  # it has just ended
                        os.kill(worker, SIGSTOP if trouble == "one stopped" else SIGKILL)
                self.had[trouble] += 1

    def _workers(self):
        for worker in processes_with(self._mark):
            with contextlib.suppress(OSError):  # it has just ended
                if Path(f"/proc/{worker}/cmdline").read_bytes().startswith(b"ray::train"):
                    yield worker


def resident_kilobytes():
    """How much memory this process has."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
