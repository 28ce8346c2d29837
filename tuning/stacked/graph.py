"""A model as the list of the calls of its layers."""

import dataclasses
import functools
import hashlib
import json

import keras

from tuning.stacked.description import (
    Number,
    described,
    is_of_keras,
    own_attributes,
    settings_of,
    without_beginnings,
)
from tuning.stacked.stackable_layers import cell_of, strengths_of

WIDTHS = ("units", "filters")  # how Keras's layers call the number of channels they make
LOOKUPS = keras.layers.StringLookup, keras.layers.IntegerLookup, keras.layers.TextVectorization
"""Layers whose vocabulary is no variable, nor in the configuration of one that was adapted."""


@dataclasses.dataclass(frozen=True, eq=False)
class Node:
    """One call of an operation in a model's graph."""

    operation: object
    """Keras layer or operation."""
    sources: tuple
    """Places in the graph of the nodes whose outputs it reads."""
    inputs: tuple
    """Those of them whose channels it reads: all but masks."""
    arguments: tuple
    """Description of its other arguments."""
    shape: tuple | None
    """Shape of its output, None if it has several."""
    is_output: bool
    """Whether the model returns it."""

    @functools.cached_property
    def config(self):
        """What the operation's training depends on, hashable: without names and beginnings."""
        is_layer = isinstance(self.operation, keras.layers.Layer)
        config = self.operation.get_config() if is_layer else {}
        # Its own width is looked at elsewhere; those of layers inside it are as they are.
        own = [width for width in WIDTHS if hasattr(self.operation, width)]
        config = {key: value for key, value in config.items() if key not in own}
        for name, _ in strengths_of(self.operation):
            config[name] = type(getattr(self.operation, name)).__name__
        parts = {}
        if not (is_layer and is_of_keras(type(self.operation))):
            parts = {k: v for k, v in own_attributes(self.operation).items() if k not in own}
        for name in config:  # a constraint of one's own, say, or a Lambda's function
            part = getattr(self.operation, name, None)
            if callable(part) and not is_of_keras(type(part)) and not is_of_keras(part):
                parts[name] = settings_of(part)
        config = {name: value for name, value in config.items() if name not in parts}
        if isinstance(self.operation, LOOKUPS):
            config["vocabulary"] = _vocabulary_of(self.operation)
        numbers = []
        config = _without_numbers(without_beginnings(config), numbers)
        text = json.dumps(config, sort_keys=True, default=repr)
        return text, tuple(numbers), described(parts)


def is_recurrent(operation):
    """Whether a layer goes through its inputs in a loop of TensorFlow's, itself or inside it."""
    layers = operation._flatten_layers() if isinstance(operation, keras.layers.Layer) else ()
    return any(isinstance(layer, keras.layers.RNN) and not layer.unroll for layer in layers)


def kernels_of(layer):
    """The weights by which a layer reads its inputs, and by which it reads its own last outputs.

    Args:
        layer: Keras layer.

    Returns:
        Two Keras variables, None for what the layer does not have.
    """
    cell = cell_of(layer)
    return getattr(cell, "kernel", None), getattr(cell, "recurrent_kernel", None)


def function_of(model):
    """The Functional model that a model is: itself, or what a built Sequential model holds."""
    return getattr(model, "_functional", None) or model


def graph_of(model):
    """The calls of a Functional or built Sequential model, sources first.

    Args:
        model: Keras model.

    Returns:
        List of `Node`.
    """
    function = function_of(model)
    depths = sorted(function._nodes_by_depth, reverse=True)
    calls = [call for depth in depths for call in function._nodes_by_depth[depth]]
    places = {id(call): place for place, call in enumerate(calls)}
    returned = {id(tensor) for tensor in keras.tree.flatten(model.outputs)}
    nodes = []
    for call in calls:
        # A nested model's input has a history of its own, outside this graph.
        sources = [] if call.is_input else [places[id(parent)] for parent in call.parent_nodes]
        masks = set(map(id, keras.tree.flatten(call.arguments.kwargs.get("mask"))))
        given = zip(sources, call.arguments.keras_tensors, strict=True)
        others = [a for a in call.arguments._flat_arguments if not isinstance(a, keras.KerasTensor)]
        nodes.append(
            Node(
                operation=call.operation,
                sources=tuple(sources),
                inputs=tuple(place for place, tensor in given if id(tensor) not in masks),
                arguments=() if call.is_input else described(others),
                shape=tuple(call.outputs[0].shape) if len(call.outputs) == 1 else None,
                is_output=any(id(tensor) in returned for tensor in call.outputs),
            )
        )
    return nodes


def _without_numbers(config, numbers):
    """A configuration without its floating-point numbers, which are added to a list."""
    if isinstance(config, dict):
        return {key: _without_numbers(config[key], numbers) for key in sorted(config)}
    if isinstance(config, list | tuple):
        return [_without_numbers(value, numbers) for value in config]
    if isinstance(config, float):
        numbers.append(Number(repr(config)))
        return "a number"
    return config


def _vocabulary_of(layer):
    """What a layer looks terms up in, and their weights, as text."""
    lookup = getattr(layer, "_lookup_layer", layer)
    weights = getattr(lookup, "idf_weights_const", None)
    terms = repr((layer.get_vocabulary(), None if weights is None else weights.numpy().tolist()))
    return hashlib.sha256(terms.encode()).hexdigest()
