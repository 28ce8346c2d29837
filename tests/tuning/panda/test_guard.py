import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tuning.panda.guard import DEAD_STEPS, Guard

NORMS = np.array([1.0, 0.5], np.float32)


def watched(losses=(2.3, 2.0, 1.5)):
    guard = Guard(["hidden/kernel", "hidden/bias"])
    for loss in losses:
        assert guard.look(loss, NORMS) is None
    return guard


class GuardTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(np.nan, np.inf, -np.inf)
    def test_a_loss_that_is_no_number_is_seen_even_in_the_first_step(self, loss):
        self.assertIn("the loss is", Guard(["w"]).look(loss, NORMS[:1]))
        self.assertIn("the loss is", watched().look(loss, NORMS))

    @parameterized.parameters(np.nan, np.inf)
    def test_a_gradient_that_is_no_number_is_seen(self, norm):
        self.assertIn("the gradient's norm", watched().look(1.0, np.array([1, norm], np.float32)))

    def test_an_exploding_loss_is_seen_in_its_step(self):
        self.assertIn("the loss exploded: 24, more than 10 times 2.3", watched().look(24.0, NORMS))

    def test_a_late_explosion_is_measured_by_the_last_steps(self):
        guard = watched([2.3] + [0.01] * 150)
        self.assertIsNone(guard.look(0.09, NORMS))
        self.assertIn("exploded", guard.look(1.0, NORMS))

    def test_a_creeping_explosion_ends_at_ten_times_the_first_loss(self):
        guard, loss = watched(), 2.0
        while guard.look(loss, NORMS) is None:
            loss *= 1.5
            self.assertLess(loss, 1.5 * 23)

    def test_an_exploding_gradient_is_seen(self):
        self.assertIsNone(watched().look(1.0, 50 * NORMS))
        self.assertIn("the gradient exploded", watched().look(1.0, 200 * NORMS))

    def test_a_dead_weight_is_seen_after_some_steps_and_is_no_moment_to_come_back_to(self):
        guard, dead = watched(), np.array([0.0, 0.5], np.float32)
        for _ in range(DEAD_STEPS - 1):
            self.assertIsNone(guard.look(2.3, dead))
            self.assertFalse(guard.is_good({"loss": 1.5}))
        self.assertIn("1 of 2 weights are dead, hidden/kernel first", guard.look(2.3, dead))

    def test_a_weight_that_never_had_a_gradient_and_a_loss_of_zero_are_not_dead(self):
        guard = Guard(["unused", "used"])
        for _ in range(3 * DEAD_STEPS):
            self.assertIsNone(guard.look(2.3, np.array([0.0, 0.5], np.float32)))
        for _ in range(3 * DEAD_STEPS):
            self.assertIsNone(guard.look(0.0, np.zeros(2, np.float32)))

    def test_an_epoch_that_loses_what_was_learned_is_seen(self):
        guard = watched()
        self.assertIsNone(guard.look_at_epoch({"loss": 0.5}))
        self.assertIsNone(guard.look_at_epoch({"loss": 0.9}))
        self.assertFalse(guard.is_good({"loss": 0.9}))
        self.assertTrue(guard.is_good({"loss": 0.6}))
        self.assertTrue(guard.is_good({"loss": 0.6, "loss_inference": 0.5}))
        self.assertFalse(guard.is_good({"loss": 0.6, "loss_inference": 1.2}))
        self.assertIn("rose to 1.2 from 0.5", guard.look_at_epoch({"loss": 1.2}))
        self.assertIsNone(guard.look_at_epoch({"loss": 1.2, "loss_inference": 0.6}))
        guard.forget_best()
        self.assertIsNone(guard.look_at_epoch({"loss": 1.2}))
        self.assertIn("val_loss is nan", guard.look_at_epoch({"loss": 0.4, "val_loss": np.nan}))

    def test_noise_late_in_a_training_is_no_trouble(self):
        guard = watched()
        for loss in (0.001, 0.02, 0.0005, 0.1):
            self.assertIsNone(guard.look_at_epoch({"loss": loss}))

    def test_it_remembers_what_it_is_given_back(self):
        guard = watched()
        guard.look_at_epoch({"loss": 0.5})
        other = Guard(guard.names)
        other.restore(guard.state())
        self.assertEqual(other.state(), guard.state())
        for loss in (24.0, 22.0):
            self.assertEqual(guard.look(loss, NORMS), other.look(loss, NORMS))


if __name__ == "__main__":
    tf.test.main()
