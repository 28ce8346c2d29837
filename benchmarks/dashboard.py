"""A search of 1,000 trials in TensorBoard: how long until it is drawn, served, and seen.

You will see seconds for writing what the search found; from the start of `make tensorboard` until
all rows have their objective; and, where Debian's Chromium is installed, from opening a link until
the page shows what it should.

    python -m benchmarks.dashboard

It takes about a minute on two cores. The goal is that 1,000 trials are served within 10 seconds.
"""

import tempfile
import time
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from tests.tuning import made_up_records
from tests.tuning.dashboard.browser import Browser, missing
from tests.tuning.dashboard.served import Served
from tuning.analysis import read
from tuning.dashboard import links
from tuning.dashboard.findings import PICTURES, write_findings

TRIALS = 1000
SECONDS_GOAL = 10.0


def main():
    """Times each step once and prints the table.

    Returns:
        `{step: seconds}`.
    """
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder) / "search"
        made_up_records.write(folder, TRIALS, in_tensorboard=True)
        start = time.perf_counter()
        write_findings(folder)
        seconds["found, told and drawn"] = time.perf_counter() - start
        start = time.perf_counter()
        server = Served(folder)
        scored = len(read(folder).scored)
        server.rows(TRIALS, scored)
        seconds["served, from the start of the program"] = time.perf_counter() - start
        if not missing():
            seconds |= look(server.url, scored)
        server.close()
    report(seconds)
    return seconds


def look(url, scored):
    """Seconds from opening each link until the page shows what it should."""
    browser, seconds = Browser(), {}
    table = links.table(url)
    course, pictures = (links.findings(url, view, ["analysis"]) for view in ("scalars", "images"))
    for text, link, selector, number in (
        ("table", table, "vaadin-grid-cell-content", 50),
        ("course of the search", course, "path.line", 5),
        ("pictures", pictures, "img", len(PICTURES)),
    ):
        start = time.perf_counter()
        browser.open(link)
        browser.wait_for(lambda s=selector, n=number: len(browser.all(s)) >= n, text)
        seconds[f"seen: {text}"] = time.perf_counter() - start
    browser.open(table)
    browser.choose("PARALLEL COORDINATES VIEW")
    start = time.perf_counter()
    browser.allow_rows(TRIALS)
    browser.wait_for(lambda: len(browser.all("g.foreground path")) == scored, f"{scored} lines")
    seconds["seen: all lines in parallel coordinates"] = time.perf_counter() - start
    browser.close()
    return seconds


def report(seconds):
    """Prints the table and whether the goal holds."""
    table = Table(title=f"{TRIALS:,} trials of {made_up_records.EPOCHS} epochs in TensorBoard")
    table.add_column("step")
    table.add_column("seconds", justify="right")
    for step, number in seconds.items():
        table.add_row(step, f"{number:.1f}")
    console = Console()
    console.print(table)
    served = seconds["served, from the start of the program"]
    held = "held" if served <= SECONDS_GOAL else "missed"
    console.print(f"served in {served:.1f} s (goal {SECONDS_GOAL:.0f}: {held})")
    if missing():
        console.print(f"nothing was looked at: {', '.join(missing())} not installed")


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
