"""Kills searches with SIGKILL at 50 random moments, and compares their ends with undisturbed ones.

    make stress
    python -m tests.stress.kills 10     # so many kills

Five strategies take the kills in turn, each on a search of 150 trials. After every kill no trial
may stand twice in the files; at the end trials, scores and curves must be those of a search that
nobody disturbed. Takes about six minutes.
"""

import collections
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.tuning.made_up_search import tuner_in
from tests.tuning.search_files import results_of, rows_of
from tests.tuning.test_killed import program

STRATEGIES = ("random", "hyperband", "coarse_to_fine", "by_priority", "bayesian")
TRIALS, PAUSE = 150, 0.01
LONGEST = 1.5
"""Seconds after its beginning in which a search is killed; the beginning itself included."""


def kill_again_and_again(folder, strategy, kills, generator):
    """Starts a search and kills it, `kills` times; returns how many trials each kill left."""
    left = []
    for _ in range(kills):
        search = program(folder, strategy, TRIALS, PAUSE)
        time.sleep(generator.uniform(0.0, LONGEST))
        search.send_signal(signal.SIGKILL)
        search.communicate()
        names = collections.Counter(row["trial"] for row in rows_of(folder))
        repeated = [name for name, count in names.items() if count > 1]
        if repeated:
            sys.exit(f"{strategy}: trials {repeated} stand twice in {folder}")
        left.append(len(names))
    return left


def main(kills):
    """Runs all strategies; exits with 1 if one search ends differently."""
    generator, failed = random.Random(0), False
    table = Table("strategy", "kills", "trials after each kill", "end equals the undisturbed one")
    for number, strategy in enumerate(STRATEGIES):
        share = kills // len(STRATEGIES) + (number < kills % len(STRATEGIES))
        folder, undisturbed = (Path(tempfile.mkdtemp()) for _ in range(2))
        left = kill_again_and_again(folder, strategy, share, generator)
        for each in (folder, undisturbed):
            tuner_in(each, strategy, TRIALS).search(verbose=0)
        is_equal = results_of(folder) == results_of(undisturbed)
        failed |= not is_equal
        table.add_row(strategy, str(share), " ".join(map(str, left)), "yes" if is_equal else "NO")
        if is_equal:
            shutil.rmtree(folder)
            shutil.rmtree(undisturbed)
        else:
            print(f"{strategy}: {folder} differs from {undisturbed}")
    Console(width=120).print(table)
    sys.exit(int(failed))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
