"""What TensorBoard shows of runs and searches: the only folder that imports tensorboard.

`tuning.dashboard.server` serves it and `tuning.dashboard.findings` draws what a search found; who
only writes trials need not wait for their imports.
"""

from tuning.dashboard.event_file import EventFile
from tuning.dashboard.keras_curves import Epoch, write_training
from tuning.dashboard.trial_rows import TrialRows

__all__ = ["Epoch", "EventFile", "TrialRows", "write_training"]
