import tensorflow as tf

from recipes.claims.covariate_shift import Settings, judge, measure
from recipes.ingredients.claims import RaceSettings
from tests.recipes.claims.verdicts import reds, verdicts

SMALL = Settings(training=RaceSettings(looks=20, every=20, seeds=3), hidden_units=30, rates=8)


class CovariateShiftTest(tf.test.TestCase):
    def test_it_holds(self):
        self.assertEqual(verdicts(judge(measure(SMALL)))[:2], ["yes"] * 2)

    def test_without_batch_norm_all_of_it_is_red(self):
        self.assertEqual(reds(judge(measure(SMALL, norm=None))), [0, 1, 2])


if __name__ == "__main__":
    tf.test.main()
