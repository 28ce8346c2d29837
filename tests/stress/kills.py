"""Kills searches with SIGKILL at random moments, and compares their ends with undisturbed ones.

Five strategies take the kills in turn, each on a search of 150 trials. After every kill no trial
may stand twice in the files; at the end trials, scores and curves must be those of a search that
nobody disturbed.
"""

import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor

from rich.table import Table

from tests.stress.ends import made
from tests.tuning.made_up_search import tuner_in
from tests.tuning.search_files import results_of, rows_of
from tests.tuning.test_killed import program

STRATEGIES = ("random", "hyperband", "coarse_to_fine", "by_priority", "bayesian")
TRIALS, PAUSE = 150, 0.01
AT_A_TIME = 2
"""Searches that are killed side by side."""
LONGEST = 1.5
"""Seconds after its beginning in which a search is killed; the beginning itself included."""


def main(kills, where, console, trials=TRIALS):
    """Kills searches of all strategies."""
    table = Table("strategy", "kills", "trials after each kill", "end equals the undisturbed one")
    shares = [len(range(first, kills, len(STRATEGIES))) for first in range(len(STRATEGIES))]
    folders = made(where, *STRATEGIES)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        several = [trials] * len(STRATEGIES)
        left = [*pool.map(kill_again_and_again, folders, STRATEGIES, shares, several)]
    faults = []
    for strategy, folder, counts in zip(STRATEGIES, folders, left, strict=True):
        (undisturbed,) = made(where, f"{strategy}-undisturbed")
        for each in (folder, undisturbed):
            tuner_in(each, strategy, trials).search(verbose=0)
        is_equal = results_of(folder) == results_of(undisturbed)
        if not is_equal:
            faults.append(f"{strategy}: {folder} differs from {undisturbed}")
        if None in counts:
            faults.append(f"{strategy}: a trial stood twice in {folder} after a kill")
        said = " ".join("twice" if count is None else str(count) for count in counts)
        table.add_row(strategy, str(len(counts)), said, "yes" if is_equal else "NO")
    console.print(table)
    return faults


def kill_again_and_again(folder, strategy, kills, trials):
    """Starts a search and kills it, `kills` times.

    Returns:
        List of how many trials each kill left; None where one stood twice.
    """
    generator, left = random.Random(strategy), []
    for _ in range(kills):
        search = program(folder, strategy, trials, PAUSE)
        time.sleep(generator.uniform(0.0, LONGEST))
        search.send_signal(signal.SIGKILL)
        search.communicate()
        names = [row["trial"] for row in rows_of(folder)]
        left.append(len(names) if len({*names}) == len(names) else None)
    return left
