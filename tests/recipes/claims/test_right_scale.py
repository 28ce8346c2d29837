import pytest
import tensorflow as tf

from recipes.claims.right_scale import Settings, judge, measure
from tests.recipes.claims.verdicts import reds
from tuning import Logarithmic, LogarithmicComplement

pytestmark = pytest.mark.long
SMALL = Settings(seeds=12, epochs=2, hidden_units=16)


class DenseNearOne(Logarithmic):
    def read(self, hp, name):
        return self.low + self.high - super().read(hp, name)


class DenseNearTheLow(LogarithmicComplement):
    def read(self, hp, name):
        return self.low + self.high - super().read(hp, name)


class RightScaleTest(tf.test.TestCase):
    def test_the_right_scales_are_not_red(self):
        self.assertEqual(reds(judge(measure(SMALL))), [])

    def test_scales_that_are_dense_at_the_wrong_end_are_red(self):
        self.assertEqual(reds(judge(measure(SMALL, DenseNearOne, DenseNearTheLow))), [0])


if __name__ == "__main__":
    tf.test.main()
