"""Ends a search with workers in each way that a search can end, again and again; it goes on.

Its process is killed, told to end by SIGTERM, interrupted by Ctrl-C, and left without room on the
disk, each when some trials have ended, and the signals also while it starts. No process and no
temporary file may stay; at the end every trial must have ended once, with the values and the score
of a search that nobody disturbed.
"""

import collections
import itertools
import random
import signal
import time

from rich.table import Table

from tests.stress.ends import faults_of, made
from tests.tuning.search_files import rows_of
from tests.tuning.workers import searches
from tests.tuning.workers.processes import Driver
from tuning.oracles import RandomOracle

WAYS = {
    "SIGKILL": (Driver.kill, -signal.SIGKILL),
    "SIGTERM": (Driver.terminate, 128 + signal.SIGTERM),
    "Ctrl-C": (Driver.interrupt, -signal.SIGINT),
    "full disk": (Driver.fill_disk, 1),
}
"""What is done to a search, and the exit code that it ends with."""
TURNS = [(way, False) for way in WAYS] + [(way, True) for way in ("SIGKILL", "SIGTERM", "Ctrl-C")]
"""In turn: the way, and whether it is taken while the search starts."""
MOST_TRIALS = 24
"""How many trials, at most, end in between."""
LONGEST_START = 10.0
"""Seconds; a start is ended at some moment within."""


def main(trials, where, console):
    """Ends a search again and again, until all its trials have ended."""
    folder, undisturbed = made(where, "disturbed", "undisturbed")
    faults, left, generator = [], collections.defaultdict(list), random.Random(0)
    with Driver(folder, trials) as driver:
        for way, is_start in itertools.cycle(TURNS):
            if not driver.start(0 if is_start else generator.randint(1, MOST_TRIALS)):
                break
            if is_start:
                time.sleep(generator.uniform(0, LONGEST_START))
            faults += end(driver, way, is_start)
            left[way, is_start].append(len(rows_of(folder)))
        code, _, complaint = driver.end()
    if code:
        faults.append(f"the search ended with {code}: {complaint}")
    if not left:
        faults.append("the search was over before it was ended")
    table = Table("a search with workers", "moment", "times", "trials after each, at last all")
    for (way, is_start), counts in left.items():
        moment = "start" if is_start else "search"
        table.add_row(way, moment, str(len(counts)), " ".join(map(str, counts)))
    console.print(table)
    oracle = RandomOracle(searches.OBJECTIVE, max_trials=trials, seed=1)
    searches.undisturbed(undisturbed, oracle)
    return faults + faults_of(folder, undisturbed, trials, searches.EPOCHS)


def end(driver, way, is_start):
    """Ends a search in one way; returns what of it should not be."""
    do, expected = WAYS[way]
    do(driver)
    code, _, complaint = driver.end()
    is_right = code != 0 if is_start else code == expected
    faults = [] if is_right else [f"after {way} the search ended with {code}: {complaint}"]
    if left := driver.left_over(60):
        faults.append(f"after {way} there is still {left}")
    return faults
