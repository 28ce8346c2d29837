import os
import subprocess
import sys
from pathlib import Path

import tensorflow as tf


class BackendTest(tf.test.TestCase):
    def test_another_backend_is_refused_at_import(self):
        finished = subprocess.run(
            [sys.executable, "-c", "import layers"],
            env={**os.environ, "KERAS_BACKEND": "numpy"},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(finished.returncode, 1)
        self.assertIn(
            "ImportError: KERAS_BACKEND must be tensorflow, which these layers are written in. "
            "Received: KERAS_BACKEND=numpy.",
            finished.stderr,
        )
