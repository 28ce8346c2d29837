import dataclasses
from functools import partial

import pytest
import tensorflow as tf

from recipes.claims.priorities import Settings, judge, measure, sampling, search
from recipes.ingredients.classifier import build_classifier
from tests.recipes.claims.verdicts import reds, verdicts
from tuning.oracles import search_in_memory

SMALL = Settings(trials=16, seeds=4, epochs=1)


def deaf(settings, *arguments):
    """A builder that does not hand the learning rate on."""
    return build_classifier(dataclasses.replace(settings, learning_rate=0.01), *arguments)


def decided_by(name):
    """A search without training in which one hyperparameter decides everything."""

    def made_up(settings, optimizer, space):
        del optimizer
        number = space[name if name in space else "learning_rate"]

        def loss(values):
            return float(number.range.to_unit(number.range.nearest(values[number.name])))

        return search_in_memory(sampling(space, settings.trials * settings.seeds), loss)

    return made_up


class PrioritiesTest(tf.test.TestCase):
    def test_a_learning_rate_that_decides_everything_comes_first(self):
        checks = judge(measure(SMALL, decided_by("learning_rate")))
        self.assertEqual(verdicts(checks)[0], "yes")

    @pytest.mark.long
    def test_a_learning_rate_that_the_model_does_not_get_is_red(self):
        small = dataclasses.replace(SMALL, optimizers=("momentum",))
        self.assertIn(0, reds(judge(measure(small, partial(search, build=deaf)))))

    def test_a_third_priority_that_decides_everything_is_red(self):
        self.assertEqual(reds(judge(measure(SMALL, decided_by("hidden_layers"))))[:2], [0, 1])

    def test_a_fourth_priority_that_decides_everything_is_red(self):
        self.assertIn(2, reds(judge(measure(SMALL, decided_by("adam_beta_1")))))


if __name__ == "__main__":
    tf.test.main()
