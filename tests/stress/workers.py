"""Thousands of tiny trials over two workers, one of which is killed every few seconds.

    make stress
    python -m tests.stress.workers 300     # so many trials

Every trial must end exactly once, with its whole curve, and no trial may fail; the memory of the
driver must not grow but by what it keeps of each trial. Takes about four minutes.
"""

import collections
import csv
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.tuning.workers import searches
from tuning.oracles import RandomOracle
from tuning.workers import cluster

SHORTEST, LONGEST = 5.0, 12.0
"""Seconds between kills; a new worker needs some five before it trains."""
EPOCHS = 2
MOST_GROWTH = 100
"""KiB that the driver may grow by with each trial."""


def main(trials):
    """Runs the search; exits with 1 if something is lost, repeated, failed, or grows."""
    folder, ended, memory = Path(tempfile.mkdtemp()), collections.Counter(), []

    def note(record):
        ended[record.trial] += 1
        memory.append(resident_kilobytes())

    oracle = RandomOracle(searches.OBJECTIVE, max_trials=trials, seed=1)
    tuner = searches.tuner_in(folder, oracle=oracle, on_trial=note, stack_size=64, checkpoints=2)
    began = time.monotonic()
    with cluster(2), Killer(os.environ["TMPDIR"]) as killer:
        searches.search(tuner, EPOCHS)
    seconds = time.monotonic() - began
    statuses = collections.Counter(row["status"] for row in rows_of(folder / "search/trials.csv"))
    epochs = collections.Counter(row["trial"] for row in rows_of(folder / "search/curves.csv"))
    quarter = len(memory) // 4
    growth = (memory[-1] - memory[quarter]) / max(1, len(memory) - quarter)
    is_whole = (
        statuses == {"COMPLETED": trials}
        and ended == dict.fromkeys(ended, 1)
        and len(ended) == trials
        and epochs == dict.fromkeys(ended, EPOCHS)
    )
    table = Table("trials", "kills", "seconds", "ended", "driver's MiB, by quarters", "KiB a trial")
    quarters = " ".join(f"{memory[min(i * quarter, len(memory) - 1)] / 1024:.0f}" for i in range(5))
    ends = ", ".join(f"{count} {status}" for status, count in statuses.items())
    table.add_row(
        f"{trials:,}", str(killer.kills), f"{seconds:.0f}", ends, quarters, f"{growth:.1f}"
    )
    Console(width=120).print(table)
    if not is_whole or growth > MOST_GROWTH or not killer.kills:
        print(f"something is lost, repeated or grows: look into {folder}")
        sys.exit(1)
    shutil.rmtree(folder)


class Killer:
    """Kills one of Ray's workers now and then, while the block lasts.

    Args:
        folder: Temporary folder of the workers, by which they are known.
    """

    def __init__(self, folder):
        self.kills, self._mark = 0, f"TMPDIR={folder}".encode()
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
                os.kill(self._generator.choice(workers), signal.SIGKILL)
                self.kills += 1

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
    """The rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000)
