import numpy as np
import tensorflow as tf

from recipes.ingredients.claims import LossTable, loss_table
from recipes.ingredients.claims.losses import bounded
from tuning import Hyperparameter, Integers, Logarithmic, LogarithmicComplement, SearchSpace

RATE = Hyperparameter("learning_rate", Logarithmic(1e-4, 1.0), 0.01)
SPACE = SearchSpace((RATE, Hyperparameter("hidden_units", Integers(1, 6), 3)))


def parts_of(count):
    x = np.random.default_rng(0).normal(size=(count, 3)).astype("float32")
    part = x, np.argmax(x, axis=1)
    return {"train": part, "validation": part}


class LossTableTest(tf.test.TestCase):
    def test_a_trial_gets_the_loss_of_its_cell_ends_included(self):
        table = LossTable(SPACE, np.arange(8.0).reshape(4, 2))
        for rate, units, loss in ((1e-4, 1, 0), (9e-4, 4, 1), (2e-3, 3, 2), (1.0, 6, 7)):
            self.assertEqual(table.at({"learning_rate": rate, "hidden_units": units}), loss)

    def test_the_middle_of_each_cell_lies_in_it_and_edges_lie_between(self):
        table = LossTable(SPACE, np.arange(24.0).reshape(8, 3))
        found = [
            table.at({"learning_rate": rate, "hidden_units": units})
            for rate in table.levels("learning_rate")
            for units in table.levels("hidden_units")
        ]
        self.assertEqual(found, list(range(24)))
        middles, edges = table.levels("learning_rate"), table.edges("learning_rate")
        self.assertAllEqual(np.searchsorted(edges, middles), np.arange(1, 9))

    def test_a_value_that_rounding_put_outside_its_range_is_at_its_end(self):
        beta = Hyperparameter("sgd_momentum", LogarithmicComplement(0.9, 0.999), 0.9)
        table = LossTable(SearchSpace((beta,)), np.arange(2.0))
        self.assertEqual(table.at({"sgd_momentum": 0.9 - 1e-16}), 0)

    def test_trials_are_trained_with_their_own_values(self):
        space = SearchSpace((RATE,))
        table = loss_table(parts_of(256), {"hidden_layers": 0}, space, (3,), epochs=5)
        slow, medium, fast = table.losses
        self.assertGreater(slow, medium)
        self.assertGreater(medium, fast)

    def test_what_is_no_number_or_worse_than_guessing_is_guessing(self):
        found = bounded(np.array([0.5, 7.0, np.nan, np.inf]), parts_of(64))
        self.assertAllClose(found, [0.5, np.log(3), np.log(3), np.log(3)])


if __name__ == "__main__":
    tf.test.main()
