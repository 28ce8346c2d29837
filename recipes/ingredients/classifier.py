"""A compiled classifier from its hyperparameters, with what each of them may be."""

import contextlib
import dataclasses
import math
from typing import Literal

import keras

from layers import SoftmaxCrossEntropy
from recipes.ingredients.cnn import cnn
from recipes.ingredients.errors import BadInput
from recipes.ingredients.mlp import mlp

ARCHITECTURES = {"mlp": mlp, "cnn": cnn}


@dataclasses.dataclass(frozen=True)
class ClassifierSettings:
    """The model and how it learns."""

    architecture: Literal["mlp", "cnn"] = "mlp"
    """Dense layers, or 3 x 3 convolutions (images only)."""
    hidden_units: int = 100
    """Units (mlp) or filters (cnn) of each hidden layer, 1 to 100000."""
    hidden_layers: int = 2
    """Number of hidden layers, 0 to 1000."""
    use_batch_norm: bool = True
    """Whether hidden layers normalise z over the mini-batch before the activation."""
    optimizer: Literal["momentum", "rmsprop", "adam"] = "momentum"
    """How gradients become updates."""
    learning_rate: float = 0.03
    """Learning rate alpha, above 0."""
    sgd_momentum: float = 0.9
    """Share of the last update that the next one keeps, in [0, 1); read by momentum only."""
    adam_beta_1: float = 0.9
    """Decay of Adam's mean of gradients, in [0, 1); read by adam only, as are the next two."""
    adam_beta_2: float = 0.999
    """Decay of Adam's mean of squared gradients, in [0, 1)."""
    adam_epsilon: float = 1e-8
    """What Adam adds to the root of that mean, above 0."""
    learning_rate_decay: float = 0.0
    """Epoch e, from 0, learns at learning_rate / (1 + learning_rate_decay * e); 0 or more."""
    batch_size: int = 64
    """Examples of a mini-batch, 1 or more (2 or more with batch norm)."""
    mixed_precision: Literal["off", "bfloat16", "float16"] = "off"
    """Type the hidden layers compute in; variables, statistics and softmax stay float32."""

    def __post_init__(self):
        """Refuses values outside their range."""
        for name in ("hidden_units", "hidden_layers", "batch_size"):
            value = getattr(self, name)
            _require(isinstance(value, int), name, "a whole number", value)
        units, layers = self.hidden_units, self.hidden_layers
        _require(1 <= units <= 100_000, "hidden_units", "from 1 to 100000", units)
        _require(0 <= layers <= 1000, "hidden_layers", "from 0 to 1000", layers)
        for name in ("sgd_momentum", "adam_beta_1", "adam_beta_2"):
            _require(0 <= getattr(self, name) < 1, name, "in [0, 1)", getattr(self, name))
        for name in ("learning_rate", "adam_epsilon"):
            value = getattr(self, name)
            _require(math.isfinite(value) and value > 0, name, "a finite number above 0", value)
        _require(
            math.isfinite(self.learning_rate_decay) and self.learning_rate_decay >= 0,
            "learning_rate_decay",
            "a finite number, 0 or more",
            self.learning_rate_decay,
        )
        _require(self.batch_size >= 1, "batch_size", "1 or more", self.batch_size)
        if self.use_batch_norm and self.hidden_layers:
            needed = "2 or more, since batch norm needs a variance"
            _require(self.batch_size >= 2, "batch_size", needed, self.batch_size)


def build_classifier(settings, input_shape, class_names, steps_per_epoch, dropout=None):
    """Builds and compiles a classifier.

    Args:
        settings: `ClassifierSettings`.
        input_shape: Shape of one example's features.
        class_names: Name of each class, class 0 first.
        steps_per_epoch: Mini-batches an epoch, which the learning-rate decay counts in.
        dropout: Rate of a dropout layer after each hidden one, in [0, 1); None: no such layers.

    Returns:
        A compiled `keras.Model` with the metric `accuracy`.

    Raises:
        BadInput: The architecture does not fit the data.
    """
    if settings.architecture == "cnn" and len(input_shape) != 3:
        raise BadInput(
            f"architecture must be mlp for data that are no images. Received: architecture=cnn,"
            f" examples of shape {tuple(input_shape)}."
        )
    with _dtype_policy(settings.mixed_precision):
        model = ARCHITECTURES[settings.architecture](
            input_shape,
            class_names,
            hidden_units=settings.hidden_units,
            hidden_layers=settings.hidden_layers,
            use_batch_norm=settings.use_batch_norm,
            dropout=dropout,
        )
        model.compile(
            optimizer=_optimizer(settings, steps_per_epoch),
            loss=SoftmaxCrossEntropy(),
            metrics=["accuracy"],
        )
    return model


def save_classifier(complete, path):
    """Writes a model; a kill in between leaves no part of a file under its name.

    Args:
        complete: Keras model.
        path: `Path` ending in `.keras`.
    """
    temporary = path.with_name(f".{path.name}.tmp.keras")
    try:
        complete.save(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _optimizer(settings, steps_per_epoch):
    learning_rate = settings.learning_rate
    if settings.learning_rate_decay:
        learning_rate = keras.optimizers.schedules.InverseTimeDecay(
            learning_rate, steps_per_epoch, settings.learning_rate_decay, staircase=True
        )
    if settings.optimizer == "momentum":
        return keras.optimizers.SGD(learning_rate, momentum=settings.sgd_momentum)
    if settings.optimizer == "rmsprop":
        return keras.optimizers.RMSprop(learning_rate)
    return keras.optimizers.Adam(
        learning_rate, settings.adam_beta_1, settings.adam_beta_2, settings.adam_epsilon
    )


@contextlib.contextmanager
def _dtype_policy(mixed_precision):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(
        "float32" if mixed_precision == "off" else f"mixed_{mixed_precision}"
    )
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _require(holds, name, condition, value):
    if not holds:
        raise BadInput(f"{name} must be {condition}. Received: {name}={value}.")
