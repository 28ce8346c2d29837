import importlib
from unittest import mock

import keras
import tensorflow as tf

import layers


class BackendTest(tf.test.TestCase):
    def test_another_backend_is_refused_at_import(self):
        with (
            mock.patch.object(keras.backend, "backend", return_value="jax"),
            self.assertRaisesRegex(
                ImportError, "KERAS_BACKEND must be tensorflow.* Received: KERAS_BACKEND=jax."
            ),
        ):
            importlib.reload(layers)
