"""What a search found, in tables and sentences."""

from rich import box
from rich.table import Table

from recipes.ingredients.command_line import console
from recipes.ingredients.finalists import Finalist
from tuning import Choices, Integers

EDGE = 0.05
"""Share of a scale, at each of its ends, in which a best value is warned of."""


def advice(best, space, trials, importances):
    """Warnings where the best sits at an edge, and one sentence on what to search next."""
    sentences = [
        f"the best {name}, {format_value(best[name])}, sits at an edge of its range: search beyond."
        for name in space.priorities
        if len({trial.values[name] for trial in trials}) > 1
        and is_at_edge(space[name].range, best[name])
    ]
    scored = [trial for trial in trials if trial.score is not None]
    top = sorted(scored, key=lambda trial: -trial.score)[: max(2, len(scored) // 4)]
    for name in [
        each.name for each in importances if not isinstance(space[each.name].range, Choices)
    ]:
        low, high = (end(trial.values[name] for trial in top) for end in (min, max))
        ends = [f"{end:.4g}" if isinstance(end, float) else str(end) for end in (low, high)]
        if ends[0] != ends[1]:
            flag = f"--{name.replace('_', '-')} {':'.join(ends)}"
            return [
                *sentences,
                f'next: search {name} where the best quarter lies, make search ARGS="{flag}".',
            ]
    return [*sentences, "next: more trials of the same search, with another --seed."]


def is_at_edge(scale, value):
    """Whether a number is an end of its range or lies in the twentieth next to it."""
    if isinstance(scale, Choices):
        numbers = not isinstance(scale.values[0], str | bool)
        return numbers and value in (min(scale.values), max(scale.values))
    if not scale.contains(value):  # a default outside the range
        return False
    if isinstance(scale, Integers):
        return value in (scale.low, scale.high)
    return not EDGE <= scale.to_unit(value) <= 1 - EDGE


def trials_table(trials, most=10):
    """The best trials."""
    names = list(trials[0].values)
    headings = [name.replace("_", " ") for name in ("trial", "score", "epoch", *names)]
    table = Table(title=f"the best of {len(trials)} trials", box=box.SIMPLE, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    scored = sorted((t for t in trials if t.score is not None), key=lambda t: -t.score)
    for trial in scored[:most]:
        values = [format_value(trial.values.get(name, "")) for name in names]
        table.add_row(trial.trial, f"{trial.score:.4f}", str(trial.best_epoch), *values)
    return table


def format_value(value):
    """A hyperparameter's value in a table."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def print_findings(summary):
    """Prints finalists, importance, advice and results.

    Args:
        summary: What `summary.json` of a search holds.
    """
    table = Table("trial", "score", "mean", "spread", "seeds", title="the best, trained again")
    for finalist in (Finalist(**f) for f in summary["finalists"]):
        row = (f"{finalist.score:.4f}", f"{finalist.mean:.4f}", f"{finalist.spread:.4f}")
        table.add_row(finalist.trial, *row, str(len(finalist.accuracies)))
    console.print(table)
    console.print(f"{summary['verdict']}.")
    started = sum(summary["trials"].values())
    table = Table("hyperparameter", "share of variance", title=f"importance, from {started} trials")
    for name, share in summary["importance"].items():
        table.add_row(name, f"{share:.2f}")
    console.print(table)
    for sentence in summary["advice"]:
        console.print(sentence, soft_wrap=True)
    failed = started - summary["trials"].get("COMPLETED", 0)
    best = ", ".join(f"{name} {format_value(value)}" for name, value in summary["best"].items())
    table = Table("result", "value", title=f"{summary['settings']['data']}: the winner")
    table.add_row("test accuracy", f"{summary['test_accuracy']:.4f}")
    table.add_row("test loss", f"{summary['test_loss']:.4f}")
    table.add_row("validation accuracy", f"{summary['validation_accuracy']:.4f}")
    table.add_row("trials", f"{started}, {failed} failed")
    table.add_row("seconds", f"{summary['seconds']:.1f}")
    console.print(table)
    console.print(f"winner: {best}", soft_wrap=True)
