"""How many trials fit into memory at a time."""

import math
import os
from pathlib import Path

SHARE = 0.5
"""Share of the free memory that stacks may use."""
COPIES_OF_WEIGHTS = 8
"""Weights, optimiser's state, gradients, their updates, and the stack that is compiled ahead."""
COPIES_OF_ACTIVATIONS = 6
"""Each layer's output, its gradient, and what is computed in between."""


def default_limit():
    """Bytes that stacks may use, from what the machine or its cgroup has free."""
    free = [_machine(), _cgroup("memory.max", "memory.current")]
    free.append(_cgroup("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))
    return int(SHARE * min(each for each in free if each is not None))


def trials_within(limit, skeleton, widths, batch_size):
    """How many trials of a template may train at a time, 1 or more.

    Args:
        limit: Bytes.
        skeleton: `Skeleton` of one of them.
        widths: `{place: width}` of the template.
        batch_size: Examples a batch.
    """
    weights = outputs = 0
    for place, node in enumerate(skeleton.nodes):
        outputs += math.prod(size or 1 for size in (node.shape or ())[1:])
        variables = getattr(node.operation, "variables", ())
        growth = widths.get(place, 1) / skeleton.widths.get(place, 1)
        weights += growth * sum(math.prod(variable.shape) for variable in variables)
    growth = max([widths[place] / skeleton.widths[place] for place in widths], default=1.0)
    activations = growth * batch_size * outputs
    bytes_each = 4 * (growth * COPIES_OF_WEIGHTS * weights + COPIES_OF_ACTIVATIONS * activations)
    return max(1, int(limit // bytes_each))


def _machine():
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        (line,) = (line for line in lines if line.startswith("MemAvailable:"))
        return 1024 * int(line.split()[1])
    except (OSError, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _cgroup(limit, usage):
    """What a cgroup has left; None if it has no limit."""
    folder = Path("/sys/fs/cgroup")
    try:
        return int((folder / limit).read_text()) - int((folder / usage).read_text())
    except (OSError, ValueError):  # there is none, or the limit is "max"
        return None
