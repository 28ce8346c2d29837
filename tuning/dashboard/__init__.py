"""What TensorBoard shows of a run: the only folder that imports tensorboard."""

from tuning.dashboard.event_file import EventFile

__all__ = ["EventFile"]
