"""Panda mode: one model, watched and adjusted while it trains, by a person or by rules."""

from tuning.panda.babysitter import Babysitter, Outcome, Rules, babysit
from tuning.panda.callback import Panda
from tuning.panda.journal import Entry, OtherCourse
from tuning.panda.knobs import BadKnob

__all__ = ["Babysitter", "BadKnob", "Entry", "OtherCourse", "Outcome", "Panda", "Rules", "babysit"]
