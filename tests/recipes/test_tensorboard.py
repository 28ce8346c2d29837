import signal
import subprocess
import sys
from pathlib import Path

import tensorflow as tf
from absl.testing import parameterized

from recipes.ingredients.errors import BadInput
from recipes.tensorboard import Settings
from tests.tuning.dashboard.served import Served


class TensorBoardTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        ({"port": -1}, "port must be from 0 to 65535. Received: port=-1"),
        ({"port": 65536}, "port must be"),
        ({"logdir": Path("/no/such/folder")}, "logdir must be an existing folder. Received"),
    )
    def test_bad_settings_are_refused(self, settings, message):
        with self.assertRaisesRegex(BadInput, message):
            Settings(**settings)

    def test_an_empty_folder_that_cannot_be_written_is_served_until_ctrl_c(self):
        folder = Path(self.create_tempdir().full_path)
        (folder / ".hparams").write_text("in the way, even of a person who may write anything")
        server = Served(folder)
        self.addCleanup(server.process.kill)
        self.assertRegex(server.printed, "nothing to show yet")
        self.assertRegex(server.printed, "could not be written.*exists")
        self.assertIn(f"{server.url}#hparams", server.printed)
        self.refuse_its_port(server, folder)
        self.assertEqual(server.stop(signal.SIGINT), (0, ""))

    def refuse_its_port(self, server, folder):
        """A second server on the port of the first says so in one line."""
        port = server.url.rpartition(":")[2].strip("/")
        command = [sys.executable, "-m", "recipes.tensorboard", "--logdir", str(folder)]
        second = subprocess.run([*command, "--port", port], capture_output=True, text=True)
        self.assertEqual(second.returncode, 2)
        self.assertRegex(second.stderr, f"^error: port must be free.*port={port}.*--port 0.*\n$")


if __name__ == "__main__":
    tf.test.main()
