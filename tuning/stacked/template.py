"""The model that a whole stack is traced through, and how each trial's arrays fit into it."""

import dataclasses

import keras
import numpy as np

from tuning.stacked.graph import LOOKUPS, function_of, kernels_of
from tuning.stacked.randomness import undisturbed_seeds
from tuning.stacked.stackable_layers import RateDropout, stackable

_MULTIPLE = 4  # widths are rounded up to it: templates repeat, products are no slower
_ALIKE = 0.9  # of the widest: what is as wide becomes as wide as that


@dataclasses.dataclass(frozen=True)
class Entry:
    """One variable of the template, and where a trial's model has its own."""

    place: int
    """Node of the graph."""
    index: int
    """Place among its layer's trainable (or else non-trainable) variables, or strengths."""
    kind: str
    """`trainable`, `state`, `rate` of a dropout, `strength` of a penalty, or `seed` of a random
    layer."""
    shape: tuple
    """Shape in the template."""
    dtype: str
    """Type in the template."""
    axes: tuple
    """For each axis the node whose channels it counts, None if it is never padded. It may count
    them several times over, as for each gate of a recurrent layer."""


class Template:
    """A model with each layer's largest width, for models of one skeleton.

    Trials are zero in the padding. All of a template's own weights are stand-ins.

    Args:
        model: A Keras model of the skeleton.
        skeleton: Its `Skeleton`.
        widths: `{place: width}`, at least as large as any trial's.

    Attributes:
        model: The template, not compiled.
        trainable: `Entry` of each of the template's trainable variables.
        others: `Entry` of each of its non-trainable ones.
    """

    def __init__(self, model, skeleton, widths):
        self.widths = widths
        self._skeleton = skeleton
        self._clones = {}
        graph = function_of(model)
        graph = keras.Model(graph._inputs_struct, graph._outputs_struct)  # uncompiled
        with undisturbed_seeds():
            self.model = keras.models.clone_model(graph, clone_function=self._clone)
        self._entries = dict(self._find_entries())
        self.trainable = [self._entries[id(v)] for v in self.model.trainable_variables]
        self.others = [self._entries[id(v)] for v in self.model.non_trainable_variables]

    def _clone(self, operation):
        clone = operation  # a lookup has no weights, and is the same in all trials
        if isinstance(operation, keras.layers.Layer) and not isinstance(operation, LOOKUPS):
            place = [node.operation for node in self._skeleton.nodes].index(operation)
            changes = {}
            if place in self.widths:
                changes[self._skeleton.treatment(place).width] = self.widths[place]
            clone = stackable(operation, **changes)
        self._clones[id(operation)] = clone
        return clone

    def _find_entries(self):
        padded = self._skeleton.layouts(self.widths)
        for place, node in enumerate(self._skeleton.nodes):
            layer = self._clones.get(id(node.operation))
            if not isinstance(layer, keras.layers.Layer):
                continue
            for index, variable in enumerate(layer.trainable_variables):
                yield id(variable), self._entry(place, index, "trainable", variable, layer, padded)
            strengths = getattr(layer, "strengths", ())
            for index, variable in enumerate(strengths):
                yield variable, Entry(place, index, "strength", (), layer.variable_dtype, ())
            others = [v for v in layer.non_trainable_variables if id(v) not in strengths]
            for index, variable in enumerate(others):
                kind = "seed" if "seed_generator_state" in variable.path else "state"
                if isinstance(layer, RateDropout) and kind == "state":
                    kind = "rate"
                yield id(variable), self._entry(place, index, kind, variable, layer, padded)

    def _entry(self, place, index, kind, variable, layer, padded):
        axes = [None] * len(variable.shape)
        if axes and place in padded and kind in ("trainable", "state"):
            axes[-1] = place
        sources = self._skeleton.nodes[place].sources
        kernel, recurrent_kernel = kernels_of(layer)
        if variable is kernel and sources[0] in padded:
            axes[-2] = sources[0]
        if variable is recurrent_kernel and place in padded:
            axes[-2] = place
        return Entry(place, index, kind, tuple(variable.shape), variable.dtype, tuple(axes))

    @property
    def padded_places(self):
        """Nodes whose channels some weight counts, in the order of the graph."""
        return sorted({axis for e in self._entries.values() for axis in e.axes if axis is not None})


def rounded(widths):
    """Widths rounded up: a template that a later trial does not fit into costs seconds.

    Args:
        widths: `{place: width}`.

    Returns:
        `{place: width}`.
    """
    widest = max(widths.values(), default=0)
    # Probably of one range, of which all of them together have seen the end sooner.
    widths = {p: widest if width >= _ALIKE * widest else width for p, width in widths.items()}
    return {
        place: width if width < _MULTIPLE else -(-width // _MULTIPLE) * _MULTIPLE
        for place, width in widths.items()
    }


def pad(array, entry, layouts):
    """A trial's array in the template's shape, zero where the trial has nothing.

    Args:
        array: The trial's array.
        entry: `Entry` of the variable.
        layouts: What `Skeleton.layouts` returned for the trial.
    """
    if all(axis is None for axis in entry.axes):
        return np.asarray(array)
    padded = np.zeros(entry.shape, array.dtype)
    padded[_real(entry, layouts)] = array
    return padded


def crop(padded, entry, layouts):
    """The trial's own part of an array in the template's shape.

    Args:
        padded: Array of the template's shape.
        entry: `Entry` of the variable.
        layouts: What `Skeleton.layouts` returned for the trial.
    """
    return padded if all(axis is None for axis in entry.axes) else padded[_real(entry, layouts)]


def _real(entry, layouts):
    sizes = zip(entry.shape, entry.axes, strict=True)
    return np.ix_(
        *(np.ones(n, bool) if axis is None else np.resize(layouts[axis], n) for n, axis in sizes)
    )
