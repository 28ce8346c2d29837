"""1.9, 1.10 Panda for scarce computer time, caviar for plenty.

Panda mode trains one model, watches its loss and adjusts its hyperparameters meanwhile: for big
data, slow training, few computers. Caviar mode trains many settings in parallel and keeps the best:
for plenty of computers, where it covers a space fast.

You will see the best validation loss by computer time of both, for a cheap model and for one whose
epoch costs several times as much. Computer time is what one pays for: CPU seconds of the whole
process, in which all that a mode does counts, building and compiling its models, range tests, forks
and undone epochs included. Panda is `tuning.panda` by its own rules, from a random setting, whose
learning rate it replaces by what a range test finds. Caviar is a random search by `StackedTuner` of
the same space, as many trials side by side as there is time for, then as many again. Measured is,
after half of the seconds and after all, the loss of caviar less that of panda on the expensive
model; and that of panda less that of caviar on the cheap one; each should be no less than 0.

    python -m recipes.claims.panda_caviar

Takes about four minutes on two cores. Unkind to panda: a range test's 300 mini-batches are 18
epochs of digits, and next to nothing where data are big; and a person would turn the momentum too,
which the rules leave where chance put it. Unkind to caviar: its trials have one length, where a
pruning rule would end the bad ones. Seconds are those of your machine: your figures will differ.
Source: Ng (2017), "Improving Deep Neural Networks", week 3.
"""

import contextlib
import dataclasses
import tempfile
import time

import keras_tuner
import numpy as np

from recipes.ingredients.claims import (
    Check,
    Expected,
    conduct,
    flat_examples,
    mean_of,
    ratio_of,
    seeded,
)
from recipes.ingredients.claims.losses import BATCH_SIZE, bounded, builder
from recipes.ingredients.command_line import run
from recipes.ingredients.data import DataSettings
from recipes.ingredients.errors import refuse_below
from recipes.ingredients.run_directory import RunSettings
from recipes.ingredients.space import SpaceSettings, search_space
from tuning import SearchSpace, StackedTuner
from tuning.oracles import RandomOracle, search_in_memory
from tuning.panda import Babysitter, Rules
from tuning.pictures import paper, plain_numbers

WHOLE_SPACE = search_space(SpaceSettings(), "momentum")
SPACE = SearchSpace((WHOLE_SPACE["learning_rate"], WHOLE_SPACE["sgd_momentum"]))
RULES = Rules(auto=True, find_learning_rate=True)
MODELS = CHEAP, EXPENSIVE = "cheap", "expensive"
SHARES = 0.5, 1.0
"""Of the seconds, after which the two are compared."""
MANY = 10_000
"""Trials, more than there is time for."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Compares one model that is watched with many that are not, in equal seconds."""

    where: RunSettings = RunSettings()
    dataset: DataSettings = DataSettings(validation_share=0.2)
    cheap_units: int = 64
    """Units of each hidden layer of the cheap model, 1 or more."""
    cheap_layers: int = 2
    """Hidden layers of the cheap model, 1 or more."""
    cheap_side_by_side: int = 64
    """Trials that caviar trains at a time of the cheap model, 1 or more."""
    expensive_units: int = 1024
    """Units of each hidden layer of the expensive model, 1 or more."""
    expensive_layers: int = 3
    """Hidden layers of the expensive model, 1 or more."""
    expensive_side_by_side: int = 2
    """Trials that caviar trains at a time of the expensive model, 1 or more."""
    seconds: float = 16.0
    """Computer time of each mode for each model and seed, CPU seconds, above 0."""
    trial_epochs: int = 20
    """Epochs of each of caviar's trials, 1 or more."""
    panda_epochs: int = 60
    """Epochs of panda's model, 1 or more; its rules may end it before."""
    seeds: int = 6
    """How often each is done, 2 or more."""

    def __post_init__(self):
        """Refuses values outside their range."""
        whole = [
            f"{model}_{what}" for model in MODELS for what in ("units", "layers", "side_by_side")
        ]
        least = dict.fromkeys((*whole, "trial_epochs", "panda_epochs"), 1)
        refuse_below(self, above_zero=("seconds",), seeds=2, **least)

    def of(self, model):
        """Layers of a model, and its trials at a time: `(fixed values, side_by_side)`."""
        names = (f"{model}_{what}" for what in ("units", "layers", "side_by_side"))
        units, layers, side_by_side = (getattr(self, name) for name in names)
        return {"hidden_units": units, "hidden_layers": layers}, side_by_side


def main(settings):
    """Measures, judges and draws: a `recipes.ingredients.claims.Result`."""
    return conduct(__file__, settings, measure, judge, draw)


class TimeIsUp(Exception):
    """The computer time is spent."""


@dataclasses.dataclass(frozen=True)
class Course:
    """What a mode had at each moment."""

    seconds: np.ndarray
    """`(moments,)` computer time of each, from 0 on, ascending."""
    best: np.ndarray
    """`(moments,)` the best validation loss until then, in nats; at first that of guessing."""

    def by(self, seconds):
        """The best loss by given computer times: an array like `seconds`."""
        return self.best[np.searchsorted(self.seconds, seconds, side="right") - 1]


def sampling(seed, trials):
    """The oracle of so many random trials."""
    hp = keras_tuner.HyperParameters()
    SPACE.declare(hp)
    objective = keras_tuner.Objective("val_loss", "min")
    return RandomOracle(objective, max_trials=trials, seed=seed, hyperparameters=hp)


