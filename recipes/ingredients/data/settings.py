"""What a person may choose about the data."""

import dataclasses
import math
import numbers
from typing import Literal

from recipes.ingredients.errors import BadInput, quoted


@dataclasses.dataclass(frozen=True)
class DataSettings:
    """Which data to learn from, and how to divide it."""

    data: str = "digits"
    """What to learn from: a data set by name (digits, wine, breast_cancer, iris; mnist,
    fashion_mnist, cifar10 are downloaded at first use), a folder of images with a subfolder for
    each class, a .csv, or a .npz with x and y (and x_test and y_test, if it has its own test part).
    """

    target: str = ""
    """The column of a .csv that holds the classes; the last column if none is named."""

    none_label: str = ""
    """The class that stands for "none of the others"; it becomes class number 0."""

    class_weights: Literal["none", "balanced"] = "none"
    """balanced: each class weighs the same in the loss, however many examples it has."""

    test_share: float = 0.2
    """Share of all examples kept for the one final test, above 0 and below 1; unused where the data
    bring a test part of their own.
    """

    validation_share: float = 0.1
    """Share of all examples (of all but the test part, where the data bring their own) that choices
    are made by, above 0 and below 1.
    """

    image_size: int = 32
    """Side in pixels to which a folder's images are resized, 1 to 1024."""

    split_seed: int = 0
    """Seed of the split alone, 0 to 4294967295; the same seed gives the same three parts."""

    def __post_init__(self):
        if not self.data:
            raise BadInput('data must name a data set, a file or a folder. Received: data="".')
        if self.class_weights not in ("none", "balanced"):
            raise BadInput(
                "class_weights must be none or balanced. "
                f"Received: class_weights={quoted(self.class_weights)}."
            )
        for name in ("test_share", "validation_share"):
            share = getattr(self, name)
            if not _is_number(share, numbers.Real) or not 0 < share < 1:
                raise BadInput(f"{name} must be above 0 and below 1. Received: {name}={share}.")
        if self.test_share + self.validation_share >= 1:
            raise BadInput(
                "test_share and validation_share must sum to less than 1, to leave a part for "
                f"training. Received: test_share={self.test_share}, "
                f"validation_share={self.validation_share}."
            )
        _check_whole(self, "image_size", 1, 1024)
        _check_whole(self, "split_seed", 0, 2**32 - 1)


def _check_whole(settings, name, lowest, highest):
    value = getattr(settings, name)
    if not _is_number(value, numbers.Integral) or not lowest <= value <= highest:
        raise BadInput(
            f"{name} must be a whole number from {lowest} to {highest}. Received: {name}={value}."
        )


def _is_number(value, kind):
    return isinstance(value, kind) and not isinstance(value, bool) and math.isfinite(value)
