"""What the curves of a training show, and what to do about it; silence means: go on.

No rule knows what a good loss is. Each compares numbers of one training: the median of the last
`WINDOW` epochs, which one freak epoch does not move, with that of the `WINDOW` before, and both
with the first epoch's. What is wrong with the last tenth of the way is left alone: there, healthy
trainings swing and stall too.
"""

import dataclasses

import numpy as np

WINDOW = 5
"""Epochs that are compared with as many before; of fewer, noise looks like a trend."""
STILL = 0.97
"""Ratio of two windows above which a loss stands still: it would need 110 epochs to halve."""
LEFT = 0.1
"""Share of the first epoch's loss that is worth a word; so is half of the examples wrong."""
SWING = 0.15
"""Typical change of a loss from epoch to epoch, as a share, that is no plateau any more."""
SLOW = 0.05
"""Fall of a loss each epoch, as a share, that is slow: it needs 14 epochs to halve."""
GIVEN_BACK = 0.1
"""Share of what the validation loss had gained that may be lost again."""
LAG = 2.0
"""Times the loss in training that it is in inference, which should be below: it comes after."""
TURNED = 1.25
"""Times by which a knob changes that somebody turned; a schedule goes in smaller steps."""

KNOBS = ("learning_rate", "momentum", "weight_decay", "dropout", "batch_size")


@dataclasses.dataclass(frozen=True)
class Advice:
    """A symptom that the curves show."""

    symptom: str
    """`plateau`, `oscillation`, `steady descent`, `widening gap` or `train/inference gap`."""
    sentence: str
    """What was seen, in numbers, and the action suggested."""
    knob: str | None = None
    """What to turn: `learning_rate`, `weight_decay`, `dropout` or `stop`; None: nothing."""
    factor: float | None = None
    """What to multiply it by; None where there is nothing to multiply."""


def advise(curves):
    """Recognises the symptoms of a training by its curves.

    Args:
        curves: `{name: sequence}`, a number for each epoch since the first, by the names that
            `fit` gives: `loss`, and optionally `val_loss` and `accuracy`; `loss_inference`, of the
            training data evaluated after each epoch; and knobs, by their names: epochs from
            before one was turned are no longer judged.

    Returns:
        List of `Advice`, empty while all is well and until there are epochs enough to tell.
    """
    curves = {name: np.asarray(values, float) for name, values in curves.items()}
    losses = [curves[name] for name in ("loss", "val_loss") if name in curves]
    if not all((np.isfinite(each) & (each > 0)).all() for each in losses):
        return []  # that is for a guard
    if lag := _train_inference_gap(curves):
        return [lag]  # whatever was evaluated tells nothing else
    found = [rule(curves) for rule in (_standstill, _widening_gap, _steady_descent)]
    return [advice for advice in found if advice]


def _standstill(curves):
    """Oscillation or plateau: much is left to learn, and no loss falls any more."""
    loss, watched = curves["loss"], _watched(curves)
    if _epochs_since_turned(curves) < 2 * WINDOW or not _is_much_left(curves):
        return None
    if min(_ratio(loss), _ratio(watched)) < STILL:
        return None
    swing = np.median(np.abs(np.diff(np.log(watched[-2 * WINDOW :]))))
    last, name = watched[-WINDOW:], _name(curves)
    if swing >= SWING:
        seen = f"The {name} swings between {last.min():.3g} and {last.max():.3g}"
        action = "lower the learning rate to a third"
        symptom = "oscillation"
    else:
        seen = f"The {name} stays at {np.median(last):.3g}"
        action = "lower the learning rate to a third, or try several by a fork"
        symptom = "plateau"
    sentence = f"{seen}, no lower than {WINDOW} epochs before: {action}."
    return Advice(symptom, sentence, "learning_rate", 1 / 3)


