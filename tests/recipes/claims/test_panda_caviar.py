import itertools
from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from recipes.claims.panda_caviar import (
    CHEAP,
    EXPENSIVE,
    Course,
    Settings,
    judge,
    measure,
    searched,
    watched,
)
from recipes.ingredients.claims import flat_examples
from tests.recipes.claims.verdicts import reds, verdicts
from tuning.panda import Rules

SMALL = Settings(
    cheap_units=16,
    cheap_layers=1,
    cheap_side_by_side=8,
    expensive_units=16,
    expensive_layers=1,
    seconds=20,
    trial_epochs=5,
    panda_epochs=10,
    seeds=2,
)


def ticking():
    """A clock that goes on by a second whenever it is read."""
    return partial(next, itertools.count())


def courses(first, every, *losses):
    """What two seeds had after the first epoch and each further one."""
    seconds = [0.0, *(first + every * number for number in range(len(losses)))]
    best = np.minimum.accumulate([2.3, *losses])
    return [Course(np.array(seconds), best + 0.001 * seed) for seed in range(2)]


GIVEN = {
    "seconds": 16,
    CHEAP: {"panda": courses(3, 0.1, 0.3, 0.2, 0.1), "caviar": courses(4, 1, 0.3, 0.05)},
    EXPENSIVE: {"panda": courses(7, 2, 0.5, 0.2, 0.1), "caviar": courses(5, 9, 0.4, 0.2)},
}


class PandaCaviarTest(tf.test.TestCase):
    def test_what_came_later_does_not_count(self):
        (course, *_) = courses(3, 2, 0.2, 0.1)
        self.assertAllClose(course.by([0, 2.9, 3, 4.9, 5, 99]), [2.3, 2.3, 0.2, 0.2, 0.1, 0.1])

    def test_each_is_judged_by_what_it_had_in_equal_seconds(self):
        found = verdicts(judge(GIVEN))
        self.assertEqual(found, ["yes", "under conditions (1 of 2): 16 s", "yes"])

    def test_two_models_that_cost_the_same_are_red(self):
        self.assertEqual(reds(judge(GIVEN | {EXPENSIVE: GIVEN[CHEAP]})), [0, 1])

    def test_each_mode_trains_each_model_with_each_seed(self):
        def named(mode):
            return lambda *arguments: (mode, *arguments[2:4])

        found = measure(SMALL, panda=named("panda"), caviar=named("caviar"))
        for model, mode in itertools.product((CHEAP, EXPENSIVE), ("panda", "caviar")):
            self.assertEqual(found[model][mode], [(mode, model, 0), (mode, model, 1)])

    def test_a_panda_that_begins_far_too_slowly_and_looks_away_is_red(self):
        parts, begin = flat_examples(SMALL.dataset), {"learning_rate": 1e-6}
        asleep = watched(SMALL, parts, EXPENSIVE, 0, ticking(), Rules(), **begin)
        found = GIVEN | {EXPENSIVE: GIVEN[EXPENSIVE] | {"panda": [asleep] * 2}}
        self.assertIn(1, reds(judge(found)))

    def test_a_caviar_that_keeps_the_worst_is_red(self):
        parts = flat_examples(SMALL.dataset)
        worst = searched(SMALL, parts, CHEAP, 0, ticking(), keep=np.maximum)
        found = GIVEN | {CHEAP: GIVEN[CHEAP] | {"caviar": [worst] * 2}}
        self.assertEqual(reds(judge(found)), [2])

    @pytest.mark.long
    def test_panda_and_caviar_end_after_the_epoch_in_which_their_time_is_up(self):
        parts = flat_examples(SMALL.dataset)
        for mode in (watched, searched):
            course = mode(SMALL, parts, CHEAP, 0, ticking())
            self.assertAllEqual(np.sort(course.seconds), course.seconds)
            self.assertLessEqual(course.seconds[-2], SMALL.seconds)
            self.assertGreaterEqual(course.seconds[-1], SMALL.seconds)
            self.assertAllLessEqual(np.diff(course.best), 0)
            self.assertLess(course.best[-1], course.best[0])


if __name__ == "__main__":
    tf.test.main()
