"""Cost per trial and peak memory as the number of trials grows, each in a process of its own."""

import re
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.stacked import ours
from benchmarks.stacked.processes import new_process
from benchmarks.stacked.workload import make_workload

STATUS = Path("/proc/self/status")


def run(scope, settings):
    """Searches with each number of trials and prints the table.

    Args:
        scope: `SpaceSettings`.
        settings: `Settings`.

    Returns:
        `{trials: (seconds, megabytes before, megabytes at most)}`.
    """
    rows = {}
    for trials in settings.scale_trials:
        with new_process() as process:
            rows[trials] = process.submit(one_search, scope, trials, settings.epochs).result()
    report(rows)
    return rows


def one_search(scope, trials, epochs):
    """Seconds of one search, and the process's peak memory in MB before and after it."""
    work = make_workload(scope, trials, epochs)
    before = peak_megabytes()
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        ours.random_search(work, work.drawn, folder)
        return time.perf_counter() - began, before, peak_megabytes()


def peak_megabytes():
    """The most memory that the process has had; NaN where the system does not tell.

    `getrusage` would count what the parent process had when it started this one.
    """
    text = STATUS.read_text() if STATUS.exists() else ""
    found = re.search(r"VmHWM:\s+(\d+) kB", text)
    return int(found[1]) / 1024 if found else float("nan")


def report(rows):
    """Prints one row for each number of trials."""
    table = Table(title="ours, default space: seconds a trial and memory as trials grow")
    headings = "trials", "seconds", "seconds a trial", "MB before the search", "MB at most"
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for trials, (seconds, before, most) in rows.items():
        row = f"{trials:,}", f"{seconds:.1f}", f"{seconds / trials:.4f}"
        table.add_row(*row, f"{before:,.0f}", f"{most:,.0f}")
    Console(width=110).print(table)
