import pytest
import tensorflow as tf

from recipes.claims.covariate_shift import Settings, judge, measure
from recipes.ingredients.claims import RaceSettings
from tests.recipes.claims.verdicts import reds, verdicts

pytestmark = pytest.mark.long
SMALL = Settings(training=RaceSettings(looks=20, every=20, seeds=5), hidden_units=30, rates=5)


class CovariateShiftTest(tf.test.TestCase):
    def test_it_holds_and_without_batch_norm_all_of_it_is_red(self):
        found = measure(SMALL)
        self.assertEqual(verdicts(judge(found))[:2], ["yes"] * 2)
        self.assertEqual(reds(judge(found | {"with": found["without"]})), [0, 1, 2])


if __name__ == "__main__":
    tf.test.main()
