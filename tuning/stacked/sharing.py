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

    By `fit` the next trial goes on from what the last one has left there, trainable as it was set
    last; models that are built before any of them is trained know nothing of either.
    """

    def __init__(self):
        self._known = {}

    def take(self, model):
        """Takes in a built model."""
        trained = set(map(id, model.trainable_weights))
        for variable in model.weights:
            known = self._of(variable, model)
            known.is_shared |= known.model() is not model
            known.is_trained |= id(variable) in trained

    def objection(self, model):
        """Why a model that was taken in cannot be stacked, as far as is known by now, or None."""
        known = [self._known.get(id(variable)) for variable in model.weights]
        if any(weight and weight.is_shared and weight.is_trained for weight in known):
            return "it shares weights with another trial, which are trained"
        return None

    def _of(self, variable, model):
        key = id(variable)
        if key not in self._known:
            while_alive = weakref.ref(variable, lambda _: self._known.pop(key, None))
            self._known[key] = _Weight(while_alive, weakref.ref(model))
        return self._known[key]
