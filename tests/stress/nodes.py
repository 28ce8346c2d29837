"""Lets nodes of a cluster join and leave, again and again, in the middle of a search.

A node of Ray's joins the head; as soon as a worker on it has begun, it loses its power. At the end
every trial must have ended once, with the values and the score of a search that nobody disturbed,
and no worker may stay on the cluster.
"""

import itertools
import random
import time

from rich.table import Table

from tests.stress.ends import faults_of, made
from tests.tuning.search_files import rows_of
from tests.tuning.workers import searches
from tests.tuning.workers.nodes import Nodes
from tuning.oracles import RandomOracle

LONGEST = 5.0
"""Seconds, at most, that a node's worker is left to work."""


def main(trials, where, console):
    """Lets nodes join and leave until all trials have ended."""
    folder, undisturbed = made(where, "disturbed", "undisturbed")
    with Nodes() as nodes:
        nodes.start("head")
        with nodes.driver(folder, trials) as driver:
            driver.start()
            left = [len(rows_of(folder)) for _ in departures(nodes, driver, folder)]
            code, said, complaint = driver.end()
            faults = [f"{process} is left" for process in driver.left_over(60)]
    table = Table("nodes that left", "trials after each, at last all")
    table.add_row(str(len(left)), " ".join(map(str, left)))
    console.print(table)
    if code or complaint or said.split() != ["ended"] * trials + ["done"]:
        faults.append(f"the search said {said[-80:]!r}, {complaint!r}, and ended with {code}")
    if not left:
        faults.append("the search was over before a node left")
    oracle = RandomOracle(searches.OBJECTIVE, max_trials=trials, seed=1)
    searches.undisturbed(undisturbed, oracle)
    return faults + faults_of(folder, undisturbed, trials, searches.EPOCHS)


def departures(nodes, driver, folder):
    """Yields whenever a node has left, until the search is over."""
    generator = random.Random(0)
    for number in itertools.count(1):
        nodes.start(str(number))
        if not nodes.wait_for_worker(str(number), driver, folder):
            return
        time.sleep(generator.uniform(0, LONGEST))
        nodes.end(str(number))
        yield
