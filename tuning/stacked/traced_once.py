"""Functions that are traced once, whatever the sizes; XLA then compiles for each."""

import contextlib

import tensorflow as tf

from tuning.stacked.turns import TURNS


@contextlib.contextmanager
def unoptimized_graphs():
    """Keeps TensorFlow from rewriting graphs that are called for the first time.

    For a stack's it takes a quarter of a second each, and they run no faster.
    """
    name = "disable_meta_optimizer"
    before = tf.config.optimizer.get_experimental_options().get(name, False)
    tf.config.optimizer.set_experimental_options({name: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({name: before})


class TracedOnce:
    """A function that TensorFlow traces once, for any numbers of trials, examples and steps.

    It is called as the graph that it was traced to, or through XLA, which compiles that graph for
    each combination of sizes.

    Args:
        function: Function of nests of tensors.
        free_axes: For each argument, how many leading axes may have any size.
    """

    def __init__(self, function, free_axes):
        self._function, self._free_axes = function, free_axes
        self._traced = self._compiled = None
        self._called = {}

    def __call__(self, *arguments, jit_compile=False):
        """Calls the function, after tracing it if it has not been; through XLA if wanted."""
        if jit_compile not in self._called:
            with TURNS.first():
                if self._traced is None:
                    self._trace(arguments)
                made = self._compiled if jit_compile else self._traced
                self._called[jit_compile] = made.get_concrete_function()
        function = self._called[jit_compile]
        # Its own way of taking arguments checks each of a few hundred, every time.
        flat = [*tf.nest.flatten(arguments), *function.captured_inputs]
        # The compiler needs no Python, and takes a second.
        with TURNS.without_python() if jit_compile else contextlib.nullcontext():
            results = function.inference_fn.call_flat(*flat)
        return function.function_type.pack_output(results)

    def _trace(self, arguments):
        pairs = zip(arguments, self._free_axes, strict=True)
        how = {
            "input_signature": [_with_free_axes(argument, free) for argument, free in pairs],
            "autograph": False,
        }
        self._traced = tf.function(self._function, **how)
        self._compiled = tf.function(self._traced, jit_compile=True, **how)

    @property
    def traces(self):
        """How often it was traced: 1, once it has been called."""
        return self._traced.experimental_get_tracing_count() if self._traced else 0


def _with_free_axes(argument, free):
    return tf.nest.map_structure(
        lambda tensor: tf.TensorSpec([None] * free + tensor.shape[free:].as_list(), tensor.dtype),
        argument,
    )
