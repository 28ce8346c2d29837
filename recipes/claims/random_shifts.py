"""2.8 Objection: with random shifts after batch norm training is fast all the same.

Santurkar et al. shift and scale what leaves batch norm at random, anew at each step: the inputs of
later layers then move more than without batch norm, and yet training stays fast. If so, steadier
distributions are not why batch norm helps (they show that it smooths the loss instead).

You will see percentiles of the third hidden layer's inputs, as in `recipes.claims.covariate_shift`,
of networks without batch norm, with it, and with it and the shifts. Measured are the way that these
percentiles travel, and the mini-batches to a validation loss, each at its best learning rate.
Expected is what the objection says, each by a tenth at least.

    python -m recipes.claims.random_shifts

Takes a minute on two cores. Source: Santurkar, Tsipras, Ilyas & Madry (2018), "How Does Batch
Normalization Help Optimization?", section 2.1, https://arxiv.org/abs/1805.11604.
"""

import dataclasses

import keras
import tensorflow as tf

from recipes.claims import covariate_shift
from recipes.claims.covariate_shift import batch_norm, draw, trained, travelled
from recipes.ingredients.claims import Check, Expected, RaceSettings, conduct, ratio_of
from recipes.ingredients.command_line import run


@dataclasses.dataclass(frozen=True)
class Settings(covariate_shift.Settings):
    """Compares sigmoid networks with batch norm, and with random shifts after it."""

    training: RaceSettings = RaceSettings(every=30, seeds=4)
    rates: int = 6
    """Learning rates that are tried, 1 or more, from 1/4 on, each twice the one before."""


def main(settings):
    """Measures, judges and draws: a `recipes.ingredients.claims.Result`."""
    return conduct(__file__, settings, measure, judge, draw)


class ShiftedBatchNorm(keras.layers.Layer):
    """Batch norm, then in training a random factor and shift of each unit, new at each step.

    The factor is uniform on [1, 1 + scale], the shift on [-shift, shift].

    Args:
        shift: The largest shift, in deviations. Default 0.5.
        scale: The largest change of scale. Default 0.25.
    """

    def __init__(self, shift=0.5, scale=0.25, **kwargs):
        super().__init__(**kwargs)
        self.shift, self.scale = shift, scale
        self.norm = batch_norm()
        self.seed_generator = keras.random.SeedGenerator(0)

    def build(self, input_shape):
        """Builds the batch norm."""
        self.norm.build(input_shape)

    def call(self, inputs, training=None):
        """Shifts in training only."""
        outputs = self.norm(inputs, training=training)
        if not training:
            return outputs
        draws = keras.random.uniform((2, inputs.shape[-1]), seed=self.seed_generator)
        factor = 1 + self.scale * tf.convert_to_tensor(draws[0])
        return outputs * factor + self.shift * (2 * tf.convert_to_tensor(draws[1]) - 1)


def measure(settings):
    """Trains three kinds of network.

    Args:
        settings: `Settings`.

    Returns:
        For each kind what `recipes.claims.covariate_shift.trained` returns.
    """
    kinds = {"without": None, "with": batch_norm, "with shifts after": ShiftedBatchNorm}
    return {name: trained(settings, kind) for name, kind in kinds.items()}


def judge(found):
    """Ratios, seed by seed."""
    (without, moved), (_, steady) = found["without"], found["with"]
    shifted, shaken = found["with shifts after"]
    tenth = Expected("the objection's premise or finding, by a tenth or more", low=1.1)
    ways = (
        ratio_of(travelled(shaken), travelled(steady), "batch norm alone"),
        ratio_of(travelled(shaken), travelled(moved), "no batch norm"),
    )
    return [
        Check(
            "2.8",
            "way of the third hidden layer's inputs, with random shifts / of another network",
            ways,
            tenth,
        ),
        Check(
            "2.8",
            "mini-batches to the target, best rates, without batch norm / with it and random"
            " shifts",
            ratio_of(without.best_steps, shifted.best_steps),
            tenth,
        ),
    ]


if __name__ == "__main__":
    run(main, Settings)
