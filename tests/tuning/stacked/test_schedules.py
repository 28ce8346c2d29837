from unittest import mock

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tuning.stacked.errors import NotStackable
from tuning.stacked.schedules import LearningRates

schedules = keras.optimizers.schedules


class HalvedAtStepThree(schedules.LearningRateSchedule):
    def __call__(self, step):
        return keras.ops.cond(step < 3, lambda: 1.0, lambda: 0.5)


class LearningRatesTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        schedules.ExponentialDecay(0.1, 5, 0.5),
        schedules.ExponentialDecay(0.1, 5, 0.5, staircase=True),
        schedules.InverseTimeDecay(0.1, 3, 0.7, staircase=True),
        schedules.PiecewiseConstantDecay([3, 9], [0.1, 0.2, 0.3]),
        schedules.PolynomialDecay(0.1, 7, 0.01, power=2.0),
        schedules.PolynomialDecay(0.1, 7, 0.01, cycle=True),
        schedules.CosineDecay(0.1, 9),
        schedules.CosineDecay(0.1, 9, warmup_target=0.5, warmup_steps=4),
        schedules.CosineDecayRestarts(0.1, 4, t_mul=1.5),
        HalvedAtStepThree(),
    )
    def test_every_schedule_is_asked_for_its_own_rates(self, schedule):
        rates = LearningRates(keras.optimizers.SGD(schedule)).at(2, 12)
        self.assertAllClose(rates, [float(schedule(step)) for step in range(2, 14)], rtol=1e-6)

    def test_each_schedule_of_a_kind_has_its_own_rates(self):
        for initial, steps in ((0.1, 3), (0.2, 4)):
            for staircase in (False, True):
                schedule = schedules.InverseTimeDecay(initial, steps, 0.7, staircase=staircase)
                rates = LearningRates(keras.optimizers.SGD(schedule)).at(0, 9)
                expected = [float(schedule(step)) for step in range(9)]
                self.assertAllClose(rates, expected, rtol=1e-6)

    @parameterized.parameters(float, np.float64, np.float32)
    def test_a_schedule_that_is_known_is_asked_once(self, number):
        asked = []
        decay = schedules.ExponentialDecay

        def call(schedule, step):
            asked.append(step)
            return original(schedule, step)

        original = decay.__call__
        LearningRates(keras.optimizers.SGD(decay(number(0.1), 9, 0.3))).at(0, 4)
        with mock.patch.object(decay, "__call__", call):
            LearningRates(keras.optimizers.SGD(decay(number(0.2), 8, 0.4))).at(0, 4)
        self.assertLen(asked, 1)

    def test_anybody_elses_schedule_is_checked_each_time(self):
        class FromStep(schedules.LearningRateSchedule):
            def __init__(self, mistaken):
                self._mistaken = mistaken

            def __call__(self, step):
                rates = 0.1 / (1 + tf.cast(step, "float32"))
                return rates[::-1] if self._mistaken and rates.shape.rank else rates

        for mistaken in (False, True):
            rates = LearningRates(keras.optimizers.SGD(FromStep(mistaken))).at(0, 3)
            self.assertAllClose(rates, [0.1, 0.05, 0.1 / 3])

    def test_rates_far_ahead_can_be_asked_for(self):
        schedule = schedules.ExponentialDecay(0.1, 1000, 0.5)
        rates = LearningRates(keras.optimizers.SGD(schedule))
        self.assertLen(rates.at(0, 3), 3)
        self.assertAllClose(rates.at(5000, 2), [float(schedule(s)) for s in (5000, 5001)])

    def test_a_constant_rate_can_be_set_anew(self):
        optimizer = keras.optimizers.SGD(0.1)
        rates = LearningRates(optimizer)
        self.assertAllClose(rates.at(7, 2), [0.1, 0.1])
        optimizer.learning_rate = 0.01
        self.assertAllClose(rates.at(9, 1), [0.01])

    def test_a_rate_that_does_not_know_the_step_is_refused(self):
        with self.assertRaisesRegex(NotStackable, "does not know the step"):
            LearningRates(keras.optimizers.SGD(lambda: np.random.default_rng().random()))


if __name__ == "__main__":
    tf.test.main()
