"""The tables of rivals and default_space, and whether the goals hold."""

from rich.console import Console
from rich.table import Table

from benchmarks.stacked.measured import JAX, KERAS_TUNER, ONE_BY_ONE, OURS
from benchmarks.stacked.phases import METHODS

JAX_GOAL, LIMIT_GOAL = 2.0, 2.5
console = Console(width=110)


def report(title, measured, limits, goals):
    """Prints what `rivals.run` measured.

    Args:
        title: What was run.
        measured: `{(contender, trials): Measured}`.
        limits: `{trials: Measured}`.
        goals: `{trials: how many times faster than keras-tuner ours is to be}`.
    """
    console.print(contenders_table(title, measured, limits))
    console.print(phases_table(title, measured))
    slowest = keras_tuner_of(measured)
    for trials, goal in goals.items():
        if (OURS, trials) in measured:
            faster = slowest.times(measured[OURS, trials])
            say(f"times faster than keras-tuner, {trials:,} trials", faster, goal, faster >= goal)
    for name, goal in ((JAX, JAX_GOAL), (ONE_BY_ONE, 1.0)):
        for trials in limits:
            if (name, trials) in measured:
                faster = measured[name, trials].times(measured[OURS, trials])
                say(f"times faster than {name}, {trials:,} trials", faster, goal, faster >= goal)
    trials = max(limits)
    above = measured[OURS, trials].times(limits[trials])
    say(f"times the limit, {trials:,} trials", above, LIMIT_GOAL, above <= LIMIT_GOAL)


def say(name, ratio, goal, holds):
    """Prints one goal."""
    console.print(f"{name}: {ratio:.2f} (goal {goal:g}: {'held' if holds else 'missed'})")


def keras_tuner_of(measured):
    """What keras-tuner's turns came to."""
    return next(own for (name, _), own in measured.items() if name == KERAS_TUNER)


def contenders_table(title, measured, limits):
    """One row for each contender and number of trials."""
    table = Table(title=f"{title}: seconds a trial, median of the rounds")
    table.add_column("contender", no_wrap=True)
    for heading in ("trials", "rounds", "seconds", "from", "to", "times faster", "accuracy"):
        table.add_column(heading, justify="right", no_wrap=True)
    slowest = keras_tuner_of(measured)
    rows = sorted(measured.items(), key=lambda row: -row[1].median)
    for (name, trials), own in rows + [(("the machine's limit", t), limits[t]) for t in limits]:
        numbers = own.median, min(own.seconds), max(own.seconds)
        cells = [f"{trials:,}", str(len(own.turns)), *(f"{number:.4f}" for number in numbers)]
        accuracy = "" if name.startswith("the") else f"{own.accuracy:.4f}"
        table.add_row(name, *cells, f"{slowest.times(own):.1f}", accuracy)
    return table


def phases_table(title, measured):
    """Ours by phase, milliseconds a trial; beside it what the stacks' threads did meanwhile."""
    table = Table(title=f"{title}: ours, milliseconds a trial (+ in the stacks' threads)")
    table.add_column("phase", no_wrap=True)
    columns = {trials: own for (name, trials), own in measured.items() if name == OURS}
    for trials in columns:
        table.add_column(f"{trials:,} trials", justify="right", no_wrap=True)
    for phase in METHODS:
        cells = []
        for trials, own in columns.items():
            here, ahead = (1e3 * own.phase(phase, where) / trials for where in (False, True))
            cells.append(f"{here:.2f}" + (f" (+ {ahead:.2f})" if ahead else ""))
        table.add_row(phase, *cells)
    wholes = [1e3 * own.median for own in columns.values()]
    known = [1e3 * sum(map(own.phase, METHODS)) / trials for trials, own in columns.items()]
    rests = [f"{whole - part:.2f}" for whole, part in zip(wholes, known, strict=True)]
    table.add_row("everything else", *rests)
    table.add_row("all", *(f"{whole:.2f}" for whole in wholes))
    return table
