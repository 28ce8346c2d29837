"""Addresses that open a TensorBoard at the right view."""

import os
import re
from urllib.parse import quote

MOST_RUNS = 500  # with more in all, Time Series selects none, filtered or not
MOST_SELECTED = 40  # Scalars, Images and Text select those that pass the filter, if no more
FINDINGS = "analysis"
"""The last part of the name of each run that shows what a search found."""


def table(url):
    """The HParams table."""
    return f"{url}#hparams"


def curves(url, runs, all_runs):
    """The curves of these runs only, all selected where TensorBoard can be made to.

    Args:
        url: Address of the page, ending in `/`.
        runs: Names of the runs.
        all_runs: Names of all runs of the log directory.

    Returns:
        The address, and whether the runs are selected.
    """
    pattern = quote(_pattern(runs, all_runs), safe="")
    if len(all_runs) > MOST_RUNS and len(runs) <= MOST_SELECTED:
        return f"{url}#scalars&regexInput={pattern}", True
    return f"{url}?runFilter={pattern}#timeseries", len(all_runs) <= MOST_RUNS


def findings(url, view, runs):
    """What searches found, of the last 40 if there are more.

    Args:
        url: Address of the page, ending in `/`.
        view: `"scalars"`, `"images"` or `"text"`.
        runs: Names of the runs that `tuning.dashboard.findings` wrote.
    """
    pattern = f"(^|/){FINDINGS}$"  # lets those pass too that are written meanwhile
    if len(runs) > MOST_SELECTED:
        pattern = "|".join(map(_exactly, sorted(runs)[-MOST_SELECTED:]))
    tags = {"scalars": f"{quote('^by ')}&_smoothingWeight=0"}.get(view, quote("^search/"))
    return f"{url}#{view}&regexInput={quote(pattern, safe='')}&tagFilter={tags}"


def claims(url, view, folder):
    """Pictures and tables of what claims came to.

    Args:
        url: Address of the page, ending in `/`.
        view: `"images"` or `"text"`.
        folder: What the names of the runs begin with.
    """
    return (
        f"{url}#{view}&regexInput={quote(_exactly(folder), safe='')}&tagFilter={quote('^claims/')}"
    )


def _pattern(runs, all_runs):
    """What the runs' names begin with and no others' do; each name where there is no such folder.

    Many names would make no address: then others pass too.
    """
    folder = _exactly(os.path.commonpath(runs))
    passing = [run for run in all_runs if re.search(folder, run)]
    if len(passing) == len(runs) or len(runs) > MOST_SELECTED:
        return folder
    return "|".join(map(_exactly, runs))


def _exactly(name):
    return "^" + re.sub(r"[.^$*+?()\[\]{}|\\]", r"\\\g<0>", name) + "(/|$)" if name else ""
