import json
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import tensorflow as tf

from tuning.dashboard import EventFile


class TensorBoardTest(tf.test.TestCase):
    """Asks a real TensorBoard over HTTP."""

    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)

    def serve(self):
        command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(self.folder)]
        server = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", "0"], stderr=subprocess.PIPE, text=True
        )
        self.addCleanup(server.stderr.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        for line in server.stderr:
            if address := re.search(r"http://127.0.0.1:\d+", line):
                self.url = address[0]
                return
        self.fail("tensorboard ended before it said where it is")

    def ask(self, path, body=None):
        """The JSON that the server answers; asks until its answer is not empty."""
        request = urllib.request.Request(
            f"{self.url}/data/plugin/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        for _ in range(300):
            with urllib.request.urlopen(request) as response:
                answer = json.load(response)
            if answer not in ({}, [], {"totalSize": 0}) and answer.get("totalSize", 1):
                return answer
            time.sleep(0.1)
        return self.fail(f"{path} stayed empty for half a minute")

    def test_a_run_is_shown_with_its_curves_its_pictures_and_its_row(self):
        with EventFile(self.folder / "train/1/tensorboard") as events:
            events.hyperparameters({"learning_rate": 0.5, "optimizer": "adam"}, "train/1")
            for epoch in (1, 2):
                events.scalars(epoch, {"loss/training": 1 / epoch, "accuracy/validation": 0.5})
            events.image("confusion_matrix", np.zeros((2, 2, 3), np.uint8))
        self.serve()
        run = "train/1/tensorboard"
        self.assertContainsSubset(
            ["loss/training", "accuracy/validation"], self.ask("scalars/tags")[run]
        )
        self.assertIn("confusion_matrix", self.ask("images/tags")[run])
        groups = self.ask(
            "hparams/session_groups",
            {
                "experimentName": "",
                "allowedStatuses": ["STATUS_SUCCESS"],
                "colParams": [],
                "startIndex": 0,
                "sliceSize": 10,
            },
        )
        (row,) = groups["sessionGroups"]
        self.assertEqual(row["name"], "train/1")
        self.assertEqual(row["hparams"], {"learning_rate": 0.5, "optimizer": "adam"})


if __name__ == "__main__":
    tf.test.main()
