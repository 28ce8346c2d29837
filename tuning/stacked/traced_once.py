"""Functions that are traced once, whatever the sizes; XLA then compiles for each."""

import threading

import tensorflow as tf


class TracedOnce:
    """A compiled function whose one trace serves any numbers of trials, examples and steps.

    Args:
        function: Function of nests of tensors.
        free_axes: For each argument, how many leading axes may have any size.
        jit_compile: Whether XLA compiles it, for each combination of sizes. Default False.
    """

    def __init__(self, function, free_axes, jit_compile=False):
        self._function, self._free_axes, self._jit_compile = function, free_axes, jit_compile
        self._traced, self._lock = None, threading.Lock()

    def __call__(self, *arguments):
        """Calls the function, after tracing it if it has not been."""
        with self._lock:
            if self._traced is None:
                pairs = zip(arguments, self._free_axes, strict=True)
                self._traced = tf.function(
                    self._function,
                    input_signature=[_with_free_axes(argument, free) for argument, free in pairs],
                    autograph=False,
                    jit_compile=self._jit_compile,
                )
        return self._traced(*arguments)

    @property
    def traces(self):
        """How often it was traced: 1, once it has been called."""
        return self._traced.experimental_get_tracing_count() if self._traced else 0


def _with_free_axes(argument, free):
    return tf.nest.map_structure(
        lambda tensor: tf.TensorSpec([None] * free + tensor.shape[free:].as_list(), tensor.dtype),
        argument,
    )
