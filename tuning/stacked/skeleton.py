"""What trials of one stack share of their models' structure, and where they may differ in width."""

import keras
import numpy as np

from tuning.stacked.description import numbers_apart
from tuning.stacked.errors import NotStackable
from tuning.stacked.graph import WIDTHS, function_of, graph_of
from tuning.stacked.stackable_layers import is_rate_dropout

_KERAS_MODELS = ("keras.src.models.functional", "keras.src.models.sequential")
_METHODS = "call", "compute_loss", "compute_metrics", "train_step", "test_step"
_METHODS += "make_train_function", "make_test_function", "evaluate", "fit"
"""Methods of a model that a stack has no use for."""


class Skeleton:
    """A model's graph, with the widths that other trials of its stack may have otherwise.

    Args:
        model: Built Functional or Sequential model.
        treatments: `Treatments`, shared by all models.

    Attributes:
        key: Hashable; equal for models that are the same but for such widths and numbers.
        numbers: Of what it is described by, the floating-point numbers.
        settings: The `Settings` of its trial, once a `Grouping` has looked at it.
        widths: `{place: width}` of the nodes whose width may differ.

    Raises:
        NotStackable: If the model is of another kind.
    """

    def __init__(self, model, treatments):
        if type(model).__module__ not in _KERAS_MODELS:
            raise NotStackable(f"a {type(model).__name__} is neither Functional nor Sequential")
        own = [name for name in _METHODS if name in vars(model)]
        if own:
            raise NotStackable(f"the model was given a {own[0]} of its own")
        if not hasattr(function_of(model), "_nodes_by_depth"):
            raise NotStackable("its layers cannot be traced without data")
        self.nodes = graph_of(model)
        self._treatments = [treatments.of(node, self.nodes) for node in self.nodes]
        fixed = self._places_that_may_not_be_padded()
        self.widths = {
            place: node.operation.get_config()[treatment.width]
            for place, (node, treatment) in enumerate(
                zip(self.nodes, self._treatments, strict=True)
            )
            if treatment.width and place not in fixed
        }
        calls = tuple(self._describe(place) for place in range(len(self.nodes)))
        calls, self.numbers = numbers_apart(calls)
        self.key = (*calls, *_interface(function_of(model)), *self._treatments)
        self.settings = None

    def _places_that_may_not_be_padded(self):
        fixed, further = set(), {place for place, node in enumerate(self.nodes) if node.is_output}
        while further:
            fixed |= further
            for place in reversed(range(len(self.nodes))):
                reads = self._treatments[place].reads
                if reads == "all" or (reads != "kernel" and place in fixed):
                    fixed |= set(self.nodes[place].sources)
            further = self._uneven_joins(fixed)
        return fixed

    def _uneven_joins(self, fixed):
        """Places that join channels some of which may be padded while others are never."""
        padded, uneven = set(), set()
        for place, (node, treatment) in enumerate(zip(self.nodes, self._treatments, strict=True)):
            sources = set(node.inputs)
            if treatment.reads in ("kernel", "all"):
                is_padded = treatment.width and place not in fixed
            else:
                is_padded = bool(sources & padded)
            if is_padded:
                padded.add(place)
                if treatment.reads == "channels" and sources - padded:
                    uneven.add(place)
        return uneven

    def _describe(self, place):
        node = self.nodes[place]
        operation = node.operation
        if isinstance(operation, keras.layers.InputLayer):
            return "input", tuple(operation.batch_shape), str(operation.dtype)
        is_layer = isinstance(operation, keras.layers.Layer)
        widths = tuple(getattr(operation, width, None) for width in WIDTHS if is_layer)
        config = str(operation.dtype_policy.name) if is_rate_dropout(operation) else node.config
        first = [other.operation for other in self.nodes].index(operation)
        return (
            type(operation),
            config,
            None if place in self.widths else widths,
            node.sources,
            node.arguments,
            first,
        )

    def treatment(self, place):
        """The `Treatment` of the node at a place."""
        return self._treatments[place]

    def layouts(self, widths):
        """Which channels of a wider model's nodes are this model's.

        Args:
            widths: `{place: width}` of the wider model.

        Returns:
            `{place: array of bool, (channels,)}` for the nodes that the wider model may pad.
        """
        layouts = {}
        for place, node in enumerate(self.nodes):
            reads = self._treatments[place].reads
            sources = [layouts.get(source) for source in node.inputs]
            if place in widths:
                layouts[place] = np.arange(widths[place]) < self.widths[place]
            elif reads in ("kernel", "all") or all(source is None for source in sources):
                continue
            elif reads == "flatten":
                pixels = node.shape[-1] // self.nodes[node.sources[0]].shape[-1]
                layouts[place] = np.tile(sources[0], pixels)
            elif reads == "concatenate":
                shapes = [self.nodes[source].shape for source in node.inputs]
                layouts[place] = np.concatenate(
                    [
                        np.ones(shape[-1], bool) if layout is None else layout
                        for layout, shape in zip(sources, shapes, strict=True)
                    ]
                )
            else:
                if any(s is None or not np.array_equal(s, sources[0]) for s in sources):
                    raise NotStackable(f"{node.operation.name} joins channels padded differently")
                layouts[place] = sources[0]
        return layouts


def _interface(function):
    """How data go in and out: names count where there are several, for arrays and metrics."""
    outputs = tuple(function.output_names) if len(function.outputs) > 1 else ()
    structures = function._inputs_struct, function._outputs_struct
    return outputs, *(repr(keras.tree.map_structure(lambda _: 0, s)) for s in structures)
