import pytest
import tensorflow as tf

from layers import BatchNorm
from recipes.claims.one_example_alone import Settings, judge, measure
from tests.recipes.claims.verdicts import reds, verdicts

pytestmark = pytest.mark.long
SMALL = Settings(hidden_units=16, looks=2, every=40, seeds=3)


def by_own_statistics(model, x):
    return model(x, training=True).numpy()


def still(**_):
    """Batch norm whose averages stay as they began."""
    return BatchNorm(momentum=1.0)


class OneExampleAloneTest(tf.test.TestCase):
    def test_it_holds_where_the_averages_have_seen_enough(self):
        self.assertEqual(verdicts(judge(measure(SMALL)))[:2], ["yes"] * 2)

    def test_the_batchs_own_statistics_are_red(self):
        self.assertEqual(reds(judge(measure(SMALL, predict=by_own_statistics)))[0], 0)

    def test_averages_that_do_not_move_are_red(self):
        self.assertEqual(reds(judge(measure(SMALL, still))), [1, 2])


if __name__ == "__main__":
    tf.test.main()
