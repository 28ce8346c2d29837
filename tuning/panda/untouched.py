"""A model to experiment on, which is afterwards as it was before."""

import contextlib
import random

import numpy as np
from keras.src.backend.common import global_state
from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR


@contextlib.contextmanager
def untouched(model):
    """Within it, a model may be trained; afterwards, whatever happened, it is as it was.

    Its variables come back bit by bit: weights, moving averages, states of random layers and of
    metrics. So do the generators of Python and Keras. Its optimiser is not to be used
    meanwhile: `with_numbers` makes another.

    Args:
        model: Built Keras model.

    Yields:
        A function that puts the variables back at once.
    """
    variables = [*model.variables, *model.metrics_variables]
    generator = global_state.get_global_attribute(GLOBAL_SEED_GENERATOR)
    variables += [] if generator is None else [generator.state]
    values = [np.array(variable) for variable in variables]
    of_python = random.getstate()

    def put_back():
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    try:
        yield put_back
    finally:
        put_back()
        random.setstate(of_python)
