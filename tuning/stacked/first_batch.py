"""Whether a stack computes what its trials' own models compute: on one batch, before training."""

import contextlib

import keras
import numpy as np
import tensorflow as tf

from tuning.stacked.stackable_layers import is_rate_dropout

_NAMES = "loss", "gradients", "averages"


def check_first_batch(stack, places=None):
    """Compares loss, gradients and moving averages of the first batch with the models' own.

    Dropout is left out, since its draws differ with the width.

    Args:
        stack: `Stack`.
        places: Trials to compare; by default the narrowest and the widest.

    Returns:
        None if they agree, or else a sentence that says what does not.
    """
    rows = np.arange(min(stack.batch_size, stack.data.examples))
    batch = tf.nest.map_structure(
        lambda a: None if a is None else tf.gather(a, rows), stack.data.arrays
    )
    try:
        computed = stack.first_step(batch)
    except Exception as error:  # whatever the vectoriser, Keras or a layer has against it
        return f"it cannot be vectorised: {str(error).strip().splitlines()[-1]}"
    for place in _extremes(stack) if places is None else places:
        own = _of_its_own_model(stack, place, batch)
        for name, ours, theirs in zip(_NAMES, computed[place], own, strict=True):
            if not _agree(ours, theirs, _tolerance(stack.model(place))):
                return f"in a stack, its {name} differ from its own model's"
    return None


def _extremes(stack):
    sizes = [stack.model(place).count_params() for place in range(len(stack))]
    return sorted({int(np.argmin(sizes)), int(np.argmax(sizes))})


def _of_its_own_model(stack, place, batch):
    """Loss, gradients and updated averages of one trial by its own Keras model."""
    model, (x, y, sample_weight) = stack.model(place), batch
    weights = [tf.convert_to_tensor(v) for v in model.trainable_variables]
    with _without_dropout(model), tf.GradientTape() as tape:
        tape.watch(weights)
        outputs, others, losses = model.stateless_call(
            weights, model.non_trainable_variables, x, training=True, return_losses=True
        )
        loss = model._compile_loss(y, outputs, sample_weight)
        loss = keras.ops.sum([loss, *losses]) if losses else loss
    gradients = tape.gradient(loss, weights, unconnected_gradients="zero")
    updated = {id(v): o for v, o in zip(model.non_trainable_variables, others, strict=True)}
    by_weight = dict(zip(map(id, model.trainable_variables), gradients, strict=True))
    trained, averages = stack.variables(place)
    return [loss], [by_weight[id(v)] for v in trained], [updated[id(v)] for v in averages]


@contextlib.contextmanager
def _without_dropout(model):
    rates = {layer: layer.rate for layer in model._flatten_layers() if is_rate_dropout(layer)}
    try:
        for layer in rates:
            layer.rate = 0.0
        yield
    finally:
        for layer, rate in rates.items():
            layer.rate = rate


def _tolerance(model):
    types = {layer.compute_dtype for layer in model._flatten_layers()} & {"float16", "bfloat16"}
    if types:
        return 0.1
    return 1e-3  # rounding, and kinks that it tips over


def _agree(ours, theirs, tolerance):
    ours, theirs = ([np.asarray(a, np.float64) for a in arrays] for arrays in (ours, theirs))
    total = np.sqrt(sum(np.sum(np.square(own)) for own in theirs))
    if not np.isfinite(total):
        return True  # this trial has diverged before it began, alone as in a stack
    for stacked, own in zip(ours, theirs, strict=True):
        bound = tolerance * max(np.linalg.norm(own), 0.01 * total)
        if not np.linalg.norm(stacked - own) <= bound:
            return False
    return True
