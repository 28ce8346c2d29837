import keras_tuner
import tensorflow as tf

from tests.tuning.oracles.searching import bowl
from tests.tuning.spaces import CLASSIFIER
from tuning.oracles import CoarseToFineOracle, GridOracle, search_in_memory


class SearchInMemoryTest(tf.test.TestCase):
    def oracle(self, kind, **arguments):
        hp = keras_tuner.HyperParameters()
        CLASSIFIER.declare(hp)
        objective = keras_tuner.Objective("score", "max")
        return kind(objective, seed=0, hyperparameters=hp, max_trials=12, **arguments)

    def test_every_trial_is_scored_once_in_its_order(self):
        oracle = self.oracle(CoarseToFineOracle, rounds=3)
        found = search_in_memory(oracle, bowl)
        self.assertLen(found, 12)
        self.assertEqual([score for _, score in found], [bowl(values) for values, _ in found])
        scores = [oracle.trials[trial_id].score for trial_id in oracle.start_order]
        self.assertAllClose([score for _, score in found], scores)

    def test_the_search_does_not_depend_on_how_many_trials_run_at_a_time(self):
        one, many = (
            search_in_memory(self.oracle(GridOracle), bowl, at_a_time=count) for count in (1, 1024)
        )
        self.assertEqual(one, many)


if __name__ == "__main__":
    tf.test.main()
