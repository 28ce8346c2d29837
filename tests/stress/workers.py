"""Thousands of tiny trials over two workers, to which something happens every few seconds.

One of them is killed, or both are, or one is stopped and says no more. Afterwards a search with
workers is killed itself, again and again, with what its workers were at.

    make stress
    python -m tests.stress.workers 300     # so many trials

Every trial must end exactly once, with its whole curve, and no trial may fail; the memory of the
driver must not grow but by what it keeps of each trial. Takes about eight minutes.
"""

import collections
import contextlib
import csv
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from signal import SIGKILL, SIGSTOP

from rich.console import Console
from rich.table import Table

from tests.tuning.workers import searches
from tuning.oracles import RandomOracle
from tuning.workers import cluster

SHORTEST, LONGEST = 5.0, 12.0
"""Seconds between troubles; a new worker needs some five before it trains."""
TROUBLES = ("one killed",) * 4 + ("all killed", "one stopped")
STACK_SECONDS = 20.0
"""How long a worker may say nothing."""
DRIVER_KILLS = 8
EPOCHS = 2
MOST_GROWTH = 100
"""KiB that the driver may grow by with each trial."""


def main(trials):
    """Runs both searches; exits with 1 if something is lost, repeated, failed, or grows."""
    soak(trials)
    kill_drivers(min(trials, 200))


def soak(trials):
    """A search whose workers have troubles."""
    folder, ended, memory = Path(tempfile.mkdtemp()), collections.Counter(), []

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
    statuses, epochs = ends_of(folder)
    quarter = len(memory) // 4
    growth = (memory[-1] - memory[quarter]) / max(1, len(memory) - quarter)
    is_whole = (
        statuses == {"COMPLETED": trials}
        and ended == dict.fromkeys(ended, 1)
        and len(ended) == trials
        and epochs == dict.fromkeys(ended, EPOCHS)
    )
    table = Table(
        "trials", "workers", "seconds", "ended", "driver's MiB, by quarters", "KiB a trial"
    )
    quarters = " ".join(f"{memory[min(i * quarter, len(memory) - 1)] / 1024:.0f}" for i in range(5))
    ends, had = (
        ", ".join(f"{count} {name}" for name, count in counts.items())
        for counts in (statuses, troubles.had)
    )
    table.add_row(f"{trials:,}", had, f"{seconds:.0f}", ends, quarters, f"{growth:.1f}")
    Console(width=120).print(table)
    if not is_whole or growth > MOST_GROWTH or not troubles.had:
        sys.exit(f"something is lost, repeated or grows: look into {folder}")
    shutil.rmtree(folder)


def kill_drivers(trials):
    """A search with workers that is killed at random moments, and goes on each time."""
    folder, generator, left = Path(tempfile.mkdtemp()), random.Random(0), []
    command = [sys.executable, "-m", "tests.tuning.workers.searches", folder, str(trials)]
    for _ in range(DRIVER_KILLS):
        driver = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        time.sleep(generator.uniform(10.0, 25.0))
        driver.kill()
        driver.wait()
        left.append(sum(ends_of(folder)[0].values()))
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    statuses, epochs = ends_of(folder)
    print(f"trials after each of {DRIVER_KILLS} kills of the driver: {left}; then {dict(statuses)}")
    if statuses != {"COMPLETED": trials} or epochs != dict.fromkeys(epochs, searches.EPOCHS):
        sys.exit(f"something is lost or repeated: look into {folder}")
    shutil.rmtree(folder)


def ends_of(folder):
    """How many trials ended in each way, and how many epochs each trial's curve has."""
    statuses = collections.Counter(row["status"] for row in rows_of(folder / "search/trials.csv"))
    epochs = collections.Counter(row["trial"] for row in rows_of(folder / "search/curves.csv"))
    return statuses, epochs


class Troubles:
    """Kills or stops Ray's workers now and then, while the block lasts.

    Args:
        folder: Temporary folder of the workers, by which they are known.

    Attributes:
        had: How often each of `TROUBLES` came.
    """

    def __init__(self, folder):
        self.had, self._mark = collections.Counter(), f"TMPDIR={folder}".encode()
        self._over, self._generator = threading.Event(), random.Random(0)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._over.set()
        self._thread.join()

    def _run(self):
        while not self._over.wait(self._generator.uniform(SHORTEST, LONGEST)):
            if workers := sorted(self._workers()):
                trouble = self._generator.choice(TROUBLES)
                chosen = workers if trouble == "all killed" else [self._generator.choice(workers)]
                for worker in chosen:
                    with contextlib.suppress(ProcessLookupError):  # it has just ended
                        os.kill(worker, SIGSTOP if trouble == "one stopped" else SIGKILL)
                self.had[trouble] += 1

    def _workers(self):
        for path in Path("/proc").glob("[0-9]*"):
            try:
                is_training = (path / "cmdline").read_bytes().startswith(b"ray::train")
                if is_training and self._mark in (path / "environ").read_bytes().split(b"\0"):
                    yield int(path.name)
            except OSError:  # it has just ended
                continue


def resident_kilobytes():
    """How much memory this process has."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def rows_of(path):
    """The rows of a CSV file; none if there is no file yet."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000)
