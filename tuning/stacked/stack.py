"""Many trials in training as one: places, each with a trial's state."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from tuning.stacked.optimizers import numbers_of
from tuning.stacked.schedules import LearningRates
from tuning.stacked.template import crop, pad
from tuning.stacked.trial_state import TrialState, read_state, variable_of, write_state


class Data:
    """Examples on the device, as `fit` would feed them.

    Args:
        x: Array of features, or a nest of arrays, `(examples, ...)`.
        y: Array of labels, or a nest of arrays.
        sample_weight: Optional weights of the examples in the loss, `(examples,)`.
    """

    def __init__(self, x, y, sample_weight=None):
        self.arrays = tf.nest.map_structure(_as_tensor, (x, y, sample_weight))
        self.examples = int(tf.nest.flatten(self.arrays)[0].shape[0])

    @property
    def labels(self):
        """The tensor, or nest of tensors, of labels."""
        return self.arrays[1]


def _as_tensor(array):
    if array is None:
        return None
    array = np.asarray(array)
    return tf.constant(array, keras.config.floatx() if array.dtype.kind == "f" else array.dtype)


@dataclasses.dataclass
class _Place:
    model: object
    skeleton: object
    layouts: dict
    numbers: dict
    rates: LearningRates
    iterations: int
    loaded_at: int
    """Iterations when its seeds' states were read."""
    others: list


