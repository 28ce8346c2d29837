"""How the two rivals written by hand begin a trial: arrays with zeros up to a common width.

Nothing has to be masked: where a unit's incoming weights are zero, its z, its batch statistics and
its activation are zero, hence its gradients are too, and its outgoing weights stay zero.
"""

import itertools

import numpy as np

MOMENTUM, EPSILON = 0.9, 1e-3
"""The batch norm's, as in `recipes.ingredients.mlp`."""


def begin(values, inputs, classes, width, generator):
    """A trial's state before the first step.

    Args:
        values: Hyperparameters by their own names.
        inputs: Number of features.
        classes: Number of classes.
        width: Units of each hidden layer, padding included.
        generator: `np.random.Generator`.

    Returns:
        `{"weights", "velocity", "averages"}`, nests of float32 arrays.
    """
    layers, units = values["hidden_layers"], values["hidden_units"]
    real = [inputs, *[units] * layers, classes]
    whole = [inputs, *[width] * layers, classes]
    kernels = [np.zeros(shape, np.float32) for shape in itertools.pairwise(whole)]
    for kernel, rows, columns in zip(kernels, real[:-1], real[1:], strict=True):
        bound = np.sqrt(6 / (rows + columns))
        kernel[:rows, :columns] = generator.uniform(-bound, bound, (rows, columns))
    weights = {"kernels": kernels, "bias": np.zeros(classes, np.float32)}
    weights["gammas"] = [np.ones(width, np.float32) for _ in range(layers)]
    weights["betas"] = [np.zeros(width, np.float32) for _ in range(layers)]
    zeros = [np.zeros(width, np.float32) for _ in range(layers)]
    averages = {"means": zeros, "variances": zeros, "weight": np.float32(0)}
    return {"weights": weights, "velocity": zeros_like(weights), "averages": averages}


def zeros_like(weights):
    """Zeros in the shapes of a state's weights."""
    return {
        name: [np.zeros_like(a) for a in own] if isinstance(own, list) else np.zeros_like(own)
        for name, own in weights.items()
    }


def numbers_of(values):
    """The optimiser's numbers of a trial, float32."""
    names = "learning_rate", "sgd_momentum", "learning_rate_decay"
    return {name: np.float32(values[name]) for name in names}


def arrays_of(work):
    """Training part and validation part as `(x, labels)`, features flattened."""
    parts = {"train": work.data.train, "validation": work.data.validation}
    return tuple(
        (work.features[name].reshape(len(part.labels), -1), part.labels.astype(np.int32))
        for name, part in parts.items()
    )


def orders(examples, epochs, batch_size, seed):
    """For each epoch the rows of the whole batches and of the rest, as the tuner's are."""
    whole = examples // batch_size * batch_size
    for epoch in range(epochs):
        rows = np.random.default_rng([seed, epoch]).permutation(examples).astype(np.int32)
        yield rows[:whole].reshape(-1, batch_size), rows[whole:]


def by_program(work, trials):
    """`{(hidden layers, batch size): places of the trials}`."""
    places = {}
    for place, hp in enumerate(trials):
        values = work.values(hp)
        key = values["hidden_layers"], values["batch_size"]
        places.setdefault(key, []).append(place)
    return places
