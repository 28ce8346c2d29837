"""A cluster of Ray nodes, all on this machine, each of which can leave."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.tuning.workers.processes import Driver, kill_all_with, processes_with
from tests.tuning.workers.searches import processes_of


class Nodes:
    """Nodes of one core each; used in `with`, none outlasts it."""

    def __init__(self):
        self.temporary = Path(tempfile.mkdtemp())  # short: Ray's sockets are in it
        self.address = f"127.0.0.1:{free_port()}"
        self._environment = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_health_check_period_ms": "1000",  # of five in vain the cluster infers an end
        }
        self._nodes = []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        kill_all_with(f"TMPDIR={self.temporary}")
        for node in self._nodes:
            node.wait()
        shutil.rmtree(self.temporary)

    def start(self, name):
        """Starts a node, the first as the head; returns when it runs."""
        start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1"]
        start.append("--node-ip-address=127.0.0.1")
        if self._nodes:
            start.append(f"--address={self.address}")
        else:
            start += ["--head", "--include-dashboard=false", f"--temp-dir={self.temporary}"]
            start.append(f"--port={self.address.rpartition(':')[2]}")
        own = {"NODE_UNDER_TEST": self._mark(name), "TMPDIR": str(self.temporary)}
        environment, log = os.environ | self._environment | own, self.temporary / f"{name}.log"
        with log.open("w") as file:
            node = subprocess.Popen(start, env=environment, stdout=file, stderr=subprocess.STDOUT)
        self._nodes.append(node)
        deadline = time.monotonic() + 120
        while "Ray runtime started" not in log.read_text():
            if node.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the node {name} does not start: {log.read_text()}")
            time.sleep(0.1)

    def end(self, name):
        """Ends a node as if its machine had lost its power."""
        kill_all_with(f"NODE_UNDER_TEST={self._mark(name)}")

    def running(self, name):
        """Numbers of the processes of a node."""
        return processes_with(f"NODE_UNDER_TEST={self._mark(name)}")

    def wait_for_worker(self, name, driver, folder):
        """Waits until a worker on a node has begun; returns whether one has, or the search is over.

        Args:
            name: Of the node.
            driver: `Driver` of the search.
            folder: Where it searches.
        """
        while driver.process.poll() is None:
            if processes_of(folder) & self.running(name):
                return True
            time.sleep(0.1)
        return False

    def _mark(self, name):
        return f"{self.temporary.name}-{name}"  # another cluster may have a node of this name

    def driver(self, folder, trials):
        """`Driver` of a search that joins the cluster."""
        loopback = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # as Ray, started here, would have it
        return Driver(folder, trials, self.address, **self._environment, **loopback)


def free_port():
    """A port that nobody listens at."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]
