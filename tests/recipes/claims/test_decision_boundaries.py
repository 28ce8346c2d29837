import keras
import numpy as np
import tensorflow as tf

from recipes.claims.decision_boundaries import (
    PLACES,
    Settings,
    bends,
    bent,
    judge,
    measure,
)
from tests.recipes.claims.verdicts import reds, verdicts

SMALL = Settings(classes=(3,), steps=300, seeds=3)


def linear(features):
    return keras.layers.Dense(32)(features)


class DecisionBoundariesTest(tf.test.TestCase):
    def test_it_holds(self):
        self.assertEqual(verdicts(judge(measure(SMALL))), ["yes"] * 2)

    def test_hidden_layers_that_bend_or_do_not_are_red(self):
        self.assertEqual(reds(judge(measure(SMALL, straight=bent, bent=linear))), [0, 1])

    def test_the_bend_of_a_circle_is_its_radius_over_the_root_of_two(self):
        x, y = PLACES.T.astype("float64")
        logits = np.stack([x**2 + y**2 - 0.5, np.zeros_like(x)], -1).reshape(121, 121, 2)
        self.assertAllClose(bends(logits), [0.5 / 2.2], rtol=0.01)  # radius sqrt(0.5)


if __name__ == "__main__":
    tf.test.main()
