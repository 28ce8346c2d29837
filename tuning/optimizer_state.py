"""All that an optimiser keeps."""

import keras


def variables_of(optimizer):
    """Every variable of an optimiser, those that Keras's own list forgets included.

    `keras.optimizers.Nadam`, for one, keeps the product of its momenta beside that list.

    Args:
        optimizer: Built Keras optimiser.

    Returns:
        List of `keras.Variable`, Keras's own list first.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    listed = {id(variable) for variable in optimizer.variables}
    own = [value for value in vars(inner).values() if isinstance(value, keras.Variable)]
    return [*optimizer.variables, *(variable for variable in own if id(variable) not in listed)]
