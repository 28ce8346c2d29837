"""What TensorBoard shows of a run: the only folder that imports tensorboard."""

from tuning.dashboard.event_file import EventFile
from tuning.dashboard.trial_rows import TrialRows

__all__ = ["EventFile", "TrialRows"]
