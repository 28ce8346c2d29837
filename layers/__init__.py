"""Keras layers, each usable in anybody's model; they know nothing of tuning or of recipes."""

import keras

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "KERAS_BACKEND must be tensorflow, which these layers are written in. "
        f"Received: KERAS_BACKEND={keras.backend.backend()}."
    )

from .batch_norm import BatchNorm
from .moving_average import (
    closed_form_average,
    debiased_rate,
    move_average,
    moving_average_weights,
)
from .recalibrate import recalibrate
from .softmax_head import SoftmaxCrossEntropy, SoftmaxHead, hardmax

__all__ = [
    "BatchNorm",
    "SoftmaxCrossEntropy",
    "SoftmaxHead",
    "closed_form_average",
    "debiased_rate",
    "hardmax",
    "move_average",
    "moving_average_weights",
    "recalibrate",
]
