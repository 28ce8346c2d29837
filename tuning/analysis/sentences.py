"""The best trial of a search and the ten best, as Markdown."""

import collections

import numpy as np

TOP = 10


def best_trial(found):
    """A card of the best trial: its score, how it does with other seeds, and its values.

    Args:
        found: `Found`.

    Returns:
        Markdown.
    """
    heading = f"### {_plain(found.search)}: {_ends(found)}\n\n"
    if not found.scored:
        return heading + "No trial has a score yet.\n"
    best = found.scored[0]
    headings = (f"best {found.objective}", f"{best.score:.4f}")
    rows = [("trial", f"{best.trial}, epoch {best.best_epoch or '?'}")]
    if best.trial in found.finalists:
        rows.append(("with other seeds", _again(found, best.trial)))
    rows += [(name, _text(value)) for name, value in best.values.items()]
    return heading + _table(headings, rows)


def top_ten(found):
    """A table of the ten best trials, with mean and spread over seeds where they were trained so.

    Args:
        found: `Found`.

    Returns:
        Markdown.
    """
    if not found.scored:
        return "No trial has a score yet.\n"
    best = found.scored[:TOP]
    names = list(dict.fromkeys(name for trial in best for name in trial.values))
    seeds = ["mean ± deviation over seeds"] if found.finalists else []
    headings = ["", "trial", found.objective, *seeds, "epoch", "seconds", *names]
    rows = []
    for place, trial in enumerate(best, start=1):
        again = [_again(found, trial.trial)] if found.finalists else []
        numbers = [str(trial.best_epoch or ""), f"{trial.seconds:.2f}"]
        values = [_text(trial.values.get(name)) for name in names]
        rows.append([str(place), trial.trial, f"{trial.score:.4f}", *again, *numbers, *values])
    return _table(headings, rows)


def _ends(found):
    """`12 trials: 11 completed, 1 failed; 34 s of training, 0.35 trials per second`."""
    number, counts = len(found.trials), collections.Counter(t.status for t in found.trials)
    sentence = f"{number:,} trials"
    if number:
        parts = [f"{n:,} {status.lower() or 'unknown'}" for status, n in sorted(counts.items())]
        sentence += f": {', '.join(parts)}; {found.seconds[-1]:,.0f} s of training"
    if number and found.seconds[-1] > 0:
        sentence += f", {number / found.seconds[-1]:.2f} trials per second"
    return sentence


def _again(found, trial):
    """`0.9504 ± 0.0051, 5 seeds`; empty for a trial that was not trained again."""
    scores = found.finalists.get(trial, ())
    if not scores:
        return ""
    spread = f" ± {np.std(scores, ddof=1):.4f}" if len(scores) > 1 else ""
    return f"{np.mean(scores):.4f}{spread}, {len(scores)} seed{'s' * (len(scores) > 1)}"


def _table(headings, rows):
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(map(_plain, line))} |\n" for line in lines)


def _text(value):
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _plain(text):
    """One line in which no bar ends the cell."""
    return " ".join(str(text).split()).replace("|", "\\|")
