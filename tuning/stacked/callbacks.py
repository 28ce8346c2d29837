"""Callbacks of `fit` in a stack: which can run there, and what they see of their trial's model."""

import time

import keras

from tuning import dashboard
from tuning.space import own_values
from tuning.stacked.errors import NotStackable
from tuning.stacked.lazy_variables import initial_value
from tuning.stacked.schedules import LearningRates

RATE_SETTERS = keras.callbacks.ReduceLROnPlateau, keras.callbacks.LearningRateScheduler
_KNOWN = (*RATE_SETTERS, keras.callbacks.EarlyStopping, keras.callbacks.TerminateOnNaN)
"""Those that are known to need of a model no more than is right in a stack."""

NEED_FIT = "search was given callbacks that need fit: "

_HOOKS = "on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end"
"""When a stack calls callbacks; what happens within an epoch is one program."""

_PLAIN = {
    "histogram_freq": 0,
    "write_steps_per_second": False,
    "update_freq": "epoch",
    "embeddings_freq": 0,
    "_start_batch": 0,
}
"""What a `TensorBoard` has to be set to, so that it writes each epoch's metrics and no more."""


def objection_to(callback):
    """Why a callback cannot run in a stack, as far as it shows beforehand; None if it can."""
    kind, name = type(callback), type(callback).__name__
    if not isinstance(callback, keras.callbacks.Callback):
        return name
    if kind in _KNOWN:
        return None
    if kind is keras.callbacks.TensorBoard:
        set_otherwise = [n.lstrip("_") for n, v in _PLAIN.items() if getattr(callback, n) != v]
        return f"{name} with {set_otherwise[0]}" if set_otherwise else None
    is_of_keras = kind.__module__.partition(".")[0] == "keras"
    if is_of_keras and kind is not keras.callbacks.LambdaCallback:
        return name
    within = [hook for hook in _hooks_of(callback) if hook not in _HOOKS]
    return f"{name} with {within[0]}" if within else None


def _hooks_of(callback):
    """Names of the hooks that it has of its own."""
    base = keras.callbacks.Callback
    return [
        name
        for name in dir(base)
        if name.startswith("on_")
        and (name in vars(callback) or getattr(type(callback), name) is not getattr(base, name))
    ]


def model_for(callback, model, hold):
    """The model that a callback is to see: all of it only if it is known what it reads.

    Args:
        callback: A `keras.callbacks.Callback`.
        model: The trial's Keras model.
        hold: Function that is called when `EarlyStopping` would keep the weights.
    """
    if type(callback) is keras.callbacks.EarlyStopping:
        return ModelToStop(callback, model, hold)
    known = type(callback) in (*_KNOWN, TensorBoardInStack)
    return model if known else ModelInStack(callback, model)


class ModelInStack:
    """What is right of a trial's model while it trains in a stack, whose weights are elsewhere.

    Args:
        callback: Whose view it is.
        model: The trial's Keras model.

    Attributes:
        wanted: That it asked for what is not right here, in one sentence; None if it did not.
    """

    def __init__(self, callback, model):
        self._callback, self._model = type(callback).__name__, model
        self.wanted = None

    @property
    def name(self):
        """The model's name."""
        return self._model.name

    @property
    def stop_training(self):
        """Whether a callback, this or another, wants the training to end."""
        return self._model.stop_training

    @stop_training.setter
    def stop_training(self, value):
        self._model.stop_training = value

    @property
    def optimizer(self):
        """What is right of its optimiser."""
        return _OptimizerInStack(self, self._model.optimizer)

    def __getattr__(self, name):
        self.refuse(name)

    def refuse(self, name):
        """Has the trial trained by `fit`.

        Raises:
            NotStackable: Always.
        """
        asked = f"{NEED_FIT}{self._callback}, which asks for the model's {name}"
        self.wanted = self.wanted or asked
        raise NotStackable(self.wanted)


class ModelToStop(ModelInStack):
    """What `EarlyStopping` sees of its trial's model; the stack keeps and restores the weights.

    Args:
        callback: The `keras.callbacks.EarlyStopping`.
        model: The trial's Keras model.
        hold: Function that is called when the weights are to be kept.
    """

    def __init__(self, callback, model, hold):
        super().__init__(callback, model)
        self._hold = hold

    @property
    def metrics(self):
        """The model's metrics, which say whether more is better."""
        return self._model.metrics

    def get_weights(self):
        """Has the stack keep the weights."""
        self._hold()
        return ()

    def set_weights(self, weights):
        """The stack has put them back where the training may go on from."""


class _OptimizerInStack:
    """The learning rate of a trial's optimiser, to be read and set; no schedule."""

    def __init__(self, view, optimizer):
        self.__dict__.update(_view=view, _optimizer=optimizer)

    def __getattr__(self, name):
        is_right = isinstance(self._optimizer._learning_rate, keras.Variable)
        if name != "learning_rate" or not is_right:
            self._view.refuse(f"optimizer.{name}")
        return self._optimizer.learning_rate

    def __setattr__(self, name, value):
        is_right = isinstance(self._optimizer._learning_rate, keras.Variable)
        if name != "learning_rate" or not is_right or callable(value):
            self._view.refuse(f"optimizer.{name}")
        self._optimizer.learning_rate = value


class TensorBoardInStack(keras.callbacks.Callback):
    """Stands for Keras's `TensorBoard`: writes the same when told to, in one go.

    The graph of TensorFlow's operations is not written: the trial has none of its own.

    Args:
        callback: The `keras.callbacks.TensorBoard`.
        member: The trial's `Member`.
        folder: Where to write.
    """

    def __init__(self, callback, member, folder):
        super().__init__()
        self._has_graph, self._member, self._folder = callback.write_graph, member, folder
        self._first_iteration = member.iterations
        self._epochs = []

    def on_train_begin(self, logs=None):
        """Forgets an earlier training."""
        del logs
        self._epochs = []

    def on_epoch_end(self, epoch, logs=None):
        """Notes an epoch."""
        rate = self.model.optimizer._learning_rate
        rate = float(initial_value(rate)) if isinstance(rate, keras.Variable) else None
        self._epochs.append((epoch, dict(logs), rate, time.time()))

    def write(self):
        """Writes all epochs."""
        member, model = self._member, self.model
        steps = (member.iterations - self._first_iteration) // max(len(self._epochs), 1)
        rates, epochs = LearningRates(model.optimizer), []
        for done, (number, metrics, rate, when) in enumerate(self._epochs, 1):
            iterations = self._first_iteration + done * steps
            rate = rates.at(iterations, 1)[0] if rate is None else rate
            epochs.append(dashboard.Epoch(number, metrics, rate, iterations, when))
        is_graph = self._has_graph and type(model).__name__ in ("Functional", "Sequential")
        dashboard.write_training(
            self._folder,
            epochs,
            own_values(member.trial.hyperparameters),
            member.trial.trial_id,
            member.failure is None and member.score == member.score,
            model.to_json() if is_graph else None,
        )
