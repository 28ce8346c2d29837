"""One trial's place in a stack: its model, its numbers, and which entries of the stack are its."""

import dataclasses

import numpy as np

from tuning.stacked.optimizers import numbers_of
from tuning.stacked.schedules import LearningRates
from tuning.stacked.template import crop, pad
from tuning.stacked.trial_state import TrialState, read_state, write_state


class Place:
    """One trial in a stack.

    Args:
        model: Compiled Keras model of the template's skeleton.
        skeleton: Its `Skeleton`.
        program: `Program` of the stack.
        state: `TrialState` to begin with; by default what is in the model.
    """

    def __init__(self, model, skeleton, program, state=None):
        self.model, self.skeleton = model, skeleton
        self._template, self._rule = program.template, program.rule
        self._lifted = program.lifted
        self.layouts = skeleton.layouts(self._template.widths)
        self.numbers, self.rates = numbers_of(model.optimizer), LearningRates(model.optimizer)
        if state is None:
            state = read_state(model, skeleton, self._template, self._rule)
        self.iterations = self._first_iteration = state.iterations
        self._first_others = state.others
        self.first = self._padded(state)

    def _padded(self, state):
        template = self._template

        def padded(arrays, entries):
            return [pad(a, e, self.layouts) for a, e in zip(arrays, entries, strict=True)]

        return {
            "weights": padded(state.weights, template.trainable),
            "others": padded(state.others, template.others),
            "slots": {k: padded(v, template.trainable) for k, v in state.slots.items()},
            "iterations": np.int64(state.iterations),
            "settings": self._settings(),
        }

    def _settings(self):
        """Its own of the constants that each trial has of its own."""
        constants = self.skeleton.settings.constants if self._lifted else {}
        lifted = self._lifted.items()
        return {name: [constants[name][i] for i in own.places] for name, own in lifted}

    def state(self, arrays):
        """The trial's state.

        Args:
            arrays: The trial's own arrays, in the template's shapes, as the stack has them.

        Returns:
            `TrialState`.
        """
        template = self._template
        others = self.cropped(arrays["others"], template.others)
        steps = self.iterations - self._first_iteration
        for i, entry in enumerate(template.others):
            if entry.kind == "seed":  # the trial's own, as far on as its own `fit` would be
                first = self._first_others[i]
                others[i] = first + np.array([0, steps], first.dtype)
        return TrialState(
            weights=self.cropped(arrays["weights"], template.trainable),
            others=others,
            slots={k: self.cropped(v, template.trainable) for k, v in arrays["slots"].items()},
            iterations=self.iterations,
        )

    def cropped(self, arrays, entries):
        """The trial's own entries of arrays in the template's shapes.

        Args:
            arrays: Arrays, one for each entry.
            entries: `Entry`s of the template.
        """
        return [np.array(crop(a, e, self.layouts)) for a, e in zip(arrays, entries, strict=True)]

    def write_back(self, state, held=None):
        """Puts a state into the trial's own model.

        Args:
            state: `TrialState`.
            held: Optional `TrialState` of an earlier epoch, whose weights are taken instead.
        """
        if held is not None:
            kinds = [entry.kind for entry in self._template.others]
            others = zip(kinds, state.others, held.others, strict=True)
            others = [last if kind == "seed" else earlier for kind, last, earlier in others]
            state = dataclasses.replace(state, weights=held.weights, others=others)
        write_state(state, self.model, self.skeleton, self._template)
