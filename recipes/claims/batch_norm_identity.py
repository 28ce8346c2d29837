"""2.3 Gamma and beta can undo batch norm.

z_tilde = gamma * z_norm + beta, with one gamma and one beta for each unit: gamma sets the spread,
beta the mean. With gamma = sqrt(variance + epsilon) and beta = mean it is the identity: nothing
that the network could compute before is lost.

You will see a hidden layer's z as it comes, normalised, with a spread and a mean of our choice, and
back again. Measured is the largest error of each, relative to the spread of z; expected is the
rounding of float32, whose numbers are 1.2e-7 apart: |z| up to some ten deviations and a handful of
operations leave less than 1e-5.

    python -m recipes.claims.batch_norm_identity

Takes a second. Source: Ioffe & Szegedy (2015), "Batch Normalization", section 3,
https://arxiv.org/abs/1502.03167.
"""

import dataclasses

import numpy as np

from layers import BatchNorm
from recipes.ingredients.claims import Check, Expected, conduct, worst_of
from recipes.ingredients.command_line import run
from recipes.ingredients.errors import refuse_below
from recipes.ingredients.run_directory import RunSettings
from tuning.pictures import paper

ROUNDING = Expected("rounding of float32, 1.2e-7 for each of a few operations", high=1e-5)


@dataclasses.dataclass(frozen=True)
class Settings:
    """Undoes batch norm by its own gamma and beta."""

    where: RunSettings = RunSettings()
    units: int = 50
    """Hidden units, 1 or more, each with a mean and a spread of its own."""
    batch_size: int = 64
    """Examples of a mini-batch, 2 or more."""
    seeds: int = 20
    """How many mini-batches, 1 or more."""

    def __post_init__(self):
        """Refuses values outside their range."""
        refuse_below(self, units=1, batch_size=2, seeds=1)


def main(settings):
    """Measures, judges and draws: a `recipes.ingredients.claims.Result`."""
    return conduct(__file__, settings, measure, judge, draw)


def measure(settings, layer=BatchNorm):
    """Sends mini-batches of z through batch norm with three pairs of gamma and beta.

    Args:
        settings: `Settings`.
        layer: Makes the layer. Default `BatchNorm`.

    Returns:
        For each seed `{name: array}`: `z`, `gamma`, `beta`, and what came out.
    """
    found = []
    for seed in range(settings.seeds):
        draw = np.random.default_rng(seed)
        spread = 10.0 ** draw.uniform(-1, 1, settings.units)
        z = draw.normal(draw.normal(0, spread), spread, (settings.batch_size, settings.units))
        gamma, beta = draw.uniform(0.5, 2, settings.units), draw.normal(0, 3, settings.units)
        norm = layer()
        norm.build(z.shape)
        found.append(
            {
                "z": z,
                "gamma": gamma,
                "beta": beta,
                "normalised": normalised(norm, z, np.ones_like(gamma), np.zeros_like(beta)),
                "chosen": normalised(norm, z, gamma, beta),
                "restored": normalised(norm, z, np.sqrt(z.var(0) + norm.epsilon), z.mean(0)),
            }
        )
    return found


def normalised(norm, z, gamma, beta):
    """What the layer makes of z in training."""
    norm.gamma.assign(gamma)
    norm.beta.assign(beta)
    return norm(z.astype("float32"), training=True).numpy().astype("float64")


def judge(found):
    """Errors relative to the spread that each unit should have."""
    restored = [np.abs(f["restored"] - f["z"]) / f["z"].std(0) for f in found]
    means = [np.abs(f["chosen"].mean(0) - f["beta"]) / f["gamma"] for f in found]
    kept = [np.sqrt(f["z"].var(0) / (f["z"].var(0) + BatchNorm().epsilon)) for f in found]
    spreads = [
        np.abs(f["chosen"].std(0) / (f["gamma"] * k) - 1) for f, k in zip(found, kept, strict=True)
    ]
    said = {
        "gamma = sqrt(variance + epsilon), beta = mean give z back: largest error, in deviations of"
        " z": restored,
        "beta is the mean of the output: largest error, in gammas": means,
        "gamma sqrt(variance / (variance + epsilon)) is its deviation: largest relative"
        " error": spreads,
    }
    return [Check("2.3", text, worst_of(errors), ROUNDING) for text, errors in said.items()]


def draw(found):
    """The distributions of a few units: as they come, normalised, as chosen, back again."""
    figure = paper(12, 3.6)
    titles = {
        "z": "z as it comes",
        "normalised": "normalised:\ngamma = 1, beta = 0",
        "chosen": "shifted and scaled:\ngamma and beta of our choice",
        "restored": "as it came: beta = mean,\ngamma = sqrt(variance + epsilon)",
    }
    panels = figure.subplots(1, len(titles))
    for panel, (name, title) in zip(panels, titles.items(), strict=True):
        values = found[0][name][:, :6]
        panel.boxplot(values, widths=0.6)
        panel.set_title(title, fontsize=10)
        panel.set_xlabel("unit")
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("value")
    for panel in (panels[0], panels[-1]):
        panel.set_ylim(*panels[0].get_ylim())
    return figure


if __name__ == "__main__":
    run(main, Settings)
