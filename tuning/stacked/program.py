"""The training of a stack as traced functions: an epoch, an evaluation, one batch's gradients.

All tensors of a trial's state have the trials as their first axis. What one trial computes is
vectorised over that axis; the optimiser's update is written for it.
"""

import uuid

import numpy as np
import tensorflow as tf

from tuning.stacked import optimizers, vectorizer
from tuning.stacked.one_trial import OneTrial
from tuning.stacked.traced_once import TracedOnce


class Program:
    """What trains and evaluates every stack of one template.

    Shapes of data, the number of trials and of steps are arguments, so that it is traced once.
    `jit_compile` says of each call whether XLA makes it, which compiles for each size of them.

    Args:
        template: `Template`.
        rule: `Rule` of the optimisers.
        losses: What `compile` takes: `{"loss": ..., "metrics": ..., ...}`.
        labels: Labels of which shape and type are read, to choose the metrics.
        vectorized: Whether trials are computed side by side; if not, there is one. Default True.
        lifted: Which of its constants each trial has of its own, as of `Variant`. Default none.

    Attributes:
        name: Text; of no two programs, in whatever processes, the same.
        lifted: `{function of OneTrial: Lifted}`.
        seconds_to_compile: The longest that XLA took for one size of stack.
    """

    def __init__(self, template, rule, losses, labels, vectorized=True, lifted=None):
        self.name, self.lifted = uuid.uuid4().hex, lifted or {}
        self._kept = []  # graphs that its own was made of
        self.template, self.rule, self._vectorized = template, rule, vectorized
        self._trial = OneTrial(template, losses, labels)
        types = {entry.dtype for entry in template.trainable}
        self.seconds_to_compile = 0.0
        self.number_type = "float64" if "float64" in types else "float32"
        self._gradients = self._to_gradients()
        self._train = TracedOnce(self._train_steps, free_axes=(1, 1, 1, 2, 0, 2, 0))
        self._evaluate = TracedOnce(self._evaluate_steps, free_axes=(1, 1, 1, 2, 0))

    def train(self, state, constants, data, batches, steps, rates, seed, jit_compile=True):
        """Trains every trial.

        Args:
            state: `{"weights", "others", "slots", "iterations", "settings", "metrics"}`.
            constants: `{"numbers": {name: (trials,)}, "masks": {node: (trials, channels)}}`.
            data: `(x, y)` or `(x, y, sample_weight)` tensors.
            batches: Rows of each step's batch, `(steps, examples)`.
            steps: How many of the batches to train, scalar.
            rates: Learning rates, `(steps, trials)`.
            seed: Two integers: the seed, and what the first step adds to it.
            jit_compile: Whether XLA makes it. Default True.

        Returns:
            `(state, {metric: (trials,)})`.
        """
        arguments = state, constants, data, batches, steps, rates, seed
        return self._train(*arguments, jit_compile=jit_compile)

    def evaluate(self, state, metrics, data, batches, steps, jit_compile=True):
        """Evaluates every trial.

        Args:
            state: `{"weights", "others", "settings"}`.
            metrics: The metrics before the first batch.
            data: As for `train`, as is all that follows.
            batches: Rows of each step's batch, `(steps, examples)`.
            steps: How many of the batches to evaluate, scalar.
            jit_compile: Whether XLA makes it. Default True.

        Returns:
            `(metrics, {metric: (trials,)})`.
        """
        return self._evaluate(state, metrics, data, batches, steps, jit_compile=jit_compile)

    def gradients(self, state, batch, seed, lifted=None):
        """Computes one batch, not by XLA, and trains nothing.

        Args:
            state: As for `train`.
            batch: `(x, y)` or `(x, y, sample_weight)` tensors.
            seed: As for `train`.
            lifted: If what the template does has been changed for a while: what `lifted` is then.
                The template is traced for this call only. By default it has not been changed.

        Returns:
            Of every trial: loss, gradients, other variables and metrics after the batch, and the
            squares of gradients that come as rows, as of `OneTrial.gradients`.
        """
        if lifted is None:
            return self._gradients(state, batch, seed)
        return self._to_gradients(lifted)(state, batch, seed)

    def fresh_metrics(self, trials):
        """The state of the metrics before the first batch."""
        return [tf.constant(np.stack([value] * trials)) for value in self._trial.fresh_metrics()]

    def took(self, seconds):
        """Notes how long it took until a stack was ready: long only if XLA had to compile."""
        self.seconds_to_compile = max(self.seconds_to_compile, seconds)

    @property
    def adds_up(self):
        """Whether an evaluation gives the same numbers in batches of any size."""
        return self._trial.adds_up

    @property
    def traces(self):
        """How often the training was traced: 1, once it has been."""
        return self._train.traces

    def _train_steps(self, state, constants, data, batches, steps, rates, seed):
        settings = {"settings": state["settings"]}

        def body(step, state):
            batch = _rows(data, batches[step])
            own_seed = tf.stack([seed[0], seed[1] + tf.cast(step, seed.dtype)])
            trials = state | settings
            return step + 1, self._step(trials, constants, batch, rates[step], own_seed)

        state = _loop(steps, body, _without_settings(state)) | settings
        return state, self._over_trials("results", state["settings"], state["metrics"])

    def _evaluate_steps(self, state, metrics, data, batches, steps):
        def body(step, metrics):
            batch = _rows(data, batches[step])
            trials = _without_settings(state) | {"metrics": metrics}
            return step + 1, self._over_trials("evaluated", state["settings"], trials, batch)

        metrics = _loop(steps, body, metrics)
        return metrics, self._over_trials("results", state["settings"], metrics)

    def _step(self, state, constants, batch, rate, seed):
        _, gradients, others, metrics, squares = self._gradients(state, batch, seed)
        masks = constants["masks"]
        gradients = self._unpadded(gradients, self.template.trainable, masks)
        weights, slots = optimizers.apply(
            self.rule,
            constants["numbers"],
            rate,
            state["iterations"],
            state["weights"],
            [None if i in self._trial.idle else gradient for i, gradient in enumerate(gradients)],
            state["slots"],
            squares,
        )
        if self._trial.is_constrained:
            weights = self._over_trials("constrained", state["settings"], weights)
        return {
            "weights": self._unpadded(weights, self.template.trainable, masks),
            "others": self._unpadded(others, self.template.others, masks),
            "slots": slots,
            "iterations": state["iterations"] + 1,
            "metrics": metrics,
        }

    def _unpadded(self, tensors, entries, masks):
        return [_real(t, entry, masks) for t, entry in zip(tensors, entries, strict=True)]

    def _to_gradients(self, lifted=None):
        def gradients(state, batch, seed):
            return self._gradients_of_all(state, batch, seed, lifted)

        return TracedOnce(gradients, free_axes=(1, 1, 0))

    def _gradients_of_all(self, state, batch, seed, lifted):
        trials, settings = _without_settings(state), state["settings"]
        return self._over_trials("gradients", settings, trials, batch, seed, lifted=lifted)

    def _over_trials(self, name, settings, members, *shared, lifted=None):
        """What a function of `OneTrial` returns for each trial."""

        def function(own):
            return getattr(self._trial, name)(own, *shared)

        own = (self.lifted if lifted is None else lifted).get(name)
        compute = vectorizer.over_trials if self._vectorized else vectorizer.over_one_trial
        return compute(function, members, self._kept, own, settings.get(name, ()))


def _without_settings(state):
    return {name: value for name, value in state.items() if name != "settings"}


def _rows(data, rows):
    return tf.nest.map_structure(lambda array: tf.gather(array, rows), data)


def _loop(steps, body, state):
    """Runs the body `steps` times on a nest of tensors; shapes stay what they are."""

    def keep_shapes(step, before):
        step, after = body(step, before)
        return step, tf.nest.map_structure(
            lambda new, old: tf.ensure_shape(new, old.shape), after, before
        )

    return tf.while_loop(lambda step, _: step < steps, keep_shapes, (tf.constant(0), state))[1]


def _real(tensor, entry, masks):
    """Zero in the padding, whatever is there: a choice, since 0 times NaN is NaN."""
    mask = None
    for axis, place in enumerate(entry.axes):
        if place is not None:
            shape = [-1] + [1] * len(entry.axes)
            shape[1 + axis] = entry.shape[axis]
            own = tf.tile(masks[place], [1, entry.shape[axis] // masks[place].shape[1]])
            own = tf.reshape(own, shape)
            mask = own if mask is None else mask & own
    return tensor if mask is None else tf.where(mask, tensor, tf.zeros([], tensor.dtype))
