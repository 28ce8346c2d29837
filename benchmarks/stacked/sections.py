"""Stacked trials beside what else trains many trials: seconds a trial, memory, time to a result.

    python -m benchmarks.stacked                        # all sections
    python -m benchmarks.stacked rivals default_space   # some
    python -m benchmarks.stacked --quick                # tiny: only whether everything runs

- `rivals`: on digits, batch size 64, seconds a trial of keras-tuner's random search, a loop of
  `fit`, one XLA-compiled epoch for one trial after another, JAX's `vmap` by hand, and ours with
  everything that a search has: models, tracing, compiling, training, records, HParams, each also
  by itself. All train the same trials. Beside them the machine's limit: the trials' true
  arithmetic at the speed of its batched matrix products. Rivals keep no records and no HParams
  (keras-tuner: its own files, no TensorBoard).
- `default_space`: the same for the space of `make caviar`.
- `scale`: ours with more and more trials, each number in a process of its own; peak memory.
- `target`: seconds until a search has found what 64 random trials of keras-tuner find.

Contenders take turns; seconds are the median of the rounds, ratios the median of the rounds'
ratios. A contender's first turn is preceded by one trial of one epoch, not counted. JAX has a
process of its own.
"""

from benchmarks.stacked import rivals, scale, target
from recipes.ingredients.space import SpaceSettings

DEFAULT_SPACE, BATCH_64 = SpaceSettings(), SpaceSettings(batch_size="64")
QUICK_SPACE = SpaceSettings(batch_size="256", hidden_layers="2")


def main(settings):
    """Runs the sections and prints their tables.

    Args:
        settings: `Settings`.

    Returns:
        `{section: what it measured}`.
    """
    settings = settings.resized()
    whole, single = (QUICK_SPACE, QUICK_SPACE) if settings.quick else (DEFAULT_SPACE, BATCH_64)
    sections = {
        "rivals": lambda: rivals.run(single, settings, "batch size 64", {256: 45, 1000: 60}),
        "default_space": lambda: rivals.run(whole, settings, "default space", {256: 35, 1000: 50}),
        "scale": lambda: scale.run(whole, settings),
        "target": lambda: target.run(whole, settings),
    }
    return {name: sections[name]() for name in settings.sections}
