"""Keras variables that come into being when they are first used.

Half of the time to build a model goes into its variables' places in TensorFlow. A stacked trial
needs only their initial values; the model itself is needed again for the best few.
"""

import contextlib
import functools
import threading

import keras
import numpy as np
import tensorflow as tf
from keras import Variable

_INITIALIZE = Variable._initialize
_INITIALIZE_WITH_INITIALIZER = Variable._initialize_with_initializer
# Numpy's are the same, and made in no time.
_CONSTANT = {keras.initializers.Zeros: np.zeros, keras.initializers.Ones: np.ones}


class LazyVariable(Variable):
    """A Keras variable that remembers how to begin; at first use it becomes an ordinary one."""

    @property
    def _value(self):
        if self._shape is None:  # Keras asks for the shape of what it has just given
            return self.__dict__["_pending"]
        value = self.__dict__.pop("_pending")
        self.__class__ = Variable
        with tf.init_scope():
            _INITIALIZE(self, value)
        return self._value

    @_value.setter
    def _value(self, value):
        self.__dict__.pop("_pending", None)
        self.__class__ = Variable
        self._value = value


@contextlib.contextmanager
def lazy_variables():
    """Makes the variables that this thread creates lazy, while the block lasts.

    Each has the values that it would have had, since Keras's initialisers hold their seeds.
    """
    thread = threading.get_ident()

    def is_ordinary(variable):
        here = threading.get_ident() == thread and tf.executing_eagerly()
        return not here or type(variable) is not Variable

    def remember(variable, value):
        if is_ordinary(variable) or isinstance(value, tf.Variable):
            _INITIALIZE(variable, value)
            return
        variable.__dict__["_pending"] = value
        variable.__class__ = LazyVariable

    def remember_initializer(variable, initializer):
        if is_ordinary(variable) or type(initializer) not in _CONSTANT:
            _INITIALIZE_WITH_INITIALIZER(variable, initializer)
            return
        make = _CONSTANT[type(initializer)]
        remember(variable, functools.partial(make, variable._shape, variable._dtype))

    Variable._initialize = remember
    Variable._initialize_with_initializer = remember_initializer
    try:
        yield
    finally:
        Variable._initialize = _INITIALIZE
        Variable._initialize_with_initializer = _INITIALIZE_WITH_INITIALIZER


def initial_value(variable):
    """The value of a Keras variable; one that is lazy stays so.

    Args:
        variable: Keras variable.

    Returns:
        Array.
    """
    if type(variable) is not LazyVariable:
        return np.asarray(variable)
    value = variable.__dict__["_pending"]
    return np.asarray(value() if callable(value) else value).astype(variable.dtype, copy=False)
