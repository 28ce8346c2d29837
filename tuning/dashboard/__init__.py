"""What TensorBoard shows of runs and searches: the only folder that imports tensorboard."""

from tuning.dashboard import links
from tuning.dashboard.event_file import EventFile
from tuning.dashboard.log_directory import Reader
from tuning.dashboard.server import CannotServe, launch, write_configuration
from tuning.dashboard.trial_rows import TrialRows

__all__ = [
    "CannotServe",
    "EventFile",
    "Reader",
    "TrialRows",
    "launch",
    "links",
    "write_configuration",
]
