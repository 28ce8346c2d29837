"""How a layer treats channels that are padding: tried out, not looked up by its name.

A layer keeps its channels apart if changing one of them changes no other; it reads them through its
kernel if a channel whose kernel row is zero does not matter. A recurrent layer reads its own last
outputs likewise.
"""

import dataclasses

import keras
import numpy as np

from tuning.stacked.graph import WIDTHS, kernels_of
from tuning.stacked.randomness import draws_always, undisturbed_seeds
from tuning.stacked.stackable_layers import made_anew

_CHANNELS = 3  # of the inputs of a layer on trial
_UNITS = 2  # or filters, of the layer
_STEPS = 3  # of a recurrent one


@dataclasses.dataclass(frozen=True)
class Treatment:
    """How an operation treats the channels, the last axis, of what it reads and makes."""

    reads: str
    """`channels`: one by one; `kernel`; `flatten`; `concatenate`; `all`: may not be padded."""
    width: str | None = None
    """Argument that sets how many channels it makes, if others do not notice a further one."""


class Treatments:
    """Finds out the treatment of each kind of layer, once."""

    def __init__(self):
        self._known = {}

    def of(self, node, graph):
        """The `Treatment` of a node.

        Args:
            node: `Node` of `graph`.
            graph: What `graph_of` returned.
        """
        layer = node.operation
        if isinstance(layer, keras.layers.InputLayer) or not isinstance(layer, keras.layers.Layer):
            return Treatment("all")
        if draws_always(layer):
            return Treatment("all")  # in another width it would draw something else
        if sum(other.operation is layer for other in graph) > 1:
            return Treatment("all")  # called twice, it would have to suit both of its inputs
        shapes = [graph[source].shape for source in node.inputs]
        if any(shape is None or len(shape) < 2 for shape in shapes):
            return Treatment("all")
        key = type(layer), node.config, tuple(shape[1:-1] for shape in shapes)
        if key not in self._known:
            with undisturbed_seeds():
                self._known[key] = _try_out(layer, shapes)
        return self._known[key]


def _try_out(layer, shapes):
    if type(layer) is keras.layers.Flatten and layer.data_format == "channels_last":
        return Treatment("flatten")
    if type(layer) is keras.layers.Concatenate and layer.axis in (-1, len(shapes[0]) - 1):
        return Treatment("concatenate")
    try:
        trial = _LayerOnTrial(layer, shapes)
        if trial.keeps_channels_apart():
            return Treatment("channels")
        if trial.reads_through_its_kernel():
            widths = [width for width in WIDTHS if width in layer.get_config()]
            width = widths[0] if widths and trial.makes_channels_apart() else None
            return Treatment("kernel", width)
    except Exception:  # a layer that cannot even be tried may do anything
        return Treatment("all")
    return Treatment("all")


class _LayerOnTrial:
    """A small copy of a layer, with random weights and inputs."""

    def __init__(self, layer, shapes):
        config = layer.get_config() | {"name": "trial"}
        config |= {width: _UNITS for width in WIDTHS if width in config}
        self.layer = made_anew(layer, config)
        draw = np.random.default_rng(0)
        spaces = [[size or 7 for size in shape[1:-1]] for shape in shapes]
        if isinstance(layer, keras.layers.RNN):
            spaces[0][0] = _STEPS
        self.inputs = [draw.normal(size=(4, *s, _CHANNELS)).astype("float32") for s in spaces]
        self._call_layer(self.inputs)
        self.weights = [
            np.asarray(v) if _is_seed(v) else draw.uniform(0.5, 1.5, v.shape)
            for v in self._variables()
        ]
        self.outputs = self.call()

    def _variables(self):
        return self.layer.trainable_variables + self.layer.non_trainable_variables

    def _call_layer(self, inputs):
        training = {"training": True} if self.layer._call_has_training_arg else {}
        return self.layer(inputs if len(inputs) > 1 else inputs[0], **training)

    def call(self, weights=None, inputs=None):
        """Output of the layer and its updated variables, for these weights and inputs."""
        variables = self._variables()
        values = self.weights if weights is None else weights
        values = [keras.ops.cast(w, v.dtype) for w, v in zip(values, variables, strict=True)]
        mapping = list(zip(variables, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            outputs = self._call_layer(self.inputs if inputs is None else inputs)
            moved = [v for v in self.layer.non_trainable_variables if not _is_seed(v)]
            updated = [scope.get_current_value(v) for v in moved]
        return np.asarray(outputs), [np.asarray(u) for u in updated if u is not None]

    def _changed_inputs(self):
        return [np.concatenate([x[..., :1] * 2 + 1, x[..., 1:]], -1) for x in self.inputs]

    def _weights(self, channels=None, unread=None):
        """The weights, changed.

        Args:
            channels: If given, the first of so many channels is changed in each weight, which may
                have them several times over.
            unread: Kernel whose row for the first channel becomes zero.
        """
        weights = [np.array(weight) for weight in self.weights]
        for weight, variable in zip(weights, self._variables(), strict=True):
            if channels and not _is_seed(variable):
                first = (..., slice(None, None, channels)) if weight.ndim else ...
                weight[first] = weight[first] * 2 + 1
            if variable is unread:
                weight[..., 0, :] = 0
        return weights

    def keeps_channels_apart(self):
        """Whether no other channel notices a change in the first one of inputs and weights."""
        outputs, updated = self.outputs
        if outputs.shape[-1] != _CHANNELS:
            return False
        changed, updates = self.call(self._weights(_CHANNELS), self._changed_inputs())
        others = zip([outputs, *updated], [changed, *updates], strict=True)
        return all(np.array_equal(before[..., 1:], after[..., 1:]) for before, after in others)

    def reads_through_its_kernel(self):
        """Whether an input channel whose kernel row is zero does not matter."""
        kernel, _ = kernels_of(self.layer)
        if not isinstance(kernel, keras.Variable) or kernel.shape[-2:-1] != (_CHANNELS,):
            return False
        made = self.outputs[0].shape[-1]
        if any(not v.shape or v.shape[-1] % made for v in self._variables() if not _is_seed(v)):
            return False
        weights = self._weights(unread=kernel)
        before, after = self.call(weights)[0], self.call(weights, self._changed_inputs())[0]
        return np.array_equal(before, after)

    def makes_channels_apart(self):
        """Whether no other output channel notices a change in the first one's weights.

        A recurrent layer's others do, unless their rows for the first one are zero.
        """
        _, recurrent_kernel = kernels_of(self.layer)
        made = self.outputs[0].shape[-1]
        before = self.call(self._weights(unread=recurrent_kernel))[0]
        after = self.call(self._weights(made, unread=recurrent_kernel))[0]
        return np.array_equal(before[..., 1:], after[..., 1:])


def _is_seed(variable):
    return "seed_generator_state" in variable.path
