"""What TensorBoard shows of runs and searches: the only folder that imports tensorboard.

`tuning.dashboard.server` serves it; who only writes need not wait for that import.
"""

from tuning.dashboard.event_file import EventFile
from tuning.dashboard.trial_rows import TrialRows

__all__ = ["EventFile", "TrialRows"]
