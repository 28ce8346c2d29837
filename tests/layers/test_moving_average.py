import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from layers import closed_form_average, debiased_rate, move_average, moving_average_weights


def step_by_step(values, momentum, initial, debias):
    average, weight = initial, 0.0
    for value in values:
        rate = 1 - momentum
        if debias:
            weight = move_average(weight, 1, rate)
            rate = debiased_rate(rate, weight)
        average = move_average(average, value, rate)
    return average


class MovingAverageTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.product(
        momentum=(0.0, 0.5, 0.9, 0.999), initial=(0.0, 1.0, -7.0), debias=(False, True)
    )
    def test_the_steps_reach_the_closed_form(self, momentum, initial, debias):
        values = np.random.default_rng(0).normal(3, 2, (30, 4))
        average = step_by_step(values, momentum, initial, debias)
        expected = closed_form_average(values, momentum, initial, debias)
        self.assertAllClose(average, expected, rtol=1e-12)

    @parameterized.parameters(0.5, 0.9, 0.99)
    def test_the_average_of_a_constant_misses_it_by_momentum_to_the_n(self, momentum):
        self.assertAllClose(closed_form_average(np.full(20, 5.0), momentum), 5 * (1 - momentum**20))

    @parameterized.parameters(0.0, 1.0, 100.0)
    def test_a_debiased_average_is_the_first_value_after_one_step(self, initial):
        self.assertAllEqual(step_by_step([5.0], 0.99, initial, debias=True), 5.0)

    def test_debiased_weights_sum_to_one_and_biased_ones_leave_the_initial_value_the_rest(self):
        self.assertAllClose(moving_average_weights(7, 0.9, debias=True).sum(), 1.0)
        self.assertAllClose(moving_average_weights(7, 0.9).sum(), 1 - 0.9**7)

    def test_one_over_one_minus_momentum_values_hold_most_of_the_weight(self):
        for momentum, span in ((0.9, 10), (0.98, 50), (0.999, 1000)):
            recent = moving_average_weights(20 * span, momentum)[-span:].sum()
            self.assertAllClose(recent, 1 - np.exp(-1), atol=0.02)

    def test_a_rate_of_zero_leaves_the_average_exactly_as_it_is(self):
        self.assertAllEqual(move_average(np.float32(0.1), np.float32(7e9), 0.0), np.float32(0.1))

    def test_nothing_seen_gives_a_rate_of_zero_not_nan(self):
        self.assertAllEqual(debiased_rate(tf.constant(0.0), tf.constant(0.0)), 0.0)
