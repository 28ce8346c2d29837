"""What a model measures: losses and metrics, built, and whether they add up over batches."""

import functools

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend import get_keras_mask
from keras.src.losses.loss import squeeze_or_expand_to_same_rank
from keras.src.trainers.compile_utils import CompileMetrics

from tuning.stacked.description import is_of_keras
from tuning.stacked.graph import function_of


def losses_of(model):
    """What a model was compiled with, of all that makes losses and metrics.

    Args:
        model: Compiled Keras model.

    Returns:
        Arguments of `compile`.
    """
    losses = {"loss": model._compile_loss._user_loss}
    losses["loss_weights"] = model._compile_loss._user_loss_weights
    if model._compile_metrics is not None:
        losses["metrics"] = model._compile_metrics._user_metrics
        losses["weighted_metrics"] = model._compile_metrics._user_weighted_metrics
    return losses


def build_measures(model, labels):
    """Builds a compiled model's losses and metrics, as its own first batch would.

    Args:
        model: Compiled, built Functional or Sequential model.
        labels: Labels of which shape and type are read, to choose the metrics.
    """
    outputs = function_of(model)._outputs_struct
    symbols = keras.tree.map_structure(_symbol, labels)
    model._compile_loss.build(symbols, outputs)
    if model._compile_metrics is not None:
        model._compile_metrics.build(symbols, outputs)


def fill_measures(model, labels):
    """Shows a model's metrics one example: some have no variables, or not all, before that."""
    if model._compile_metrics is not None:
        structures = labels, function_of(model)._outputs_struct
        model._compile_metrics.update_state(*keras.tree.map_structure(_one_example, structures))


def adds_up(model, labels):
    """Whether an evaluation gives the same numbers however the examples are divided into batches.

    That is so where each number is a mean over examples, or made of sums over them. It is not for
    several outputs, whose losses Keras averages over batches, nor for what is masked, whose share
    differs between batches, nor for a root of a mean, say.

    Args:
        model: Compiled, built Functional or Sequential model.
        labels: Its labels.
    """
    outputs = keras.tree.flatten(function_of(model)._outputs_struct)
    if len(outputs) > 1 or get_keras_mask(outputs[0]) is not None:
        return False
    if any(map(_adds_a_loss, model._flatten_layers())):
        return False
    measures = keras.tree.flatten(model._compile_loss._user_loss)
    if model._compile_metrics is not None:
        measures += _within(model._compile_metrics)
    pair = _made_up(keras.tree.flatten(labels)[0], outputs[0])
    return all(_is_for_each_example(measure, pair) for measure in measures if measure is not None)


def _within(metric):
    """A metric; in place of what Keras makes of all that a model was compiled with, each of them.

    keras-tuner compiles anew with these made ones, where it was given an optimiser or a loss.
    """
    if not isinstance(metric, CompileMetrics):
        return [metric]
    given = keras.tree.flatten([metric._user_metrics, metric._user_weighted_metrics])
    return [each for one in given for each in _within(one)]


def _adds_a_loss(layer):
    code = getattr(getattr(type(layer), "call", None), "__code__", None)
    return not is_of_keras(type(layer)) and (code is None or "add_loss" in code.co_names)


def _is_for_each_example(measure, pair):
    if isinstance(measure, str):
        try:
            measure = keras.losses.get(measure)
        except ValueError:  # the name of a metric alone, which is a sum or a mean
            return True
    if isinstance(measure, keras.Loss):
        is_mean = measure.reduction == "sum_over_batch_size"
        return is_mean and _is_for_each_example(measure.call, pair)
    if isinstance(measure, keras.metrics.MeanMetricWrapper):
        function = functools.partial(measure._fn, **measure._fn_kwargs)
        return _is_for_each_example(function, pair)
    if isinstance(measure, keras.Metric | type):
        return is_of_keras(measure if isinstance(measure, type) else type(measure))
    half = _EXAMPLES // 2
    try:
        values = measure(*pair)
        is_masked = get_keras_mask(values) is not None
        alone = measure(*(array[:half] for array in pair))
        return not is_masked and np.allclose(values[:half], alone)
    except Exception:  # there is no number for each, or it has something against these
        return False


_EXAMPLES = 4


def _made_up(labels, outputs):
    """Labels and outputs of a few examples, as Keras hands them to losses and metrics."""
    draw = np.random.default_rng(0)
    labels, outputs = ([_EXAMPLES, *(n or 1 for n in each.shape[1:])] for each in (labels, outputs))
    pair = draw.integers(0, 2, labels), draw.uniform(0.1, 0.9, outputs)
    return squeeze_or_expand_to_same_rank(*(tf.constant(array, "float32") for array in pair))


def _one_example(symbol):
    return tf.zeros((1, *symbol.shape[1:]), symbol.dtype)


def _symbol(array):
    dtype = keras.backend.standardize_dtype(array.dtype)
    return keras.KerasTensor((None, *array.shape[1:]), dtype)
