"""Where Ray runs: started here and gone again, joined, or missing."""

import contextlib
import http.server
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import ray  # noqa: F401  it sets variables of its own when it is imported
import tensorflow as tf
from absl.testing import parameterized

from recipes.ingredients.command_line import parse
from recipes.ingredients.errors import BadInput
from recipes.ingredients.workers import WorkerSettings
from recipes.search import Settings
from tests.tuning.workers.processes import processes_with
from tuning.workers import cluster

ROOT = Path(__file__).parents[3]


def listening(folder):
    """Local addresses at which the processes of a folder listen."""
    sockets, addresses = set(), {}
    for process in processes_with(f"TMPDIR={folder}"):
        with contextlib.suppress(OSError):  # it has just ended
            sockets |= {str(file.readlink()) for file in Path(f"/proc/{process}/fd").iterdir()}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                addresses[f"socket:[{fields[9]}]"] = fields[1].partition(":")[0]
    return {addresses[name] for name in sockets & {*addresses}}


LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


class ClusterTest(tf.test.TestCase, parameterized.TestCase):
    def test_ray_started_here_is_reached_by_loopback_only_and_leaves_nothing(self):
        before = dict(os.environ), signal.getsignal(signal.SIGTERM)
        with cluster(3) as share:
            folder = Path(os.environ["TMPDIR"])
            self.assertEqual(folder.parent, Path(tempfile.gettempdir()))
            self.assertEqual(share.workers, 3)
            self.assertGreaterEqual(share.cores, 1)
            addresses = listening(folder)
            self.assertNotEmpty(addresses)
            self.assertContainsSubset(addresses, LOOPBACK)
            with cluster(1) as same:
                self.assertEqual(same.workers, 1)
        self.assertFalse(folder.exists())
        self.assertFalse((Path.home() / ".ray").exists() and not before[0].get("RAY_AUTH_TOKEN"))
        self.assertEqual((dict(os.environ), signal.getsignal(signal.SIGTERM)), before)

    def test_gpus_that_are_not_there_are_refused(self):
        with (
            self.assertRaisesRegex(ValueError, "worker_gpus must be at most the GPUs there are"),
            cluster(1, worker_gpus=64),
        ):
            pass

    @parameterized.parameters("127.0.0.1:1", "nonsense", "127.0.0.1:", "no.such.host.invalid:6379")
    def test_an_address_without_a_cluster_is_refused(self, address):
        with (
            self.assertRaisesRegex(ValueError, f"HOST:PORT .* Received: ray_address={address} "),
            cluster(1, address),
        ):
            pass

    def test_an_address_at_which_something_else_answers_is_refused(self):
        server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        with (
            self.assertRaisesRegex(ValueError, "what answers there is not Ray"),
            cluster(1, f"127.0.0.1:{server.server_port}"),
        ):
            pass

    def test_without_ray_the_command_that_installs_it_is_said(self):
        program = (
            "import sys; sys.modules['ray'] = None\n"
            "from recipes import search\n"
            "search.run(search.main, search.Settings, ['--workers', '2', '--data', 'iris'])"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, text=True, capture_output=True, check=False
        )
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertRegex(done.stderr, r"^error: .*pip install --requirement .*\n$")


class WorkerSettingsTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        {"workers": 0},
        {"worker_gpus": -1.0},
        {"worker_gpus": float("nan")},
        {"stack_seconds": 0.0},
    )
    def test_what_makes_no_sense_is_refused(self, **setting):
        (name,) = setting
        with self.assertRaisesRegex(BadInput, f"{name} must be .* Received: {name}="):
            WorkerSettings(**setting)

    @parameterized.parameters(("--stack-seconds", "60"), ("--worker-gpus", "0.5"))
    def test_what_is_asked_of_workers_that_nobody_wants_is_refused(self, *arguments):
        with self.assertRaisesRegex(BadInput, "must come with workers or ray_address. Received: "):
            parse(Settings, arguments)
        for wanted in ("--workers=1", "--ray-address=127.0.0.1:6379"):
            self.assertTrue(parse(Settings, [wanted, *arguments]).crew.are_wanted)

    def test_workers_train_stacks(self):
        with self.assertRaisesRegex(BadInput, "trainer must be stacked with workers"):
            Settings(crew=WorkerSettings(workers=2), trainer="one-by-one")

    def test_workers_do_not_make_it_another_search(self):
        self.assertEqual(Settings(crew=WorkerSettings(workers=2)).as_dict(), Settings().as_dict())


if __name__ == "__main__":
    tf.test.main()
