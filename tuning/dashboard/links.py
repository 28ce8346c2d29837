"""Addresses that open a TensorBoard at the right view."""

import os
import re
from urllib.parse import quote

MOST_RUNS = 500  # with more in all, Time Series selects none, filtered or not
MOST_SELECTED = 40  # Scalars selects those that pass the filter, if they are no more


def table(url):
    """The HParams table."""
    return f"{url}#hparams"


def curves(url, runs, total):
    """The curves of these runs only, all selected where TensorBoard can be made to.

    Args:
        url: Address of the page, ending in `/`.
        runs: Names of runs under one folder.
        total: How many runs there are in all.

    Returns:
        The address, and whether the runs are selected.
    """
    folder = re.sub(r"[.^$*+?()\[\]{}|\\]", r"\\\g<0>", os.path.commonpath(runs))
    pattern = quote(f"^{folder}(/|$)" if folder != "\\." else "", safe="")
    if total > MOST_RUNS and len(runs) <= MOST_SELECTED:
        return f"{url}#scalars&regexInput={pattern}", True
    return f"{url}?runFilter={pattern}#timeseries", total <= MOST_RUNS
