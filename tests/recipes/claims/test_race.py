import numpy as np
import tensorflow as tf

from recipes.ingredients.claims import Race, RaceSettings, raw_examples
from recipes.ingredients.data import DataSettings
from recipes.ingredients.errors import BadInput

NAN = np.nan
# Two seeds, three points, four rates: too small, slow, best, largest that works for one seed only.
LOSSES = [
    [[2.0, 2.0, 0.9, 3.0], [1.9, 1.2, 0.4, 0.9], [1.8, 0.9, 2.0, NAN]],
    [[2.0, 2.0, 1.1, NAN], [1.9, 0.8, 0.7, NAN], [1.8, 0.7, 0.5, NAN]],
]


class RaceTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        points, rates = np.array([10, 20, 30]), np.array([0.1, 1.0, 10.0, 100.0])
        self.race = Race(rates, points, np.array(LOSSES), target=1.0)

    def test_steps_are_counted_to_the_first_loss_below_the_target(self):
        self.assertAllEqual(self.race.steps, [[np.inf, 30, 10, 20], [np.inf, 20, 20, np.inf]])

    def test_the_best_rate_is_the_fastest_where_a_failure_counts_as_all_steps(self):
        self.assertEqual(self.race.best_rate, 10.0)
        self.assertAllEqual(self.race.best_steps, [10, 20])

    def test_the_largest_rate_that_works_is_each_seeds_own(self):
        self.assertAllEqual(self.race.largest_rates, [100, 10])

    def test_where_nothing_works_there_is_none(self):
        lost = Race(self.race.rates, self.race.points, np.full((2, 3, 4), 9.0), target=1.0)
        self.assertAllEqual(np.isnan(lost.largest_rates), [True, True])
        self.assertAllEqual(lost.best_steps, [30, 30])

    def test_settings_outside_their_range_are_refused(self):
        with self.assertRaisesRegex(BadInput, "seeds must be 2 or more. Received: seeds=1"):
            RaceSettings(seeds=1)


class RawExamplesTest(tf.test.TestCase):
    def test_numbers_are_as_they_were_found(self):
        x, _ = raw_examples(DataSettings())["train"]
        self.assertEqual((x.shape[1], x.min(), x.max()), (64, 0, 16))
        self.assertEqual(raw_examples(DataSettings("wine"))["test"][0].shape[1], 13)

    def test_text_is_refused(self):
        path = self.create_tempfile("flowers.csv", "colour,species\n" + "red,a\nblue,b\n" * 20)
        with self.assertRaisesRegex(BadInput, "must be numbers, none missing.*column colour"):
            raw_examples(DataSettings(path.full_path))


if __name__ == "__main__":
    tf.test.main()
