import numpy as np
import pytest
import tensorflow as tf

from recipes.claims.noisy_statistics import (
    GroupNorm,
    Settings,
    judge,
    mean_of_batch,
    measure,
    noise_of,
    trained,
)
from recipes.ingredients.claims import flat_examples
from tests.recipes.claims.verdicts import reds, verdicts

pytestmark = pytest.mark.long
SMALL = Settings(hidden_units=20, draws=400, looks=2, every=40, seeds=3)


FEW, WHOLE = ([[[0.1] * 3], [[loss + 0.001 * n for n in range(3)]]] for loss in (0.3, 0.4))
LOSSES = {8: np.array(FEW), 128: np.array(WHOLE)}
GIVEN = {
    "noise": np.full((3, 4), 1 / np.sqrt([4, 16, 64, 256])),
    "groups": LOSSES,
    "batches": LOSSES,
}


def mean_of_four(z):
    """As if more examples brought no more knowledge."""
    return mean_of_batch(z[:4])


def whole(_, **arguments):
    return GroupNorm(1, **arguments)


def deaf():
    """A training that is deaf to groups and batch size, so one and the same each time."""
    done = []

    def always_the_same(build, parts, settings, batch_size=None):
        del batch_size
        done.extend([] if done else [trained(build, parts, settings)])
        return done[0]

    return always_the_same


class NoisyStatisticsTest(tf.test.TestCase):
    def test_the_noise_is_that_of_the_formula(self):
        x, _ = flat_examples(SMALL.dataset)["train"]
        noise = [noise_of(seed, x, SMALL, mean_of_batch) for seed in range(3)]
        self.assertEqual(verdicts(judge(GIVEN | {"noise": np.array(noise)}))[0], "yes")

    def test_a_mean_of_four_and_groups_and_batch_sizes_that_are_none_are_red(self):
        checks = judge(measure(SMALL, mean_of_four, whole, deaf()))
        self.assertEqual(checks[0].holds, "under conditions (1 of 4): m = 4")
        self.assertEqual(reds(checks), [1, 2, 3])

    def test_a_larger_gap_and_test_loss_of_the_whole_batch_hold(self):
        self.assertEqual(verdicts(judge(GIVEN)), ["yes"] * 4)

    def test_groups_are_normalised_each_by_itself(self):
        z = tf.concat([tf.random.normal((4, 3)), 5 + tf.random.normal((4, 3))], 0)
        out = GroupNorm(2)(z, training=True)
        self.assertAllClose(tf.reduce_mean(out[:4], 0), [0.0] * 3, atol=1e-5)


if __name__ == "__main__":
    tf.test.main()
