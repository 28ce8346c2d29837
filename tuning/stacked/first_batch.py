"""Whether a stack computes what its trials' own models compute: on one batch, before training."""

import keras
import numpy as np
import tensorflow as tf

from tuning.reasons import reason_of
from tuning.stacked.constants import differing, traced
from tuning.stacked.errors import NotStackable
from tuning.stacked.one_trial import seeds_of_layers
from tuning.stacked.place import Place
from tuning.stacked.randomness import drawing_nothing, random_layers
from tuning.stacked.stackable_layers import RateDropout
from tuning.stacked.trial_state import variable_of

_SEED = np.zeros(2, np.int64)
_NAMES = "another loss", "other gradients", "other averages"


def check_first_batch(program, models, skeletons, batch_size, data):
    """Compares loss, gradients and moving averages of the first batch with the models' own.

    Random layers do as in inference, since their draws differ with the width; those that draw even
    then draw from the same seeds.

    Args:
        program: `Program` that would train the models.
        models: Some of them: two, the narrowest and the widest, tell most.
        skeletons: Their `Skeleton`s.
        batch_size: Examples a batch.
        data: `Data`.

    Returns:
        None if they agree, or else a sentence that says why they cannot be stacked.
    """
    batch = data.first(batch_size)
    try:
        stacked = _in_a_stack(program, models, skeletons, batch, data)
    except Exception as error:  # whatever the vectoriser, Keras or a layer has against it
        return f"it cannot be vectorised: {reason_of(str(error)) or type(error).__name__}"
    for model, skeleton, ours in zip(models, skeletons, stacked, strict=True):
        try:
            theirs = _by_its_own_model(program.template, model, skeleton, batch)
        except NotStackable as reason:
            return str(reason)
        for name, values, own in zip(_NAMES, ours, theirs, strict=True):
            if not _agree(values, own, _tolerance(model)):
                return f"a stack computes {name} than its own model"
    return None


def _in_a_stack(program, models, skeletons, batch, data):
    """For each trial `(losses, gradients, averages)` of the batch, in its own widths."""
    template = program.template
    trials = zip(models, skeletons, strict=True)
    places = [Place(model, skeleton, program) for model, skeleton in trials]
    state = tf.nest.map_structure(
        lambda *arrays: tf.constant(np.stack(arrays)), *[place.first for place in places]
    )
    state["others"] = [
        tf.zeros_like(value) if entry.kind == "rate" else value
        for value, entry in zip(state["others"], template.others, strict=True)
    ]
    state["metrics"] = program.fresh_metrics(len(places))
    arguments = state, batch, tf.constant(_SEED)
    if all(isinstance(layer, RateDropout) for layer in random_layers(template.model)):
        losses, gradients, others, *_ = program.gradients(*arguments)
    else:
        lifted = {}
        if program.lifted:
            lifted, state["settings"] = _settings_without_draws(template, models, skeletons, data)
        with drawing_nothing(template.model):
            losses, gradients, others, *_ = program.gradients(*arguments, lifted=lifted)
    moved = [entry for entry in template.others if entry.kind == "state"]
    others = [o for o, e in zip(others, template.others, strict=True) if e.kind == "state"]
    return [
        (
            [losses[i]],
            place.cropped([g[i].numpy() for g in gradients], template.trainable),
            place.cropped([o[i].numpy() for o in others], moved),
        )
        for i, place in enumerate(places)
    ]


def _settings_without_draws(template, models, skeletons, data):
    """Which constants are each trial's own while random layers do as in inference, and these."""
    trials = [
        traced(model, skeleton, template.widths, data, without_draws=True)[1]
        for model, skeleton in zip(models, skeletons, strict=True)
    ]
    lifted = differing(trials)
    return lifted, {
        name: [
            tf.constant(np.stack([trial[name][place] for trial in trials])) for place in own.places
        ]
        for name, own in lifted.items()
    }


def _by_its_own_model(template, model, skeleton, batch):
    """The same of one trial, by its own Keras model."""
    x, y, *sample_weight = batch
    weights = [tf.convert_to_tensor(v) for v in model.trainable_variables]
    mapping = list(zip(model.trainable_variables, weights, strict=True))
    seeds = [
        (variable, seed)
        for place, seed in seeds_of_layers(template, _SEED).items()
        if (variable := variable_of(skeleton, template.others[place])) is not None
    ]
    scope = keras.StatelessScope(state_mapping=mapping + seeds, collect_losses=True)
    with drawing_nothing(model), tf.GradientTape() as tape:
        tape.watch(weights)
        with scope:
            outputs = model.call(x, training=True)
            losses = model.losses
        loss = model._compile_loss(y, outputs, *sample_weight)
        loss = keras.ops.sum([loss, *losses]) if losses else loss
    if any(scope.get_current_value(variable) is not weight for variable, weight in mapping):
        raise NotStackable("one of its layers sets its trainable weights when it is called")
    others = [scope.get_current_value(variable) for variable in model.non_trainable_variables]
    others = [
        variable if value is None else value
        for variable, value in zip(model.non_trainable_variables, others, strict=True)
    ]
    gradients = tape.gradient(loss, weights, unconnected_gradients="zero")
    gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
    own = dict(zip(map(id, model.trainable_variables), gradients, strict=True))
    own |= dict(zip(map(id, model.non_trainable_variables), others, strict=True))
    moved = [entry for entry in template.others if entry.kind == "state"]
    in_order = [
        [own[id(variable_of(skeleton, entry))] for entry in entries]
        for entries in (template.trainable, moved)
    ]
    return [loss], *in_order


def _tolerance(model):
    """Relative: rounding, and kinks that it tips over."""
    types = {layer.compute_dtype for layer in model._flatten_layers()}
    return 0.1 if types & {"float16", "bfloat16"} else 1e-3


def _agree(ours, theirs, tolerance):
    ours, theirs = ([np.asarray(a, np.float64) for a in arrays] for arrays in (ours, theirs))
    total = np.sqrt(sum(np.sum(np.square(own)) for own in theirs))
    if not np.isfinite(total):
        return True  # it has diverged before it began, alone as in a stack
    for values, own in zip(ours, theirs, strict=True):
        bound = tolerance * max(np.linalg.norm(own), 0.01 * total)
        if not np.linalg.norm(values - own) <= bound:
            return False
    return True