def watched(settings, parts, model, seed, clock, rules=RULES, **begin):
    """Panda: one model, watched, from a random setting, but for what is given: its `Course`."""
    build = builder(parts, settings.of(model)[0])
    ((values, _),) = search_in_memory(sampling(seed, 1), lambda _: 0.0)
    began = clock()

    def look_at_the_clock(_):
        if clock() - began > settings.seconds:
            raise TimeIsUp

    network = seeded(seed, build, values | begin)
    built = clock() - began
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(TimeIsUp):
        training = Babysitter(
            network,
            parts["train"],
            folder,
            validation_data=parts["validation"],
            batch_size=BATCH_SIZE,
            epochs=settings.panda_epochs,
            seed=seed,
            rules=rules,
            say=look_at_the_clock,
            clock=clock,
        )
        training.run()
    moments = [(built + day["seconds"], day["val_loss"]) for day in training.records.days]
    return course(moments, parts)


def searched(settings, parts, model, seed, clock, keep=np.minimum):
    """Caviar: so many random settings side by side, then as many again: the `Course` of the best.

    `keep` is what it keeps of two losses; by default the smaller one.
    """
    fixed, side_by_side = settings.of(model)
    build, oracle, moments, began = builder(parts, fixed), sampling(seed, MANY), [], clock()

    def note(stack):
        losses = [member.curve[-1]["val_loss"] for member in stack.members]
        moments.append((clock() - began, keep.reduce(bounded(np.array(losses), parts))))
        if moments[-1][0] > settings.seconds:
            raise TimeIsUp

    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(TimeIsUp):
        tuner = StackedTuner(
            oracle,
            lambda hp: build(SPACE.declare(hp)),
            seed=seed,
            directory=folder,
            checkpoints=0,
            stack_size=side_by_side,
            on_epoch=note,
        )
        tuner.search(
            *parts["train"],
            validation_data=parts["validation"],
            batch_size=BATCH_SIZE,
            epochs=settings.trial_epochs,
            verbose=0,
        )
    return course(moments, parts, keep)


def course(moments, parts, keep=np.minimum):
    """The `Course` of `(seconds, loss)` at each moment, which begins with guessing."""
    seconds, losses = np.transpose([(0.0, np.nan), *moments])
    return Course(seconds, keep.accumulate(bounded(losses, parts)))


def measure(settings, clock=time.process_time, panda=watched, caviar=searched):
    """Does both with both models, once for each seed.

    Args:
        settings: `Settings`.
        clock: What tells the computer time. Default the CPU seconds of this process.
        panda: As the function `watched`, which is the default.
        caviar: As the function `searched`, which is the default.

    Returns:
        `{"seconds": settings.seconds, model: {"panda": [Course of each seed], "caviar": ...}}`.
    """
    parts, found = flat_examples(settings.dataset), {"seconds": settings.seconds}
    modes = {"panda": panda, "caviar": caviar}
    for model in MODELS:
        courses = {mode: [] for mode in modes}
        for seed in range(settings.seeds):
            for mode, train in modes.items():
                courses[mode].append(train(settings, parts, model, seed, clock))
        found[model] = courses
    return found


def judge(found):
    """Whether one model is the expensive one, and which mode is better in equal seconds."""
    epochs = {
        model: [np.median(np.diff(each.seconds)) for each in found[model]["panda"]]
        for model in MODELS
    }
    no_less = "{} model, equal seconds: best loss of {} less that of {}".format
    return [
        Check(
            "1.9",
            "CPU seconds of an epoch, watched: the expensive model / the cheap one",
            ratio_of(epochs[EXPENSIVE], epochs[CHEAP]),
            Expected("else neither would be cheap or expensive", low=5.0),
        ),
        Check(
            "1.9",
            no_less(EXPENSIVE, "caviar", "panda"),
            behind(found, EXPENSIVE, "caviar", "panda"),
            Expected("time for few guesses, or for one that is looked after", low=0.0),
            "nats",
        ),
        Check(
            "1.10",
            no_less(CHEAP, "panda", "caviar"),
            behind(found, CHEAP, "panda", "caviar"),
            Expected("many guesses cover the space", low=0.0),
            "nats",
        ),
    ]


def behind(found, model, mode, other):
    """The best loss of one mode less that of the other, a `Measured` for each moment."""
    pairs = list(zip(found[model][mode], found[model][other], strict=True))
    moments = [share * found["seconds"] for share in SHARES]
    return tuple(
        mean_of([one.by(moment) - two.by(moment) for one, two in pairs], f"{moment:.3g} s")
        for moment in moments
    )


def draw(found):
    """The best loss by computer time: a thin line for each seed, a thick one for their median."""
    figure = paper(12, 4.4)
    moments = np.linspace(0, found["seconds"], 500)
    for axes, model in zip(figure.subplots(1, 2, sharey=True), MODELS, strict=True):
        for colour, (mode, courses) in zip(("C0", "C1"), found[model].items(), strict=True):
            losses = np.array([each.by(moments) for each in courses])
            axes.plot(moments, losses.T, color=colour, alpha=0.3, linewidth=0.8)
            axes.plot(moments, np.median(losses, 0), color=colour, linewidth=2.5, label=mode)
        for share in SHARES:
            axes.axvline(share * found["seconds"], color="0.5", linestyle="--")
        axes.set(
            yscale="log",
            xlabel="computer time [CPU seconds]",
            title=f"{model} model: thick, the median",
        )
        axes.yaxis.set_tick_params(labelleft=True)
        plain_numbers(axes.yaxis)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.axes[0].set_ylabel("best validation loss [nats]")
    return figure


if __name__ == "__main__":
    run(main, Settings)
