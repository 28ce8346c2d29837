"""The training of a stack as compiled functions: an epoch, an evaluation, one batch's gradients.

All tensors of a trial's state have the trials as their first axis. Forward pass, loss, metrics and
gradients are Keras's own, of the template, vectorised over that axis; the update is written for it.
"""

import keras
import tensorflow as tf

from tuning.stacked import optimizers, vectorizer
from tuning.stacked.traced_once import TracedOnce


class Program:
    """What trains and evaluates every stack of one template.

    Shapes of data, the number of trials and of steps are arguments, so that it is traced once.

    Args:
        template: `Template`.
        rule: `Rule` of the optimisers.
        losses: What `compile` takes: `{"loss": ..., "metrics": ..., ...}`.
        labels: Labels of which shape and type are read, to choose the metrics.
        jit_compile: Whether XLA compiles it. Default True.
        vectorized: Whether trials are computed side by side; if not, there is one. Default True.
    """

    def __init__(self, template, rule, losses, labels, jit_compile=True, vectorized=True):
        vectorizer.teach()
        self.template, self.rule, self.vectorized = template, rule, vectorized
        self.model = template.model
        self.model.compile("sgd", **losses)
        self._build_metrics(labels)
        weights = {entry.dtype for entry in template.trainable}
        self.number_type = "float64" if "float64" in weights else "float32"
        self._constraints = [v.constraint for v in self.model.trainable_variables]
        self._idle = set()  # weights that the loss does not depend on
        self.gradients = TracedOnce(self._gradients, free_axes=(1, 1, 0))
        self._train = TracedOnce(
            self._train_steps, free_axes=(1, 1, 1, 2, 0, 2, 0), jit_compile=jit_compile
        )
        self._evaluate = TracedOnce(
            self._evaluate_steps, free_axes=(1, 1, 2, 0), jit_compile=jit_compile
        )

    def _build_metrics(self, labels):
        def symbol(array):
            return keras.KerasTensor(
                (None, *array.shape[1:]), keras.backend.standardize_dtype(array.dtype)
            )

        outputs = self.model._outputs_struct
        y_true = keras.tree.map_structure(symbol, labels)
        self.model._compile_loss.build(y_true, outputs)
        if self.model._compile_metrics is not None:
            self.model._compile_metrics.build(y_true, outputs)

    def train(self, state, constants, data, batches, steps, rates, seed):
        """Trains every trial.

        Args:
            state: `{"weights", "others", "slots", "iterations", "metrics"}`.
            constants: `{"numbers": {name: (trials,)}, "masks": {node: (trials, channels)}}`.
            data: `(x, y)` or `(x, y, sample_weight)` tensors.
            batches: Rows of each step's batch, `(steps, examples)`.
            steps: How many of the batches to train, scalar.
            rates: Learning rates, `(steps, trials)`.
            seed: Two integers: the seed, and what the first step adds to it.

        Returns:
            `(state, {metric: (trials,)})`.
        """
        return self._train(state, constants, data, batches, steps, rates, seed)

    def evaluate(self, state, data, batches, steps):
        """Evaluates every trial, as `train` trains it.

        Returns:
            `(state, {metric: (trials,)})`; only the metrics in the state change.
        """
        return self._evaluate(state, data, batches, steps)

    def fresh_metrics(self, trials):
        """The state of the metrics before the first batch."""
        self.model.reset_metrics()
        return [
            tf.repeat(tf.convert_to_tensor(v)[tf.newaxis], trials, 0)
            for v in self.model.metrics_variables
        ]

    def _train_steps(self, state, constants, data, batches, steps, rates, seed):
        def body(step, state):
            batch = _rows(data, batches[step])
            return step + 1, self._step(
                state, constants, batch, rates[step], tf.stack([seed[0], seed[1] + step])
            )

        state = _loop(steps, body, state)
        return state, self._results(state)

    def _evaluate_steps(self, state, data, batches, steps):
        def body(step, state):
            batch = _rows(data, batches[step])

            def metrics_of(member):
                return self._forward(member, batch, [0, 0], training=False)[2]

            return step + 1, state | {"metrics": self._over_trials(metrics_of, state)}

        state = _loop(steps, body, state)
        return state, self._results(state)

    def _step(self, state, constants, batch, rate, seed):
        _, gradients, others, metrics = self.gradients(state, batch, seed)
        masks = constants["masks"]
        gradients = self._unpadded(gradients, self.template.trainable, masks)
        weights, slots = optimizers.apply(
            self.rule,
            constants["numbers"],
            rate,
            state["iterations"],
            state["weights"],
            [None if i in self._idle else gradient for i, gradient in enumerate(gradients)],
            state["slots"],
        )
        weights = [
            weight if constraint is None else self._over_trials(constraint, weight)
            for weight, constraint in zip(weights, self._constraints, strict=True)
        ]
        return {
            "weights": self._unpadded(weights, self.template.trainable, masks),
            "others": self._unpadded(others, self.template.others, masks),
            "slots": slots,
            "iterations": state["iterations"] + 1,
            "metrics": metrics,
        }

    def _unpadded(self, tensors, entries, masks):
        return [_real(t, entry, masks) for t, entry in zip(tensors, entries, strict=True)]

    def _gradients(self, state, batch, seed):
        """Loss, gradients, updated other variables and metrics of one batch, of every trial."""

        def of_one(member):
            with tf.GradientTape() as tape:
                tape.watch(member["weights"])
                loss, others, metrics = self._forward(member, batch, seed, training=True)
            gradients = tape.gradient(loss, member["weights"])
            self._idle = {i for i, gradient in enumerate(gradients) if gradient is None}
            pairs = zip(gradients, member["weights"], strict=True)
            gradients = [tf.zeros_like(w) if g is None else g for g, w in pairs]
            return loss, gradients, others, metrics

        return self._over_trials(of_one, state)

    def _over_trials(self, function, members):
        if self.vectorized:
            return tf.vectorized_map(function, members, fallback_to_while_loop=False)
        result = function(tf.nest.map_structure(lambda tensor: tensor[0], members))
        return tf.nest.map_structure(lambda tensor: tensor[tf.newaxis], result)

    def _forward(self, member, batch, seed, training):
        """Loss, other variables and metrics of one trial, by Keras's own functions."""
        model, (x, y, *sample_weight) = self.model, batch
        others = self._with_seeds(member["others"], seed)
        outputs, others, losses = model.stateless_call(
            member["weights"], others, x, training=training, return_losses=True
        )
        mapping = list(zip(model.metrics_variables, member["metrics"], strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            loss = model._compile_loss(y, outputs, *sample_weight)
            loss = keras.ops.sum([loss, *losses]) if losses else loss
            model._loss_tracker.update_state(loss, tf.shape(tf.nest.flatten(x)[0])[0])
            if model._compile_metrics is not None:
                model._compile_metrics.update_state(y, outputs, *sample_weight)
            metrics = [scope.get_current_value(v) for v in model.metrics_variables]
        metrics = [
            v.value if m is None else m
            for m, v in zip(metrics, model.metrics_variables, strict=True)
        ]
        kept = zip(others, member["others"], self.template.others, strict=True)
        others = [old if entry.kind == "seed" else new for new, old, entry in kept]
        return loss, others, metrics

    def _with_seeds(self, others, seed):
        """Puts the stack's seed where a random layer keeps its own: all trials share its draws.

        (A seed of each trial's own could not be vectorised.)
        """
        values = []
        for place, (value, entry) in enumerate(zip(others, self.template.others, strict=True)):
            layer_seed = tf.cast(seed, entry.dtype) + tf.constant([place, 0], entry.dtype)
            values.append(layer_seed if entry.kind == "seed" else value)
        return values

    def _results(self, state):
        def of_one(metrics):
            mapping = list(zip(self.model.metrics_variables, metrics, strict=True))
            with keras.StatelessScope(state_mapping=mapping):
                return dict(self.model.get_metrics_result())

        return self._over_trials(of_one, state["metrics"])


def _rows(data, rows):
    return tf.nest.map_structure(lambda array: tf.gather(array, rows), data)


def _loop(steps, body, state):
    """Runs the body `steps` times; shapes stay what they are."""

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
            own = tf.reshape(masks[place], shape)
            mask = own if mask is None else mask & own
    return tensor if mask is None else tf.where(mask, tensor, tf.zeros([], tensor.dtype))
