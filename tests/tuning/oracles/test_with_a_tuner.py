"""keras-tuner's own tuner loop runs with every oracle, on a declared space and on a foreign one."""

import math

import keras_tuner
import tensorflow as tf
from absl.testing import parameterized

from tests.tuning.oracles.searching import ORACLES, Folder, bowl, make
from tests.tuning.spaces import CLASSIFIER
from tuning import log_complement, own_values


class MadeUpTuner(keras_tuner.Tuner):
    """Runs a builder and makes its score up; learning rates above 0.1 diverge."""

    def __init__(self, builder, **arguments):
        super().__init__(**arguments)
        self.builder = builder

    def run_trial(self, trial, *_, **__):
        values = self.builder(trial.hyperparameters)
        return {"score": math.nan if values["learning_rate"] > 0.1 else bowl(values)}


def foreign_builder(hp):
    learning_rate = hp.Float("learning_rate", 1e-4, 1.0, sampling="log")
    if hp.Choice("optimizer", ["momentum", "adam"]) == "momentum":
        with hp.conditional_scope("optimizer", ["momentum"]):
            log_complement(hp, "momentum", 0.9, 0.999)
    return {"learning_rate": learning_rate}


class WithATunerTest(tf.test.TestCase, parameterized.TestCase):
    def search(self, name, builder):
        folder = Folder(self)
        oracle = make(name, keras_tuner.HyperParameters(), folder.new(), max_trials=24, saves=True)
        tuner = MadeUpTuner(builder, oracle=oracle, directory=folder.new(), project_name="search")
        tuner.search(verbose=0)
        return oracle

    @parameterized.parameters(*ORACLES)
    def test_a_declared_space_is_searched(self, name):
        oracle = self.search(name, CLASSIFIER.declare)
        self.assertGreaterEqual(len(oracle.trials), 1)
        best = CLASSIFIER.values(oracle.get_best_trials()[0].hyperparameters)
        self.assertEqual(set(best), set(CLASSIFIER.defaults))
        self.assertLessEqual(best["learning_rate"], 0.1)

    @parameterized.parameters(*ORACLES)
    def test_a_foreign_builder_is_searched(self, name):
        oracle = self.search(name, foreign_builder)
        own = [own_values(trial.hyperparameters) for trial in oracle.trials.values()]
        for values in own:
            self.assertEqual("momentum" in values, values["optimizer"] == "momentum")
