"""Weights that several trials' models have in common: those of a layer made outside of `build`."""

import dataclasses
import weakref


@dataclasses.dataclass
class _Weight:
    """What is known of one weight."""

    variable: weakref.ref
    model: weakref.ref
    """The first model that has it."""
    is_shared: bool = False
    is_trained: bool = False
    """Whether any of its models trains it."""


class Sharing:
    """Which models share weights that one of them trains.

    `fit` gives the next trial what the last one has left there, trainable as it was set last;
    models that are built before any of them is trained know nothing of either.
    """

    def __init__(self):
        self._known = {}

    def take(self, model):
        """Takes in a built model."""
        trained = set(map(id, model.trainable_weights))
        for variable in model.weights:
            known = self._known.get(id(variable))
            if known is None or known.variable() is not variable:
                known = _Weight(weakref.ref(variable), weakref.ref(model))
                self._known[id(variable)] = known
            known.is_shared |= known.model() is not model
            known.is_trained |= id(variable) in trained

    def objection(self, model):
        """Why a model that was taken in cannot be stacked, as far as is known by now, or None."""
        for known in map(self._known.get, map(id, model.weights)):
            if known and known.is_shared and known.is_trained:
                return "it shares weights with another trial, which are trained"
        return None