def _widening_gap(curves):
    """The validation loss has risen, while the training loss has halved."""
    if "val_loss" not in curves or _epochs_since_turned(curves) < 2 * WINDOW:
        return None
    training, validation = _levels(curves["loss"]), _levels(curves["val_loss"])
    best = int(np.argmin(validation))
    gained = curves["loss"][0] - validation[best]
    lost = validation[-1] - validation[best]
    if lost < GIVEN_BACK * max(gained, 0) or lost <= 0 or training[-1] > training[best] / 2:
        return None
    knob, factor, action = _regularisation(curves)
    sentence = (
        f"Since epoch {best + WINDOW} the loss fell from {training[best]:.3g} to "
        f"{training[-1]:.3g}, but the validation loss rose from {validation[best]:.3g} to "
        f"{validation[-1]:.3g}: {action}."
    )
    return Advice("widening gap", sentence, knob, factor)


def _regularisation(curves):
    """The knob against overfitting that is in use: its name, a factor, and both in words."""
    for knob, factor in (("weight_decay", 3.0), ("dropout", 1.5)):
        now = curves[knob][-1] if knob in curves else 0
        if 0 < now * factor < 1:
            return knob, factor, f"raise {knob} from {now:.3g} to {now * factor:.3g}"
    return "stop", None, "stop, and keep the best epoch; begin again with weight decay or dropout"


def _steady_descent(curves):
    """Both losses fall every epoch, slowly and no slower than before, and nothing is overfitted."""
    if _epochs_since_turned(curves) <= WINDOW:
        return None
    loss, watched = curves["loss"], _watched(curves)
    falls, others = (-np.diff(np.log(each[-WINDOW - 1 :])) for each in (loss, watched))
    if min(falls.min(), others.min()) <= 0 or falls.mean() > SLOW:
        return None
    slows_down = falls[-2:].mean() < 0.7 * falls[:2].mean()
    follows = watched[-1] < 1.1 * curves.get("loss_inference", loss)[-1]
    if slows_down or not follows or not _is_much_left(curves):
        return None
    sentence = (
        f"The loss falls every epoch, by {falls.mean():.1%} only, and does not slow down: raise "
        "the learning rate to three times what it is, or just go on."
    )
    return Advice("steady descent", sentence, "learning_rate", 3.0)


def _train_inference_gap(curves):
    """The training data's loss is far higher in inference, though the training is at its best."""
    loss, inference = curves["loss"], curves.get("loss_inference")
    if inference is None or len(loss) < 3 or loss[-1] > 1.1 * loss.min():
        return None
    if not (inference[-3:] > LAG * loss[-3:]).all():
        return None
    sentence = (
        f"The training data's loss is {loss[-1]:.3g} in training, {inference[-1]:.3g} in "
        "inference: the moving averages of batch norm lag behind. Recompute them, or give batch "
        "norm a lower momentum, before going by the validation loss."
    )
    return Advice("train/inference gap", sentence)


def _watched(curves):
    return curves.get("val_loss", curves["loss"])


def _name(curves):
    return "validation loss" if "val_loss" in curves else "loss"


def _levels(curve):
    """The median of each window."""
    return np.median(np.lib.stride_tricks.sliding_window_view(curve, WINDOW), axis=-1)


def _ratio(curve):
    """The last window to the one before."""
    levels = _levels(curve)
    return levels[-1] / levels[-1 - WINDOW]


def _is_much_left(curves):
    wrong = 1 - np.median(curves["accuracy"][-WINDOW:]) if "accuracy" in curves else 0
    return wrong > 0.5 or np.median(curves["loss"][-WINDOW:]) > LEFT * curves["loss"][0]


def _epochs_since_turned(curves):
    last = 0
    for name in set(KNOBS) & set(curves):
        before, after = curves[name][:-1], curves[name][1:]
        turned = np.maximum(before, after) > TURNED * np.minimum(before, after)
        last = max([last, *(np.flatnonzero(turned) + 1)])
    return len(curves["loss"]) - last
