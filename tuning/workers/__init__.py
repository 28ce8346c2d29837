"""A search over processes and machines, on Ray, which is imported only where it is used."""

from tuning.workers.cluster import cluster
from tuning.workers.tuner import WorkersTuner

__all__ = ["WorkersTuner", "cluster"]
