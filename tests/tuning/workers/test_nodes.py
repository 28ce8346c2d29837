"""A cluster of two Ray nodes, one of which leaves in the middle of a search."""

import csv
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tensorflow as tf

ROOT = Path(__file__).parents[3]
TRIALS = 48


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def processes_with(variable):
    """Numbers of the processes whose environment has `NAME=value`."""
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if variable.encode() in (path / "environ").read_bytes().split(b"\0"):
                found.add(int(path.name))
        except OSError:
            continue
    return found


class NodesTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)
        self.temporary = Path(tempfile.mkdtemp())  # short: Ray's sockets are in it
        self.addCleanup(shutil.rmtree, self.temporary, ignore_errors=True)
        self.environment = os.environ | {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
            "TMPDIR": str(self.temporary),
        }
        self.addCleanup(self.end, "")
        self.port = free_port()

    def end(self, node):
        """Ends a node as if its machine had lost its power; all, if none is named."""
        name = f"RAY_NODE_UNDER_TEST={node}" if node else f"TMPDIR={self.temporary}"
        for process in processes_with(name):
            os.kill(process, signal.SIGKILL)

    def start_node(self, name, *arguments):
        log = (self.temporary / f"{name}.log").open("w")
        self.addCleanup(log.close)
        start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1"]
        start.append("--node-ip-address=127.0.0.1")
        node = subprocess.Popen(
            [*start, *arguments],
            env=self.environment | {"RAY_NODE_UNDER_TEST": name},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        self.addCleanup(node.wait)
        self.addCleanup(node.kill)
        self.wait(lambda: "Ray runtime started" in self.said_by(name), name)

    def said_by(self, node):
        return (self.temporary / f"{node}.log").read_text()

    def wait(self, is_done, node):
        deadline = time.monotonic() + 120
        while not is_done():
            self.assertLess(time.monotonic(), deadline, self.said_by(node))
            time.sleep(0.1)

    def rows(self):
        path = self.folder / "search/trials.csv"
        if not path.exists():
            return []
        with path.open(newline="") as file:
            return list(csv.DictReader(file))

    def test_a_search_goes_on_when_one_of_two_nodes_leaves(self):
        head = "--head", "--include-dashboard=false", f"--temp-dir={self.temporary}"
        self.start_node("head", *head, f"--port={self.port}")
        address = f"127.0.0.1:{self.port}"
        self.start_node("second", f"--address={address}")
        search = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.tuning.workers.searches",
                self.folder,
                str(TRIALS),
                address,
            ],
            cwd=ROOT,
            env=self.environment | {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"},  # as there: loopback
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(search.communicate)
        self.addCleanup(search.kill)
        self.wait(lambda: search.poll() is not None or self.workers_of("second"), "second")
        self.end("second")
        said, complaint = search.communicate(timeout=240)
        self.assertEqual(search.returncode, 0, complaint)
        self.assertEqual(said.split(), ["ended"] * TRIALS + ["done"])
        self.assertEqual(complaint, "")
        self.assertLen({row["trial"] for row in self.rows()}, TRIALS)
        self.assertEqual({row["status"] for row in self.rows()}, {"COMPLETED"})
        self.assertNotEmpty(processes_with("RAY_NODE_UNDER_TEST=head"))  # the cluster runs on

    def workers_of(self, node):
        """The processes of a node that build models."""
        building = {int(path.name.removeprefix("pid-")) for path in self.folder.glob("pid-*")}
        return building & processes_with(f"RAY_NODE_UNDER_TEST={node}")


if __name__ == "__main__":
    tf.test.main()
