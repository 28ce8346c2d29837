"""A real TensorBoard, asked over HTTP."""

import json
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request

STATUSES = ["UNKNOWN", "SUCCESS", "FAILURE", "RUNNING"]


class Served:
    """`make tensorboard` on a log directory, in a process of its own."""

    def __init__(self, logdir):
        command = [sys.executable, "-m", "recipes.tensorboard", "--logdir", str(logdir)]
        self.process = subprocess.Popen(
            [*command, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.printed = ""
        while "Ctrl-C" not in self.printed:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError(f"it ended: {self.printed}{self.process.stderr.read()}")
            self.printed += line
        self.url = re.search(r"http://127.0.0.1:\d+/", self.printed)[0]

    def stop(self, signal):
        """Sends a signal and returns the exit code and what it left on standard error."""
        self.process.send_signal(signal)
        _, error = self.process.communicate(timeout=60)
        return self.process.returncode, error

    def close(self):
        """Ends it, however far it got."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def ask(self, path, body=None):
        """The answer, as text, of one of TensorBoard's plugins."""
        request = urllib.request.Request(
            f"{self.url}data/plugin/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as response:
            return response.read().decode()

    def wait_for(self, ready, path, body=None):
        """The JSON that is answered, once `ready(answer)` holds; it loads files by and by."""
        for _ in range(300):
            answer = json.loads(self.ask(path, body))
            if ready(answer):
                return answer
            time.sleep(0.1)
        raise AssertionError(f"{path} was not ready within half a minute: {answer}")

    def rows(self, number, scored):
        """The rows of HParams by name, once there are so many, and so many have an objective."""

        def ready(answer):
            rows = json.dumps(answer.get("sessionGroups", []))
            return answer.get("totalSize", 0) >= number and rows.count('"objective"') >= 2 * scored

        answer = self.wait_for(ready, "hparams/session_groups", all_rows())
        return {row["name"]: row for row in answer["sessionGroups"]}

    def csv(self, columns):
        """The table as HParams lets one download it, with all its columns."""
        query = {
            "format": "csv",
            "columnsVisibility": json.dumps([True] * columns),
            "request": json.dumps(all_rows()),
        }
        return self.ask(f"hparams/download_data?{urllib.parse.urlencode(query)}")


def all_rows():
    """What the page asks for."""
    return {
        "experimentName": "",
        "allowedStatuses": [f"STATUS_{status}" for status in STATUSES],
        "colParams": [],
        "startIndex": 0,
        "sliceSize": 10_000,
    }
