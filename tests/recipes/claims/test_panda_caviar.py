import numpy as np
import tensorflow as tf

from recipes.claims.panda_caviar import Settings, judge, measure, watched
from tests.recipes.claims.verdicts import reds
from tuning.panda import Rules

SMALL = Settings(hidden_units=16, hidden_layers=1, trial_epochs=4, panda_epochs=3, seeds=4)


def asleep(settings, parts, fixed, values, seed):
    """A panda that begins far too slowly and looks away."""
    return watched(settings, parts, fixed, values | {"learning_rate": 1e-6}, seed, Rules())


class PandaCaviarTest(tf.test.TestCase):
    def test_a_panda_that_looks_away_is_red_and_caviar_then_wins(self):
        checks = judge(measure(SMALL, asleep))
        self.assertEqual(reds(checks), [0])
        self.assertEqual(checks[1].holds, "yes")

    def test_a_caviar_that_keeps_the_worst_is_red(self):
        found = measure(SMALL, keep=np.maximum)
        self.assertEqual(reds(judge(found)), [1])
        self.assertTrue(np.all(np.diff(found["panda"]) <= 0))


if __name__ == "__main__":
    tf.test.main()
