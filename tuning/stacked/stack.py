"""Many trials in training as one: places, each with a trial's state."""

import numpy as np
import tensorflow as tf

from tuning.reasons import reason_of
from tuning.stacked.errors import NotStackable
from tuning.stacked.place import Place

WHOLE_BATCHES = "whole batches"
"""What of a program is compiled where compiling all of it would cost more than it saves."""


class Stack:
    """Trials of one program in training.

    Places are numbered from 0, in the order of the models.

    Args:
        program: `Program`.
        models: Compiled Keras models of the program's skeleton, one for each trial.
        skeletons: Their `Skeleton`s.
        batch_size: Examples a batch; the last one of an epoch holds the rest.
        data: `Data` to train on.
        validation: Optional `Data` to evaluate on after each epoch.
        states: `TrialState` of each to go on from; by default what is in the models.
        validation_batch_size: Examples a batch of the evaluation; by default `batch_size`. One
            that leaves no rest saves compiling for the rest.
        jit_compile: Whether XLA compiles the program for these sizes: faster where there is much
            to train. `WHOLE_BATCHES`: not for the rest of an epoch, nor for evaluation, each one
            short call. Default True. Keras's `fit` of each model alone is equal to rounding if it
            does likewise.
    """

    def __init__(
        self,
        program,
        models,
        skeletons,
        batch_size,
        data,
        validation=None,
        states=None,
        validation_batch_size=None,
        jit_compile=True,
    ):
        self.program, self.batch_size = program, batch_size
        self.jit_compile = jit_compile
        self._validation_batch_size = validation_batch_size or batch_size
        self.data, self.validation = data, validation
        self._places, self._state, self._fresh_metrics = [], None, None
        self.admit(models, skeletons, states)

    def __len__(self):
        return len(self._places)

    def place(self, number):
        """The `Place` of a trial."""
        return self._places[number]

    def train_epoch(self, order, seed):
        """Trains every trial on every example once, then evaluates it.

        Args:
            order: What the data's `order` returned, or the examples' numbers in another order.
            seed: Integer that decides what random layers draw in this epoch.

        Returns:
            `{name: (trials,) array}` with the names and values that Keras's `fit` logs, in the same
            order.
        """
        state, done = self._state | {"metrics": self._fresh_metrics}, 0
        for arrays, rows in self.data.batches(order, self.batch_size):
            state, logs = self._train(state, arrays, rows, len(rows), seed, done)
            done += len(rows)
        self._state = {name: value for name, value in state.items() if name != "metrics"}
        for place in self._places:
            place.iterations += done
        logs = {name: value.numpy() for name, value in sorted(logs.items())}
        if self.validation is not None:
            logs |= {f"val_{k}": v for k, v in self.evaluate(self.validation).items()}
        return logs

    def _train(self, state, arrays, rows, steps, seed, done):
        rates = [place.rates.at(place.iterations + done, len(rows)) for place in self._places]
        return self.program.train(
            state,
            self._constants,
            arrays,
            tf.constant(rows),
            tf.constant(steps),
            tf.constant(np.stack(rates, axis=1), self.program.number_type),
            tf.constant([seed, done], tf.int64),
            self.jit_compile is True or (self.jit_compile and rows.shape[1] == self.batch_size),
        )

    def compile(self):
        """Compiles what an epoch needs and trains nothing; another thread may do so beforehand.

        Raises:
            NotStackable: If the compiler cannot.
        """
        try:
            fresh = self._state | {"metrics": self._fresh_metrics}
            for arrays, rows in self.data.batches(None, self.batch_size):
                self._train(fresh, arrays, rows, 0, 0, 0)
            if self.validation is not None:
                self.evaluate(self.validation, steps=0)
        except Exception as error:  # whatever TensorFlow has against it
            raise NotStackable(f"it cannot be compiled: {reason_of(str(error))[:160]}") from error

    def evaluate(self, data, steps=None):
        """Evaluates every trial.

        Args:
            data: `Data`.
            steps: Only that many batches of each size; by default all.

        Returns:
            `{name: (trials,) array}`.
        """
        state = {name: self._state[name] for name in ("weights", "others", "settings")}
        metrics = self._fresh_metrics
        for arrays, rows in data.batches(None, self._validation_batch_size):
            count = tf.constant(len(rows) if steps is None else steps)
            metrics, logs = self.program.evaluate(
                state, metrics, arrays, tf.constant(rows), count, self.jit_compile is True
            )
        return {name: value.numpy() for name, value in sorted(logs.items())}

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
        states = states or [None] * len(models)
        trials = zip(models, skeletons, states, strict=True)
        added = [Place(model, own, self.program, state) for model, own, state in trials]
        self._places += added
        stacked = tf.nest.map_structure(
            lambda *arrays: tf.constant(np.stack(arrays)), *[place.first for place in added]
        )
        if self._state is not None:
            stacked = tf.nest.map_structure(
                lambda old, new: tf.concat([old, new], 0), self._state, stacked
            )
        self._state = stacked
        self._renew_constants()

    def _renew_constants(self):
        places, program = self._places, self.program
        for place in places:
            place.first = None  # from now on it is in the stack
        numbers = {name: [place.numbers[name] for place in places] for name in places[0].numbers}
        masks = {
            node: np.stack([place.layouts[node] for place in places])
            for node in program.template.padded_places
        }
        self._fresh_metrics = program.fresh_metrics(len(self))
        self._constants = {
            "numbers": {k: tf.constant(v, program.number_type) for k, v in numbers.items()},
            "masks": {k: tf.constant(v) for k, v in masks.items()},
        }

    def states(self, places=None):
        """The state of trials: numpy only, to be kept, pickled, or gone on from.

        Args:
            places: Integers; by default all, in order.

        Returns:
            List of `TrialState`.
        """
        arrays = tf.nest.map_structure(lambda tensor: tensor.numpy(), self._state)
        return [
            self._places[i].state(tf.nest.map_structure(lambda stack: stack[i], arrays))  # noqa: B023
            for i in (range(len(self)) if places is None else places)
        ]

    def write_back(self, place, held=None):
        """Puts a trial's state into its own Keras model, whose `fit` then goes on from there.

        Args:
            place: Integer from 0 to `len(stack) - 1`.
            held: Optional `TrialState` of an earlier epoch, whose weights are taken instead.

        Returns:
            The model.
        """
        self._places[place].write_back(self.states([place])[0], held)
        return self._places[place].model
