"""Numbers that are constants of a trial's own graph, and others in each trial of a stack.

A noise's deviation, a loss's exponent, a momentum of moving averages: whoever reads them, and
however, they end as constants of the graph that TensorFlow traces. Trials whose graphs are the same
but for such constants are one program, which takes them as arguments.
"""

import contextlib
import dataclasses
import hashlib

import numpy as np
import tensorflow as tf

from tuning.stacked.measures import losses_of
from tuning.stacked.one_trial import OneTrial
from tuning.stacked.randomness import drawing_nothing
from tuning.stacked.template import Template
from tuning.stacked.turns import TURNS
from tuning.stacked.vectorizer import graph_of_one, is_number

_IGNORED = "_class", "_gradient_op_type"
"""Attributes of operations that are other names in each graph."""


@dataclasses.dataclass(frozen=True)
class Lifted:
    """Those of a graph's floating-point constants that are arguments instead."""

    places: tuple
    """Integers, in ascending order."""
    total: int
    """How many constants the graph has."""


class Variant:
    """One of a family's programs, and the constants of its trials.

    Attributes:
        lifted: `{function of OneTrial: Lifted}`: what is not the same in all trials so far.
    """

    def __init__(self):
        self._first, self.lifted = None, {}

    def take(self, constants):
        """Takes in a trial; arrays that are the same in the first one become those."""
        if self._first is None:
            self._first = constants
        for name, places in differing([self._first, constants]).items():
            known = self.lifted[name].places if name in self.lifted else ()
            places = tuple(sorted({*known, *places.places}))
            self.lifted = self.lifted | {name: Lifted(places, len(constants[name]))}
        for name, values in constants.items():
            for place, first in enumerate(self._first[name]):
                if name not in self.lifted or place not in self.lifted[name].places:
                    values[place] = first


@dataclasses.dataclass(eq=False)
class Settings:
    """The numbers of a trial, as far as its program is not the same for any number."""

    variant: Variant = dataclasses.field(default_factory=Variant)
    """Which of the family's programs it is."""
    constants: dict | None = None
    """`{function of OneTrial: [array]}`: all of its graphs' floating-point constants, in order;
    None while no other trial of the family has other numbers."""


class Family:
    """Trials that are described alike but for numbers, and which of them are one program.

    Threads that ask for what is lifted, as those that trace, do so in turns (`TURNS.first`).

    Args:
        trace: Function of a model and its `Skeleton` to what `traced` returns.
    """

    def __init__(self, trace):
        self._trace = trace
        self._known, self._untraced, self._variants = {}, [], {}

    def settings_of(self, numbers, model, skeleton):
        """The `Settings` of a trial; one and the same for equal numbers.

        Args:
            numbers: What `numbers_apart` found.
            model: Compiled, built Keras model.
            skeleton: Its `Skeleton`.
        """
        if numbers not in self._known:
            settings = self._known[numbers] = Settings()
            self._untraced.append((settings, model, skeleton))
            if len(self._known) > 1:
                with TURNS.first():
                    while self._untraced:
                        self._read(*self._untraced.pop(0))
        return self._known[numbers]

    def _read(self, settings, model, skeleton):
        """Finds out which program a trial is, and its constants."""
        try:
            signature, settings.constants = self._trace(model, skeleton)
        except Exception:  # making a program of it will tell
            return
        settings.variant = self._variants.setdefault(signature, settings.variant)
        settings.variant.take(settings.constants)


def differing(trials):
    """Which constants are not the same in all of some trials.

    Args:
        trials: The `constants` of each, of one signature.

    Returns:
        `{function: Lifted}` for the functions that have any.
    """
    lifted = {}
    for name, first in trials[0].items():
        values = [{trial[name][place].tobytes() for trial in trials} for place in range(len(first))]
        places = tuple(place for place, each in enumerate(values) if len(each) > 1)
        lifted |= {name: Lifted(places, len(first))} if places else {}
    return lifted


