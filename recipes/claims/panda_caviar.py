"""1.9, 1.10 Panda for scarce computer time, caviar for plenty.

Panda mode trains one model, watches its loss and adjusts its hyperparameters meanwhile: for big
data, slow training, few computers. Caviar mode trains many settings in parallel and keeps the best:
for plenty of computers, where it covers a space fast.

You will see the best validation loss by computer time of both. Computer time is counted in passes
over the training part, those that are undone, range tests and forks included: in the same seconds a
cheap model gets many of them, an expensive one few. (Seconds themselves would measure the compiler,
at the size of a recipe.) Panda begins at a random setting, finds itself
a learning rate by a range test, and goes by the project's rules. Caviar trains random settings from
the same space, so long each, as many as the passes allow. Measured is the loss of caviar less that
of panda in the passes of two such trials, which should be no less than 0; and that of panda less
that of caviar in the passes of fifty, which should be no less than 0 either.

    python -m recipes.claims.panda_caviar

Takes a minute and a half on two cores. Kind to panda: caviar trains side by side, so that a pass of
a small model costs it less. Unkind: a range test's 300 mini-batches are 18 passes over digits, and
next to nothing where data are big. Source: Ng (2017), "Improving Deep Neural Networks", week 3.
"""

import dataclasses
import tempfile

import numpy as np

from recipes.ingredients.claims import Check, Expected, conduct, flat_examples, mean_of, seeded
from recipes.ingredients.claims.losses import BATCH_SIZE, bounded, builder, curves_of
from recipes.ingredients.command_line import run
from recipes.ingredients.data import DataSettings
from recipes.ingredients.errors import refuse_below
from recipes.ingredients.run_directory import RunSettings
from tuning import Logarithmic, LogarithmicComplement
from tuning.panda import Rules, babysit, journal
from tuning.pictures import paper

SCALES = {
    "learning_rate": Logarithmic(1e-4, 1.0),
    "sgd_momentum": LogarithmicComplement(0.9, 0.999),
}
RULES = Rules(auto=True, find_learning_rate=True)
RANGE_TEST_STEPS = 300
"""Three seeds of a hundred: what `tuning.panda.learning_rate_range` does unless told otherwise."""
SCARCE, PLENTY = 2, 50
"""Computer time, in trials of caviar."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Compares one model that is watched with many that are not."""

    where: RunSettings = RunSettings()
    dataset: DataSettings = DataSettings(validation_share=0.2)
    hidden_units: int = 64
    """Units of each hidden layer, 1 or more."""
    hidden_layers: int = 2
    """Number of hidden layers, 1 or more."""
    trial_epochs: int = 20
    """Passes of each of caviar's trials, 1 or more."""
    panda_epochs: int = 60
    """Epochs of panda's model, 1 or more; its rules may end it before."""
    seeds: int = 10
    """How often each is done, 2 or more."""

    def __post_init__(self):
        """Refuses values outside their range."""
        least = dict.fromkeys(("hidden_units", "hidden_layers", "trial_epochs", "panda_epochs"), 1)
        refuse_below(self, seeds=2, **least)


def main(settings):
    """Measures, judges and draws: a `recipes.ingredients.claims.Result`."""
    return conduct(__file__, settings, measure, judge, draw)


def watched(settings, parts, fixed, values, seed, rules=RULES):
    """Panda: one model from given values, watched.

    Returns:
        `(passes, losses)`, each a number for each epoch: passes so far, and validation loss.
    """
    model = seeded(seed, builder(parts, fixed), values)
    with tempfile.TemporaryDirectory() as folder:
        outcome = babysit(
            model,
            parts["train"],
            folder,
            validation_data=parts["validation"],
            batch_size=BATCH_SIZE,
            epochs=settings.panda_epochs,
            seed=seed,
            rules=rules,
            say=lambda _: None,
        )
    steps, sizes, losses = np.transpose(
        [[day[name] for name in ("step", "batch_size", "val_loss")] for day in outcome.days]
    )
    examples = np.cumsum(np.diff(steps, prepend=0) * sizes)
    for entry in outcome.entries:
        examples[steps > entry.step] += steps_of(entry) * entry.knobs["batch_size"]
    return examples / len(parts["train"][0]), bounded(losses, parts)


