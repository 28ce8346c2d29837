"""The search of `recipes.search`, all of it that is paid for a trial."""

import contextlib
import dataclasses
import types
from pathlib import Path
from unittest import mock

from recipes import search
from recipes.ingredients.command_line import console
from tuning import StackedTuner


def run(work, folder, trainer=StackedTuner, **changes):
    """Searches as the recipe does: oracle, models, training, records, HParams.

    Args:
        work: `Workload`.
        folder: Folder of the run.
        trainer: What the recipe makes its tuner with.
        **changes: Settings of `recipes.search` that differ from the workload's.

    Returns:
        The tuner after the search.
    """
    settings = dataclasses.replace(work.settings, **changes)
    tuners = []

    def kept(*arguments, **named):
        tuners.append(trainer(*arguments, **named))
        return tuners[0]

    directory = types.SimpleNamespace(name="search/benchmark", path=Path(folder))
    oracle = search.make_oracle(settings, work.space)
    with mock.patch.dict(search.TRAINERS, stacked=kept), silence():
        search.search(oracle, work.builder, work.data, work.features, settings, directory)
    return tuners[0]


@contextlib.contextmanager
def silence():
    """Keeps the recipe's progress off the screen."""
    console.quiet = True
    try:
        yield
    finally:
        console.quiet = False


def random_search(work, trials, folder):
    """Trains the workload's first trials; arguments and result as of all contenders."""
    tuner = run(work, folder, trials=len(trials))
    if tuner.report.ways != {"stacked": len(trials)}:
        raise RuntimeError(f"all trials must be stacked. Received: {tuner.report}.")
    return [record.score for record in tuner.records.by_number]
