"""Everything a training needs to be where it was: in memory to go back, on the disk to go on."""

import copy
import dataclasses

import numpy as np
import tensorflow as tf

from tuning import training_state
from tuning.panda.journal import Damaged

FILE = "checkpoint.npz"


@dataclasses.dataclass
class Course:
    """Where a training is, apart from its variables; going back to a snapshot brings it back."""

    epoch: int = 0
    """Whole epochs behind it."""
    seen: int = 0
    """Examples of the present epoch that it has trained on."""
    rows: list = dataclasses.field(default_factory=list)
    """One dict for each whole epoch that led here."""
    rows_before_change: int = 0
    """How many of them are from before a knob was last changed."""
    guard: dict | None = None
    """What the guard remembers."""


@dataclasses.dataclass
class Snapshot:
    """A moment of a training."""

    step: int
    """Updates computed before it."""
    course: Course
    values: list
    """Of `Program.variables`."""

    @classmethod
    def of(cls, program, step, course):
        """Takes a snapshot."""
        values = [np.array(tf.convert_to_tensor(v)) for v in program.variables]
        return cls(step, copy.deepcopy(course), values)

    def restore(self, program):
        """Puts the variables back; returns the course to go on with."""
        for variable, value in zip(program.variables, self.values, strict=True):
            variable.assign(value)
        return copy.deepcopy(self.course)


def save(path, program, numbers, snapshots):
    """Writes the whole state of a training, atomically.

    Args:
        path: File to write.
        program: `Program`.
        numbers: JSON-like dict that goes along.
        snapshots: `{name: Snapshot}`.
    """
    arrays = {
        f"extra/{i}": np.array(tf.convert_to_tensor(v))
        for i, v in enumerate(program.extra_variables)
    }
    moments = {}
    for name, snapshot in snapshots.items():
        moments[name] = {"step": snapshot.step, "course": dataclasses.asdict(snapshot.course)}
        arrays |= {f"{name}/{i}": value for i, value in enumerate(snapshot.values)}
    training_state.save(path, program.model, numbers | {"snapshots": moments}, arrays)


def load(path, program):
    """Puts a saved state back.

    Args:
        path: File that `save` wrote.
        program: `Program` of a model built in the same way.

    Returns:
        `(numbers, snapshots)` as given to `save`.

    Raises:
        Damaged: The file is damaged, or belongs to another model.
    """
    try:
        numbers, arrays = training_state.load(path, program.model)
    except ValueError as error:
        raise Damaged(str(error)) from error
    for i, variable in enumerate(program.extra_variables):
        variable.assign(arrays[f"extra/{i}"])
    snapshots = {}
    for name, moment in numbers.pop("snapshots").items():
        values = [arrays[f"{name}/{i}"] for i in range(len(program.variables))]
        snapshots[name] = Snapshot(moment["step"], Course(**moment["course"]), values)
    return numbers, snapshots
