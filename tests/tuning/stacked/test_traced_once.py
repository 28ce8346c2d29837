"""Functions that are traced once."""

import tensorflow as tf

from tuning.stacked.traced_once import unoptimized_graphs


class UnoptimizedGraphsTest(tf.test.TestCase):
    def test_options_are_afterwards_as_they_were(self):
        options = tf.config.optimizer.get_experimental_options
        for before in (True, False):
            tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": before})
            with self.assertRaises(ZeroDivisionError), unoptimized_graphs():
                self.assertTrue(options()["disable_meta_optimizer"])
                raise ZeroDivisionError
            self.assertEqual(options()["disable_meta_optimizer"], before)
