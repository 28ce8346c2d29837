"""Lets workers run out of memory, again and again: their trials are tried again, fewer at a time.

A worker may take little memory, as in a small container, and is handed more trials than fit in. It
ends, and others take halves. At the end every trial must have ended once, with the values and the
score of a search that had all the memory it wanted.
"""

from rich.table import Table

from tests.stress.ends import faults_of, made
from tests.tuning.workers import searches
from tuning import StackedTuner, WorkersTuner
from tuning.oracles import RandomOracle
from tuning.workers import cluster

WORKERS, STACK = 2, 16


def main(trials, where, console):
    """Searches with too little memory."""
    folder, undisturbed = made(where, "disturbed", "undisturbed")
    with cluster(WORKERS):
        search(folder, WorkersTuner, trials)
    search(undisturbed, StackedTuner, trials)
    processes = len(searches.processes_of(folder))
    table = Table("trials that need much memory", "handed out by", "workers that ran out of it")
    table.add_row(str(trials), str(STACK), str(processes - WORKERS))
    console.print(table)
    faults = faults_of(folder, undisturbed, trials, searches.EPOCHS)
    if processes <= WORKERS:
        faults.append("no worker ran out of memory")
    return faults


def search(folder, kind, trials):
    """The search, with workers or without."""
    oracle = RandomOracle(searches.OBJECTIVE, max_trials=trials, seed=1)
    hypermodel = searches.Hungry(folder)
    how = {"oracle": oracle, "hypermodel": hypermodel, "stack_size": STACK}
    searches.search(searches.tuner_in(folder, kind, **how))