class Stack:
    """Trials of one program in training.

    Args:
        program: `Program`.
        models: Compiled Keras models of the program's skeleton, one for each trial.
        skeletons: Their `Skeleton`s.
        batch_size: Examples a batch; the last one of an epoch holds the rest.
        data: `Data` to train on.
        validation: Optional `Data` to evaluate on after each epoch.
    """

    def __init__(self, program, models, skeletons, batch_size, data, validation=None):
        self.program, self.batch_size = program, batch_size
        self.data, self.validation = data, validation
        self._places, self._state = [], None
        self.admit(models, skeletons)

    def __len__(self):
        return len(self._places)

    def train_epoch(self, order, seed):
        """Trains every trial on every example once, then evaluates it.

        Args:
            order: Permutation of the examples, `(examples,)` integers.
            seed: Integer that decides what random layers draw in this epoch.

        Returns:
            `{name: (trials,) array}` with the names and values that Keras's `fit` logs.
        """
        order = np.asarray(order, np.int32)
        state = self._state | {"metrics": self.program.fresh_metrics(len(self))}
        first = 0
        for batches in _batches(order, self.batch_size):
            steps = len(batches)
            rates = np.stack([p.rates.at(p.iterations + first, steps) for p in self._places], 1)
            state, logs = self.program.train(
                state,
                self._constants,
                self.data.arrays,
                tf.constant(batches),
                tf.constant(steps),
                tf.constant(rates, self._number_type),
                tf.constant([seed, first]),
            )
            first += steps
        self._state = {name: value for name, value in state.items() if name != "metrics"}
        for place in self._places:
            place.iterations += first
        logs = {name: value.numpy() for name, value in logs.items()}
        return logs | {f"val_{name}": v for name, v in self.evaluate(self.validation).items()}

    def evaluate(self, data):
        """Evaluates every trial.

        Args:
            data: `Data`, or None.

        Returns:
            `{name: (trials,) array}`; empty without data.
        """
        if data is None:
            return {}
        state = self._state | {"metrics": self.program.fresh_metrics(len(self))}
        for batches in _batches(np.arange(data.examples, dtype=np.int32), self.batch_size):
            state, logs = self.program.evaluate(
                state, data.arrays, tf.constant(batches), tf.constant(len(batches))
            )
        return {name: value.numpy() for name, value in logs.items()}

    def keep(self, places):
        """Keeps some trials, in the order given, and forgets the others.

        Args:
            places: Integers from 0 to `len(stack) - 1`.
        """
        self._places = [self._places[place] for place in places]
        chosen = tf.constant(list(places), tf.int32)
        self._state = tf.nest.map_structure(lambda tensor: tf.gather(tensor, chosen), self._state)
        self._renew_constants()

    def admit(self, models, skeletons, states=None):
        """Adds trials in further places.

        Args:
            models: Compiled Keras models of the program's skeleton.
            skeletons: Their `Skeleton`s.
            states: Their `TrialState`s; by default what is in the models.
        """
        template, rule = self.program.template, self.program.rule
        if states is None:
            states = [
                read_state(model, skeleton, template, rule)
                for model, skeleton in zip(models, skeletons, strict=True)
            ]
        added = []
        for model, skeleton, state in zip(models, skeletons, states, strict=True):
            layouts = skeleton.layouts(template.widths)
            self._places.append(
                _Place(
                    model,
                    skeleton,
                    layouts,
                    numbers_of(model.optimizer),
                    LearningRates(model.optimizer),
                    state.iterations,
                    state.iterations,
                    state.others,
                )
            )
            added.append(self._padded(state, layouts))
        stacked = tf.nest.map_structure(lambda *arrays: tf.constant(np.stack(arrays)), *added)
        if self._state is not None:
            stacked = tf.nest.map_structure(
                lambda old, new: tf.concat([old, new], 0), self._state, stacked
            )
        self._state = stacked
        self._renew_constants()

    def _padded(self, state, layouts):
        template = self.program.template

        def padded(arrays, entries):
            return [pad(a, entry, layouts) for a, entry in zip(arrays, entries, strict=True)]

        return {
            "weights": padded(state.weights, template.trainable),
            "others": padded(state.others, template.others),
            "slots": {k: padded(v, template.trainable) for k, v in state.slots.items()},
            "iterations": np.int64(state.iterations),
        }

    def _renew_constants(self):
        names = self._places[0].numbers if self._places else {}
        weights = [e.dtype for e in self.program.template.trainable]
        self._number_type = "float64" if "float64" in weights else "float32"
        self._constants = {
            "numbers": {
                name: tf.constant([p.numbers[name] for p in self._places], self._number_type)
                for name in names
            },
            "masks": {
                place: tf.constant(np.stack([p.layouts[place] for p in self._places]))
                for place in self.program.template.padded_places
            },
        }

    def states(self):
        """The state of every trial.

        Returns:
            List of `TrialState`, in the order of the places.
        """
        arrays = tf.nest.map_structure(lambda tensor: tensor.numpy(), self._state)
        return [self._state_of(place, arrays) for place in range(len(self))]

    def _state_of(self, place, arrays):
        template, own = self.program.template, self._places[place]

        def cropped(stacks, entries):
            pairs = zip(stacks, entries, strict=True)
            return [crop(stack[place], entry, own.layouts).copy() for stack, entry in pairs]

        others = cropped(arrays["others"], template.others)
        steps = own.iterations - own.loaded_at
        for i, entry in enumerate(template.others):
            if entry.kind == "seed":  # the trial's own, as far on as its own `fit` would be
                others[i] = own.others[i] + np.array([0, steps], own.others[i].dtype)
        return TrialState(
            weights=cropped(arrays["weights"], template.trainable),
            others=others,
            slots={k: cropped(v, template.trainable) for k, v in arrays["slots"].items()},
            iterations=own.iterations,
        )

    def model(self, place):
        """The Keras model of the trial in a place."""
        return self._places[place].model

    def variables(self, place):
        """A trial's own variables: the trained ones, and those that training moves otherwise.

        Args:
            place: Integer from 0 to `len(stack) - 1`.

        Returns:
            Two lists of Keras variables, in the order that `first_step` has.
        """
        template, skeleton = self.program.template, self._places[place].skeleton
        moved = [entry for entry in template.others if entry.kind == "state"]
        return [
            [variable_of(skeleton, entry) for entry in entries]
            for entries in (template.trainable, moved)
        ]

    def first_step(self, batch):
        """Computes one batch without training on it, and without dropout.

        Args:
            batch: `(x, y, sample_weight or None)`.

        Returns:
            For each trial `([loss], gradients, averages)`, in its own widths.
        """
        template = self.program.template
        others = [
            tf.zeros_like(value) if entry.kind == "rate" else value
            for value, entry in zip(self._state["others"], template.others, strict=True)
        ]
        state = self._state | {"others": others}
        state["metrics"] = self.program.fresh_metrics(len(self))
        losses, gradients, others, _ = self.program.gradients(state, batch, tf.constant([0, 0]))
        steps = []
        for place, own in enumerate(self._places):
            moved = zip(others, template.others, strict=True)
            trained = zip(gradients, template.trainable, strict=True)
            steps.append(
                (
                    [losses[place]],
                    [crop(g[place].numpy(), entry, own.layouts) for g, entry in trained],
                    [
                        crop(o[place].numpy(), entry, own.layouts)
                        for o, entry in moved
                        if entry.kind == "state"
                    ],
                )
            )
        return steps

    def write_back(self, place):
        """Puts a trial's state into its own Keras model, whose `fit` then goes on from there.

        Args:
            place: Integer from 0 to `len(stack) - 1`.

        Returns:
            The model.
        """
        own = self._places[place]
        arrays = tf.nest.map_structure(lambda tensor: tensor.numpy(), self._state)
        write_state(self._state_of(place, arrays), own.model, own.skeleton, self.program.template)
        return own.model


def _batches(rows, batch_size):
    """Rows of the whole batches, `(steps, batch_size)`, and of the rest, `(1, rest)`, if any."""
    whole = len(rows) // batch_size * batch_size
    parts = [rows[:whole].reshape(-1, batch_size), rows[whole:].reshape(1, -1)]
    return [part for part in parts if part.size]
