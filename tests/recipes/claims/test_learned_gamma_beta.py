import keras
import pytest
import tensorflow as tf

from layers import BatchNorm
from recipes.claims.learned_gamma_beta import OPTIMIZERS, Settings, judge, measure
from recipes.ingredients.claims import RaceSettings
from tests.recipes.claims.verdicts import reds, verdicts

pytestmark = pytest.mark.long
SMALL = Settings(training=RaceSettings(looks=15, every=20, seeds=3), hidden_units=32)
ONE = {"adam": OPTIMIZERS["adam"]}


class FrozenBatchNorm(BatchNorm):
    """Gamma and beta get no gradient."""

    def _add_parameter(self, name, channels):
        return self.add_weight(
            name=name,
            shape=(channels,),
            initializer=getattr(self, f"{name}_initializer"),
            trainable=False,
        )


def hardly(rate):
    return keras.optimizers.SGD(rate * 1e-6)


class LearnedGammaBetaTest(tf.test.TestCase):
    def test_it_holds(self):
        self.assertEqual(verdicts(judge(measure(SMALL, optimizers=ONE))), ["yes"] * 3)

    def test_a_gamma_and_beta_that_are_not_learned_are_red(self):
        self.assertEqual(reds(judge(measure(SMALL, FrozenBatchNorm, ONE))), [0, 2])

    def test_an_optimiser_that_hardly_moves_is_red(self):
        self.assertEqual(reds(judge(measure(SMALL, optimizers={"hardly": hardly}))), [1, 2])


if __name__ == "__main__":
    tf.test.main()
