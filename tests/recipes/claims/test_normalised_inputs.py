import tensorflow as tf

from recipes.claims.normalised_inputs import Settings, judge, measure, rescale
from recipes.ingredients.claims import RaceSettings
from tests.recipes.claims.verdicts import reds, verdicts

SMALL = Settings(
    training=RaceSettings(looks=20, every=10, seeds=3), optimizers=("momentum",), hidden_units=32
)


class NormalisedInputsTest(tf.test.TestCase):
    def test_badly_scaled_inputs_are_slow(self):
        self.assertEqual(verdicts(judge(measure(SMALL)))[1], "yes")

    def test_inputs_that_are_not_normalised_and_no_batch_norm_are_red(self):
        self.assertEqual(reds(judge(measure(SMALL, rescale, use_batch_norm=False))), [0, 1, 2])


if __name__ == "__main__":
    tf.test.main()
