"""Which models are the same program, and the programs."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from tuning.reasons import reason_of
from tuning.stacked.constants import Family, traced
from tuning.stacked.description import described, numbers_apart
from tuning.stacked.errors import NotStackable
from tuning.stacked.first_batch import check_first_batch
from tuning.stacked.graph import is_recurrent
from tuning.stacked.measures import losses_of
from tuning.stacked.memory import trials_within
from tuning.stacked.optimizers import rule_of
from tuning.stacked.program import Program
from tuning.stacked.schedules import LearningRates
from tuning.stacked.sharing import Sharing
from tuning.stacked.skeleton import Skeleton
from tuning.stacked.template import Template, rounded
from tuning.stacked.treatments import Treatments

MOST = {"CPU": 32, "GPU": 512}
"""Trials of one stack. On a CPU more are no faster, and have to be waited for."""
_CHECKED = 3  # trials of a group with other settings, beside the narrowest and widest


@dataclasses.dataclass
class Group:
    """Models that train as one stack."""

    key: tuple
    """Hashable: what they have in common."""
    batch_size: int
    """Examples a batch."""
    places: list = dataclasses.field(default_factory=list)
    """Where each stood in the list of models that was grouped."""
    models: list = dataclasses.field(default_factory=list)
    """The Keras models."""
    skeletons: list = dataclasses.field(default_factory=list)
    """The `Skeleton` of each."""
    widths: dict | None = None
    """`{place: width}` of the template, once the group is to be trained."""
    is_of_one_setting: bool = False
    """Whether all have the same numbers, which are then constants of the program."""
    is_padded: bool = False
    """Whether they have the template's widths even where they train one after another."""

    def __len__(self):
        return len(self.models)

    def part(self, members):
        """Some of the group's members.

        Args:
            members: Integers from 0 to `len(group) - 1`.

        Returns:
            `Group`.
        """
        lists = {
            name: [getattr(self, name)[i] for i in members]
            for name in ("places", "models", "skeletons")
        }
        return dataclasses.replace(self, **lists)

    def by_settings(self):
        """The members of each setting, as `part` takes them."""
        parts = {}
        for member, skeleton in enumerate(self.skeletons):
            parts.setdefault(skeleton.settings, []).append(member)
        return list(parts.values())

    def join(self, other):
        """Adds the members of another group of the same key and batch size."""
        self.places += other.places
        self.models += other.models
        self.skeletons += other.skeletons


