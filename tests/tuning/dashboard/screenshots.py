"""The README's pictures of the dashboard: `python -m tests.tuning.dashboard.screenshots RUNS INTO`.

It serves what is under a folder and takes what a person sees behind the links that are printed.
"""

import re
import sys
import time
from pathlib import Path

from tests.tuning.dashboard.browser import Browser, missing
from tests.tuning.dashboard.served import Served

SECONDS_TO_SETTLE = 2.0  # lines and pictures slide into their places


def main(runs, into):
    """Takes the pictures.

    Args:
        runs: Folder of the runs.
        into: Existing folder for the PNG files.
    """
    if missing():
        sys.exit(f"error: {', '.join(missing())} must be installed (Debian: chromium-driver).")
    server, browser = Served(runs), Browser(1500, 900)
    try:
        take(browser, server.printed, Path(into))
    finally:
        browser.close()
        server.close()


def take(browser, printed, into):
    """Opens each view and takes its picture once all of it is there."""

    def link(text):
        return re.search(rf"{text}.*?(http\S+)", printed)[1]

    def settle(count, name):
        browser.wait_for(lambda: count() > 0, name)
        time.sleep(SECONDS_TO_SETTLE)
        browser.picture(into / f"{name}.png")

    browser.open(link("all rows"))
    browser.choose("PARALLEL COORDINATES VIEW")
    settle(lambda: browser.drawn("g.foreground path"), "hparams")
    browser.open(link("course of each search"))
    settle(lambda: browser.drawn("path.line"), "course")
    browser.open(link("pictures of each search"))
    settle(lambda: browser.drawn("img"), "findings")


if __name__ == "__main__":
    main(*sys.argv[1:])