def steps_of(entry):
    """Mini-batches that an intervention took besides those of the training."""
    if entry.by == journal.RANGE_TEST:
        return RANGE_TEST_STEPS
    return len(entry.fork["variations"]) * entry.fork["steps"] if entry.fork else 0


def measure(settings, watched=watched, keep=np.minimum):
    """Does both, once for each seed.

    Args:
        settings: `Settings`.
        watched: Panda. Default the function of that name.
        keep: What caviar keeps of two losses. Default the smaller one.

    Returns:
        `{"passes": array, "panda", "caviar": (seeds, passes), "trial_epochs": passes of a trial}`:
        the best loss in so many passes.
    """
    parts = flat_examples(settings.dataset)
    fixed = {"hidden_units": settings.hidden_units, "hidden_layers": settings.hidden_layers}
    passes = np.arange(1, PLENTY * settings.trial_epochs + 1)
    trials = [each for seed in range(settings.seeds) for each in draws(seed, PLENTY)]
    curves = curves_of(parts, fixed, trials, settings.trial_epochs)
    caviar = curves.T.reshape(settings.seeds, len(passes))  # one trial after another
    panda = []
    for seed in range(settings.seeds):
        done, losses = watched(settings, parts, fixed, draws(seed, 1)[0], seed)
        best = np.minimum.accumulate([*bounded(np.array([np.nan]), parts), *losses])
        panda.append(best[np.searchsorted(done, passes, side="right")])
    return {
        "passes": passes,
        "panda": np.array(panda),
        "caviar": keep.accumulate(caviar, axis=1),
        "trial_epochs": settings.trial_epochs,
    }


def draws(seed, count):
    """Random settings, `{name: value}` each."""
    units = np.random.default_rng(seed).random((count, len(SCALES)))
    columns = [scale.from_unit(own) for scale, own in zip(SCALES.values(), units.T, strict=True)]
    return [dict(zip(SCALES, each, strict=True)) for each in np.transpose(columns).tolist()]


def judge(found):
    """Which is better in little computer time, and in much."""

    def after(name, trials):
        return found[name][:, trials * found["trial_epochs"] - 1]

    scarce, plenty = (n * found["trial_epochs"] for n in (SCARCE, PLENTY))
    return [
        Check(
            "1.9",
            f"an expensive model: best loss of caviar less that of panda, {scarce} passes",
            mean_of(after("caviar", SCARCE) - after("panda", SCARCE)),
            Expected("time for two guesses, or for one that is looked after", low=0.0),
            "nats",
        ),
        Check(
            "1.10",
            f"a cheap model: best loss of panda less that of caviar, {plenty:,} passes",
            mean_of(after("panda", PLENTY) - after("caviar", PLENTY)),
            Expected("many guesses cover the space", low=0.0),
            "nats",
        ),
    ]


def draw(found):
    """The best loss by passes: a thin line for each seed, a thick one for their mean."""
    figure = paper(8, 4.4)
    axes = figure.subplots()
    for colour, name in (("C0", "panda"), ("C1", "caviar")):
        axes.plot(found["passes"], found[name].T, color=colour, alpha=0.3, linewidth=0.8)
        axes.plot(found["passes"], found[name].mean(0), color=colour, linewidth=2.5, label=name)
    for trials, text in ((SCARCE, "an expensive model"), (PLENTY, "a cheap model")):
        axes.axvline(trials * found["trial_epochs"], color="0.5", linestyle="--")
        ends = (trials * found["trial_epochs"], axes.get_ylim()[1])
        axes.annotate(text, ends, rotation=90, ha="right", va="top", fontsize=9)
    axes.set(xscale="log", yscale="log", xlabel="computer time [passes over the training part]")
    axes.set(ylabel="best validation loss [nats]", title="One model watched, or many settings")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left")
    return figure


if __name__ == "__main__":
    run(main, Settings)
