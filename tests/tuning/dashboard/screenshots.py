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
    choose_logarithm(browser, "learning_rate")
    settle(lambda: browser.drawn("g.foreground path"), "hparams")
    browser.open(link("course of each search"))
    settle(lambda: browser.drawn("path.line"), "course")


def choose_logarithm(browser, name):
    """Gives a hyperparameter the logarithmic axis that it is searched on."""

    def buttons():
        found = browser.all(f"#logScaleButton_{name}")
        return [button for button in found if button.is_displayed()]

    browser.wait_for(buttons, f"the scales of {name}")[0].click()


if __name__ == "__main__":
    main(*sys.argv[1:])
