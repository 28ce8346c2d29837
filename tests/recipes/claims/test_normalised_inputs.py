import pytest
import tensorflow as tf

from recipes.claims.normalised_inputs import (
    SHALLOW,
    Settings,
    judge,
    measure,
    normalise,
    races,
    rescale,
)
from recipes.ingredients.claims import RaceSettings, raw_examples
from tests.recipes.claims.verdicts import reds, verdicts

pytestmark = pytest.mark.long
SMALL = Settings(
    training=RaceSettings(looks=10, every=20, seeds=3),
    optimizers=("momentum",),
    hidden_units=32,
    rates=7,
)


class NormalisedInputsTest(tf.test.TestCase):
    def test_inputs_that_are_not_normalised_and_no_batch_norm_are_red(self):
        found = measure(SMALL, rescale, use_batch_norm=False)
        self.assertEqual(reds(judge(found)), [0, 1, 2])
        raced = races(SMALL, raw_examples(SMALL.dataset), normalise, SHALLOW, False)
        self.assertEqual(verdicts(judge(found | {"normalised inputs": raced}))[1], "yes")


if __name__ == "__main__":
    tf.test.main()
