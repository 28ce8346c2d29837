"""Panda mode: one model, watched and adjusted while it trains, by a person or by rules."""

from tuning.panda.babysit import babysit
from tuning.panda.babysitter import Babysitter
from tuning.panda.callback import Panda
from tuning.panda.journal import Damaged, Entry, OtherCourse
from tuning.panda.knobs import BadKnob
from tuning.panda.outcome import Outcome
from tuning.panda.rules import Rules

__all__ = [
    "Babysitter",
    "BadKnob",
    "Damaged",
    "Entry",
    "OtherCourse",
    "Outcome",
    "Panda",
    "Rules",
    "babysit",
]
