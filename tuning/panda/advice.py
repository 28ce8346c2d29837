"""What the curves of a training show, and what to do about it; silence means go on.

Rules compare numbers of one training with each other, never with a loss that is the same for all:
the median of the last `WINDOW` epochs with that of the `WINDOW` before, which one freak epoch does
not move, and losses by their ratios.
"""

import dataclasses

import numpy as np

WINDOW = 5
"""Epochs that are compared with as many before: fewer, and noise looks like a trend."""
PROGRESS = 0.97
"""Less is a fall: at less than 3 % in a window, a loss needs more than 100 epochs to halve."""
SWING = 0.15
"""Mean rise and fall of a loss, from epoch to epoch, that is more than mini-batches' noise."""
SLOW = 0.05
"""A loss that falls by less, each epoch, needs 14 epochs or more to halve."""
GAP = 1.2
"""Times its best that the validation loss must be to count as risen: noise makes 1.1 of it."""
LAG = 1.5
"""Times the loss in training that the loss in inference must be: it should be below 1."""


@dataclasses.dataclass(frozen=True)
class Advice:
    """A symptom that the curves show."""

    symptom: str
    """`plateau`, `oscillation`, `steady descent`, `widening gap` or `train/inference gap`."""
    sentence: str
    """What was seen, in numbers, and the action suggested."""
    knob: str | None
    """What to turn: `learning_rate`, `weight_decay`, `dropout`, `stop`; None: nothing."""
    factor: float | None
    """What to multiply it by; None where there is nothing to multiply."""


def advise(curves):
    """Recognises the symptoms of a training from its curves since a knob was last turned.

    Args:
        curves: `{name: sequence}`, a number for each epoch, by the names that `fit` gives: `loss`,
            and if there are validation data `val_loss`. Optional: `loss_inference`, of the
            training data evaluated after the epoch; `learning_rate`, `weight_decay`, `dropout`.

    Returns:
        List of `Advice`; empty while all is well, and until there are epochs enough to tell.

    Reference:
        Smith, "A disciplined approach to neural network hyper-parameters: Part 1", 2018, on what
        validation curves show.
    """
    curves = {name: np.asarray(values, float) for name, values in curves.items()}
    losses = [curves[name] for name in ("loss", "val_loss") if name in curves]
    if not all(np.isfinite(each).all() and (each > 0).all() for each in losses):
        return []  # for a guard to deal with, not for advice
    if lag := _train_inference_gap(curves):
        return [lag]  # nothing that was evaluated tells anything
    rules = _oscillation, _plateau, _widening_gap, _steady_descent
    found = (rule(curves) for rule in rules)
    return [advice for advice in found if advice]


def _watched(curves):
    """The loss that counts."""
    return curves.get("val_loss", curves["loss"])


def _fall(curve):
    """Ratio of the last window to the one before."""
    return np.median(curve[-WINDOW:]) / np.median(curve[-2 * WINDOW : -WINDOW])


def _swing(curve):
    """Rise and fall from epoch to epoch in both windows, apart from the trend: a share."""
    steps = np.diff(np.log(curve[-2 * WINDOW :]))
    return np.median(np.abs(steps - np.median(steps)))


def _stands_still(curves):
    if len(curves["loss"]) < 2 * WINDOW:
        return False
    return min(_fall(curves["loss"]), _fall(_watched(curves))) > PROGRESS


def _oscillation(curves):
    if not _stands_still(curves) or _swing(_watched(curves)) < SWING:
        return None
    seen = _watched(curves)[-WINDOW:]
    return Advice(
        "oscillation",
        f"The {_name(curves)} swings between {seen.min():.3g} and {seen.max():.3g} and has not "
        f"fallen for {2 * WINDOW} epochs: lower the learning rate, to a third.",
        "learning_rate",
        1 / 3,
    )


def _plateau(curves):
    if not _stands_still(curves) or _swing(_watched(curves)) >= SWING:
        return None
    return Advice(
        "plateau",
        f"The {_name(curves)} has stayed at {np.median(_watched(curves)[-WINDOW:]):.3g} for "
        f"{2 * WINDOW} epochs: lower the learning rate, to a third, or fork and look.",
        "learning_rate",
        1 / 3,
    )


def _widening_gap(curves):
    if "val_loss" not in curves or len(curves["loss"]) < 2 * WINDOW:
        return None
    level, training = _levels(curves["val_loss"]), _levels(curves["loss"])
    best = int(np.argmin(level))
    if level[-1] < GAP * level[best] or training[-1] > training[best] / GAP:
        return None
    knob, factor, action = _regularisation(curves)
    return Advice(
        "widening gap",
        f"Since epoch {best + WINDOW} the loss has fallen from {training[best]:.3g} to "
        f"{training[-1]:.3g}, but the validation loss has risen from {level[best]:.3g} to "
        f"{level[-1]:.3g}: {action}.",
        knob,
        factor,
    )


def _levels(curve):
    """Median of each window."""
    return np.median(np.lib.stride_tricks.sliding_window_view(curve, WINDOW), axis=-1)


def _regularisation(curves):
    for knob, factor in (("weight_decay", 3.0), ("dropout", 1.5)):
        if knob in curves and 0 < curves[knob][-1] * factor < 1:
            return knob, factor, f"raise {knob.replace('_', ' ')} to {factor:g} times what it is"
    return "stop", None, "stop, and keep the best epoch; or begin with weight decay or dropout"


def _steady_descent(curves):
    if len(curves["loss"]) <= WINDOW:
        return None
    falls = [-np.diff(np.log(each[-WINDOW - 1 :])) for each in (curves["loss"], _watched(curves))]
    if not all((0.1 * SLOW < each).all() and (each < SLOW).all() for each in falls):
        return None
    inference = curves.get("loss_inference", curves["loss"])
    if (
        _watched(curves)[-1] > 1.1 * inference[-1]
        or falls[0][-2:].mean() < 0.7 * falls[0][:2].mean()
    ):
        return None
    return Advice(
        "steady descent",
        f"The loss falls by {100 * falls[0].mean():.1f} % an epoch, every epoch, and does not "
        "slow down: the learning rate could be larger, three times what it is.",
        "learning_rate",
        3.0,
    )


def _train_inference_gap(curves):
    if "loss_inference" not in curves or len(curves["loss"]) < 3:
        return None
    loss, inference = (np.median(curves[name][-3:]) for name in ("loss", "loss_inference"))
    ratios = curves["loss_inference"][-3:] / curves["loss"][-3:]
    if not (ratios > LAG).all():
        return None
    return Advice(
        "train/inference gap",
        f"On the same examples the loss is {inference:.3g} with batch norm's moving averages, "
        f"{loss:.3g} with the batches' own statistics: the averages lag behind, so do not go by "
        "the validation loss; give batch norm a lower momentum, or recompute the averages.",
        None,
        None,
    )


def _name(curves):
    return "validation loss" if "val_loss" in curves else "loss"