def traced(model, skeleton, widths, data, validation=None, without_draws=False):
    """The graphs of what `OneTrial` computes for a model, by the model's own settings.

    Args:
        model: Compiled, built Keras model.
        skeleton: Its `Skeleton`.
        widths: `{place: width}` of the graphs.
        data: `Data` to train on.
        validation: `Data` to evaluate on, perhaps without sample weights. By default `data`.
        without_draws: Whether random layers do as in inference. Default False.

    Returns:
        `(signature, constants)`: equal for graphs that differ only in constants, return the same
        by the same names and begin with the same metrics; and these constants.
    """
    template = Template(model, skeleton, widths)
    trial = OneTrial(template, losses_of(model), data.labels)
    batch, evaluated = data.first(1), (data if validation is None else validation).first(1)
    digest, constants = hashlib.sha256(), {}
    with drawing_nothing(template.model) if without_draws else contextlib.nullcontext():
        for name, arguments in trial.arguments(batch, evaluated).items():
            function = getattr(trial, name)
            graph, _, results = graph_of_one(lambda own, of=function: of(*own), arguments)
            constants[name] = _read(graph, results, digest)
    for value in trial.fresh_metrics():
        digest.update(value.tobytes())
    return digest.digest(), constants


def _read(graph, results, digest):
    """A graph's floating-point constants; all else of it, and its results, go into the digest."""
    definition = graph.as_graph_def()
    library = {each.signature.name: each for each in definition.library.function}
    places = {node.name: str(place) for place, node in enumerate(definition.node)}
    constants = []
    for node in definition.node:
        is_constant = is_number(node)
        if is_constant:
            constants.append(tf.make_ndarray(node.attr["value"].tensor))
            digest.update(repr((constants[-1].shape, str(constants[-1].dtype))).encode())
        _digest_node(node, places, library, digest, but_for="value" if is_constant else None)
    for outside, inside in graph.captures:
        digest.update(places[inside.op.name].encode())
        digest.update(_value_of(outside))
    digest.update(repr(tf.nest.map_structure(lambda _: 0, results)).encode())
    for result in tf.nest.flatten(results):
        inside = not hasattr(result, "numpy")
        place = f"{places[result.op.name]}:{result.value_index}" if inside else ""
        digest.update(place.encode() or _value_of(result))
    return constants


def _digest_node(node, places, library, digest, but_for=None):
    """What a node does, and by what, whatever it and others are called."""
    digest.update(node.op.encode())
    for source in node.input:
        digest.update(_place_of(source, places).encode())
    for name in sorted(node.attr):
        if name not in (*_IGNORED, but_for):
            value = node.attr[name]
            digest.update(name.encode())
            for called in [value.func] if value.HasField("func") else value.list.func:
                _digest_function(library[called.name], library, digest)
            if not (value.HasField("func") or value.list.func):
                digest.update(value.SerializeToString(deterministic=True))


def _digest_function(definition, library, digest):
    """What a function of a graph does; the constants in it are part of that."""
    arguments, results = definition.signature.input_arg, definition.signature.output_arg
    named = [*arguments, *definition.node_def]
    places = {each.name: str(place) for place, each in enumerate(named)}
    for argument in arguments:
        digest.update(f"{argument.type};".encode())
    for node in definition.node_def:
        _digest_node(node, places, library, digest)
    for result in results:
        digest.update(_place_of(definition.ret[result.name], places).encode())


def _place_of(source, places):
    """An input of a node by its place in place of its name."""
    name, _, output = source.lstrip("^").partition(":")
    return f"{places[name]}:{output}{source[0] == '^'};"


def _value_of(tensor):
    """The bytes of a tensor, or of the variable that it is the handle of; of others none."""
    if tensor.dtype == tf.resource:
        kinds = tensor._handle_data.shape_and_type if tensor._handle_data else ()
        if not kinds:
            return b""  # a table, say
        tensor = tf.raw_ops.ReadVariableOp(resource=tensor, dtype=kinds[0].dtype)
    known = tensor.dtype != tf.variant and hasattr(tensor, "numpy")
    return np.asarray(tensor).tobytes() if known else b""
