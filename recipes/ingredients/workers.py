"""Settings of a search over processes and machines, and Ray for as long as it lasts."""

import contextlib
import dataclasses

from recipes.ingredients.command_line import console
from recipes.ingredients.errors import BadInput
from tuning.workers import cluster


@dataclasses.dataclass(frozen=True)
class WorkerSettings:
    """Who trains the trials."""

    workers: int | None = None
    """How many processes train side by side, 1 or more; by default this one alone. Needs Ray:
    python -m pip install --requirement requirements-cluster.txt"""
    ray_address: str | None = None
    """HOST:PORT of a running Ray cluster, whose processes the workers are; all it has room for,
    if --workers is not given."""
    worker_gpus: float = 0.0
    """GPUs of each worker, 0 or more; 0.5 lets two share one."""
    stack_seconds: float | None = None
    """A worker that ends no epoch for so many seconds, above 0, is taken to hang, and ended; its
    trials are trained again. By default none is."""

    def __post_init__(self):
        """Refuses values outside their range."""
        if self.workers is not None and not 1 <= self.workers < 2**31:
            raise BadInput(f"workers must be 1 or more. Received: workers={self.workers}.")
        if not 0 <= self.worker_gpus < float("inf"):
            raise BadInput(
                f"worker_gpus must be 0 or more. Received: worker_gpus={self.worker_gpus}."
            )
        if self.stack_seconds is not None and not self.stack_seconds > 0:
            raise BadInput(
                f"stack_seconds must be above 0. Received: stack_seconds={self.stack_seconds}."
            )
        for name in ("worker_gpus", "stack_seconds"):
            if getattr(self, name) and not self.are_wanted:
                raise BadInput(
                    f"{name} must come with workers or ray_address. "
                    f"Received: {name}={getattr(self, name)}."
                )

    @property
    def are_wanted(self):
        """Whether other processes than this one train."""
        return self.workers is not None or self.ray_address is not None


@contextlib.contextmanager
def workers(settings):
    """Has Ray run while the block lasts, if the settings want workers.

    Args:
        settings: `WorkerSettings`.

    Raises:
        BadInput: Ray is not installed, or there is no cluster at the address.
    """
    with contextlib.ExitStack() as stack:
        if settings.are_wanted:
            try:
                where = settings.workers, settings.ray_address, settings.worker_gpus
                share = stack.enter_context(cluster(*where))
            except ValueError as error:
                raise BadInput(str(error)) from None
            console.print(f"workers: {share.workers}, cores of each: {share.cores}")
        yield
