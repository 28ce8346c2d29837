"""The tables of rivals and default_space, and whether the goals hold."""

import statistics

from rich.console import Console
from rich.table import Table

from benchmarks.stacked.measured import JAX, KERAS_TUNER, OURS
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
    for trials in sorted(limits):
        own = measured[OURS, trials]
        if (JAX, trials) in measured:
            faster = measured[JAX, trials].times(own)
            say(f"times faster than JAX, {trials:,} trials", faster, JAX_GOAL, faster >= JAX_GOAL)
    above = own.times(limits[trials])
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
    rows += [(("the machine's limit", trials), own) for trials, own in limits.items()]
    for (name, trials), own in rows:
        numbers = (f"{number:.4f}" for number in (own.median, min(own.seconds), max(own.seconds)))
        accuracy = f"{own.accuracy:.4f}" if own.scores else ""
        faster = f"{slowest.times(own):.1f}"
        table.add_row(name, f"{trials:,}", str(len(own.seconds)), *numbers, faster, accuracy)
    return table


def phases_table(title, measured):
    """Ours by phase, milliseconds a trial; beside it what another thread did meanwhile."""
    table = Table(
        title=f"{title}: ours, milliseconds a trial; (+ in a thread of its own meanwhile)"
    )
    table.add_column("phase", no_wrap=True)
    sizes = [trials for name, trials in measured if name == OURS]
    for trials in sizes:
        table.add_column(f"{trials:,} trials", justify="right", no_wrap=True)
    for phase in METHODS:
        cells = []
        for trials in sizes:
            turns = measured[OURS, trials].phases
            here, ahead = (
                1e3 * statistics.median(getattr(own, where)[phase] for own in turns) / trials
                for where in ("seconds", "ahead")
            )
            cells.append(f"{here:.2f}" + (f" (+ {ahead:.2f})" if ahead else ""))
        table.add_row(phase, *cells)
    wholes = [1e3 * measured[OURS, trials].median for trials in sizes]
    known = [1e3 * measured_seconds(measured[OURS, trials]) / trials for trials in sizes]
    rests = [f"{whole - own:.2f}" for whole, own in zip(wholes, known, strict=True)]
    table.add_row("everything else", *rests)
    table.add_row("all", *(f"{whole:.2f}" for whole in wholes))
    return table


def measured_seconds(own):
    """Seconds of all phases of a search: median of the turns."""
    return statistics.median(sum(phases.seconds.values()) for phases in own.phases)
