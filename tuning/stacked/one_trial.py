"""What one trial computes, by Keras's own functions: stateless, hence to be vectorised."""

import keras
import tensorflow as tf

from tuning.stacked.measures import adds_up, build_measures, fill_measures


class OneTrial:
    """Loss, gradients and metrics of one trial of a template.

    A trial is `{"weights", "others", "metrics", ...}`, lists of tensors.

    Args:
        template: `Template`; its model is compiled.
        losses: What `compile` takes: `{"loss": ..., "metrics": ..., ...}`.
        labels: Labels of which shape and type are read, to choose the metrics.

    Attributes:
        adds_up: Whether an evaluation may be divided into batches in any way.
        is_constrained: Whether some weight has a constraint.
        idle: Places of the weights that the loss does not depend on; known after a trace.
    """

    def __init__(self, template, losses, labels):
        self._template, self._model = template, template.model
        self._model.compile("sgd", **losses)
        build_measures(self._model, labels)
        fill_measures(self._model, labels)
        self.adds_up = adds_up(self._model, labels)
        self._constraints = [v.constraint for v in self._model.trainable_variables]
        self.is_constrained = any(each is not None for each in self._constraints)
        self.idle = set()

    def fresh_metrics(self):
        """The metrics' variables before the first batch, as arrays."""
        self._model.reset_metrics()
        return [variable.numpy() for variable in self._model.metrics_variables]

    def arguments(self, batch, evaluated):
        """What each of the functions takes.

        Args:
            batch: `(x, y)` or `(x, y, sample_weight)`, of any number of examples.
            evaluated: The same of what is evaluated.

        Returns:
            `{name: nest of tf.TensorSpec}`.
        """

        def entries(of):
            return [tf.TensorSpec(entry.shape, entry.dtype) for entry in of]

        metrics = [tf.TensorSpec(v.shape, v.dtype) for v in self._model.metrics_variables]
        weights, others = entries(self._template.trainable), entries(self._template.others)
        trial = {"weights": weights, "others": others, "metrics": metrics}
        batch, evaluated = tf.nest.map_structure(
            lambda array: tf.TensorSpec([None, *array.shape[1:]], array.dtype), (batch, evaluated)
        )
        arguments = {
            "gradients": (trial, batch, tf.TensorSpec([2], tf.int64)),
            "evaluated": (trial, evaluated),
            "results": (metrics,),
        }
        return arguments | ({"constrained": (weights,)} if self.is_constrained else {})

    def gradients(self, trial, batch, seed):
        """Trains nothing yet.

        Args:
            trial: The trial.
            batch: `(x, y)` or `(x, y, sample_weight)`.
            seed: Two integers that decide what random layers draw.

        Returns:
            Loss, gradients, other variables and metrics after the batch; and, of the weights whose
            gradient comes as rows (an embedding's), `{place: squares}`. A row that is read several
            times has several gradients; Keras's optimisers square each, and add these up.
        """
        with tf.GradientTape() as tape:
            tape.watch(trial["weights"])
            loss, others, metrics = self._forward(trial, batch, seed, training=True)
        gradients = tape.gradient(loss, trial["weights"])
        self.idle = {i for i, gradient in enumerate(gradients) if gradient is None}
        pairs = zip(gradients, trial["weights"], strict=True)
        squares = {
            i: tf.convert_to_tensor(tf.IndexedSlices(tf.square(g.values), g.indices, g.dense_shape))
            for i, g in enumerate(gradients)
            if isinstance(g, tf.IndexedSlices)
        }
        gradients = [
            tf.zeros_like(weight) if g is None else tf.convert_to_tensor(g) for g, weight in pairs
        ]
        return loss, gradients, others, metrics, squares

    def evaluated(self, trial, batch):
        """The metrics after evaluating a batch."""
        no_seed = tf.zeros(2, tf.int64)
        return self._forward(trial, batch, no_seed, training=False)[2]

    def constrained(self, weights):
        """The weights as their constraints want them."""
        pairs = zip(weights, self._constraints, strict=True)
        return [weight if each is None else each(weight) for weight, each in pairs]

    def results(self, metrics):
        """What `fit` logs, `{name: number}`, from the metrics' variables."""
        mapping = list(zip(self._model.metrics_variables, metrics, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            results = self._model.get_metrics_result()
            # A metric may return its variable, which is read only here as the trial has it.
            return {name: tf.convert_to_tensor(value) for name, value in _each(results)}

    def _forward(self, trial, batch, seed, training):
        """Loss, other variables and metrics, in the steps of Keras's own `train_step`."""
        model, (x, y, *sample_weight) = self._model, batch
        others = self._with_seeds(trial["others"], seed)
        outputs, others, losses = model.stateless_call(
            trial["weights"], others, x, training=training, return_losses=True
        )
        variables = model.metrics_variables
        mapping = list(zip(variables, trial["metrics"], strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            loss = model._compile_loss(y, outputs, *sample_weight)
            loss = keras.ops.sum([loss, *losses]) if losses else loss
            model._loss_tracker.update_state(loss, tf.shape(tf.nest.flatten(x)[0])[0])
            if model._compile_metrics is not None:
                model._compile_metrics.update_state(y, outputs, *sample_weight)
            metrics = [scope.get_current_value(variable) for variable in variables]
        kept = zip(others, trial["others"], self._template.others, strict=True)
        return loss, [old if e.kind == "seed" else new for new, old, e in kept], metrics

    def _with_seeds(self, others, seed):
        """Puts the stack's seed where a random layer keeps its own: all trials share its draws.

        A seed that differs between trials could not be vectorised.
        """
        own = seeds_of_layers(self._template, seed)
        return [own.get(place, value) for place, value in enumerate(others)]


def seeds_of_layers(template, seed):
    """What random layers draw from instead of their own seeds.

    Args:
        template: `Template`.
        seed: Two integers.

    Returns:
        `{place among the template's other variables: seed}`; each layer, and each epoch, draws
        something else.
    """
    return {
        place: tf.cast(seed * [65537, 1] + [place, 0], entry.dtype)
        for place, entry in enumerate(template.others)
        if entry.kind == "seed"
    }


def _each(results):
    """Each `(name, number)` of metrics, of which one may be a dictionary of several."""
    for name, result in results.items():
        yield from _each(result) if isinstance(result, dict) else [(name, result)]
