"""Many Keras models trained as one compiled program, each exactly as if it were alone."""

from tuning.stacked.data import Data
from tuning.stacked.errors import NotStackable
from tuning.stacked.first_batch import check_first_batch
from tuning.stacked.groups import Group, Grouping
from tuning.stacked.stack import Stack
from tuning.stacked.trial_state import TrialState

__all__ = ["Data", "Group", "Grouping", "NotStackable", "Stack", "TrialState", "check_first_batch"]