class Grouping:
    """Partitions models by the program they are, and keeps those programs.

    Threads that ask for programs and objections do so in turns (`TURNS.first`).

    Args:
        data: `Data` to train on: its features build models that are not, its labels settle metrics.
        validation: `Data` to evaluate on; by default `data`.
    """

    def __init__(self, data, validation=None):
        self._data, self._validation = data, validation
        self._treatments, self._programs, self._widths = Treatments(), {}, {}
        self._objections, self._families, self._sharing = {}, {}, Sharing()

    def group(self, models, batch_sizes):
        """Partitions models.

        Args:
            models: Compiled Keras models; those that wait for data are built.
            batch_sizes: Examples a batch of each.

        Returns:
            `(groups, reasons)`: list of `Group`, and `{place: why it cannot be stacked}`.
        """
        groups, reasons = {}, {}
        for place, (model, batch_size) in enumerate(zip(models, batch_sizes, strict=True)):
            try:
                skeleton, key = self._examine(model)
            except NotStackable as reason:
                reasons[place] = str(reason)
                continue
            except Exception as error:  # whatever a layer of the model has against being read
                reason = reason_of(str(error)) or type(error).__name__
                reasons[place] = f"it cannot be built or described: {reason}"
                continue
            self._widen(key, skeleton)
            group = groups.setdefault((key, batch_size), Group(key, batch_size))
            group.places.append(place)
            group.models.append(model)
            group.skeletons.append(skeleton)
        return list(groups.values()), reasons

    def _widen(self, key, skeleton):
        """Makes room for a model's widths: batch sizes share a template, as do later models."""
        known = self._widths.setdefault(key, skeleton.widths)
        self._widths[key] = {place: max(known[place], skeleton.widths[place]) for place in known}

    def _examine(self, model):
        if not getattr(model, "compiled", False) or model._compile_loss is None:
            raise NotStackable("it is not compiled with a loss")
        if model.run_eagerly:
            raise NotStackable("it asks to run eagerly")
        for layer in model._flatten_layers(include_self=False):
            if layer._metrics:
                raise NotStackable(f"its layer {type(layer).__name__} keeps metrics of its own")
        rule = rule_of(model.optimizer)
        LearningRates(model.optimizer)
        self.build(model)
        self._sharing.take(model)
        if objection := self._sharing.objection(model):
            raise NotStackable(objection)
        skeleton = Skeleton(model, self._treatments)
        if not model.trainable_variables:
            raise NotStackable("it has no trainable weights")
        losses, numbers = numbers_apart(described(losses_of(model)))
        key = skeleton.key, rule, losses
        family = self._families.setdefault(key, self._new_family(skeleton.widths))
        numbers = *skeleton.numbers, *numbers
        skeleton.settings = family.settings_of(numbers, model, skeleton)
        return skeleton, (key, skeleton.settings.variant)

    def _new_family(self, widths):
        def trace(model, skeleton):
            return traced(model, skeleton, widths, self._data, self._validation)

        return Family(trace)

    def build(self, model):
        """Builds a model that waits for data."""
        if not model.built:
            features = self._data.features
            model.build(keras.tree.map_structure(lambda a: (None, *a.shape[1:]), features))

    def widths_of(self, group):
        """Widths that a template needs for a group, and for all that were grouped with it."""
        for skeleton in group.skeletons:
            self._widen(group.key, skeleton)
        return rounded(self._widths[group.key])

    def room(self, memory, group):
        """How many trials of a group's program make up a stack.

        Args:
            memory: Bytes that it may use.
            group: `Group`.

        Returns:
            Integer, 1 or more.
        """
        fit = trials_within(memory, group.skeletons[0], self.widths_of(group), group.batch_size)
        return min(fit, MOST["GPU" if _has_gpu() else "CPU"])

    def reason_to_train_alone(self, group):
        """Why a group's models should train one after another, although they can be stacked.

        A recurrent layer's loop in a stack is TensorFlow's graph; of one trial XLA compiles it.

        Args:
            group: `Group`.

        Returns:
            One sentence, or None.
        """
        if not _has_gpu() and any(map(is_recurrent, group.models)):
            return "recurrent layers train faster one after another"
        return None

    def program(self, group, vectorized=True):
        """The program that trains a group; the same one for groups of the same template.

        Args:
            group: `Group`.
            vectorized: Whether its trials are computed side by side. If not, it is of one trial,
                and trials of the same widths share the program one after another; all trials of a
                group that `is_padded`. Default True.

        Returns:
            `Program`.

        Raises:
            NotStackable: If a layer cannot be made anew from its configuration, or a metric not be
                tried.
        """
        widths = group.skeletons[0].widths
        if vectorized or group.is_padded:
            widths = group.widths or self.widths_of(group)
        settings = group.skeletons[0].settings
        lifted = {} if group.is_of_one_setting else settings.variant.lifted
        own = settings if group.is_of_one_setting else tuple(lifted.items())
        key = group.key, tuple(widths.items()), vectorized, own
        if key not in self._programs:
            self._programs[key] = self._make_program(group, widths, vectorized, lifted)
        return self._programs[key]

    def _make_program(self, group, widths, vectorized, lifted):
        model = group.models[0]
        rule, losses = rule_of(model.optimizer), losses_of(model)
        try:
            template = Template(model, group.skeletons[0], widths)
            return Program(template, rule, losses, self._data.labels, vectorized, lifted)
        except Exception as error:
            reason = reason_of(str(error)) or type(error).__name__
            raise NotStackable(f"no program can be made of it: {reason}") from error

    def objection(self, program, group):
        """Why a program cannot train its stacks: its first batch differs from the models' own.

        The narrowest and the widest model of the first group that asks are compared, and some with
        other settings; other stacks of the program differ in numbers only. Where trials train one
        after another, the first that is padded is compared, and the first that is not.

        Args:
            program: What `program` returned.
            group: `Group`.

        Returns:
            One sentence, or None.
        """
        shared = next(filter(None, map(self._sharing.objection, group.models)), None)
        if shared:  # which is known only since a later model was built
            return shared
        first = group.skeletons[0]
        known = program, group.is_padded and first.widths != program.template.widths
        if known not in self._objections:
            sizes = [sum(skeleton.widths.values()) for skeleton in group.skeletons]
            few = {int(np.argmin(sizes)), int(np.argmax(sizes))}
            settings = group.by_settings()
            if len(settings) > 1:
                few |= {own[0] for own in settings[:_CHECKED]}
            few = group.part(sorted(few))
            self._objections[known] = check_first_batch(
                program, few.models, few.skeletons, group.batch_size, self._data
            )
        return self._objections[known]


def _has_gpu():
    return bool(tf.config.list_physical_devices("GPU"))
