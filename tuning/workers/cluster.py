"""Ray, started on this machine, or joined where it runs."""

import contextlib
import dataclasses
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import grpc

SECONDS_TO_ANSWER = 5.0
"""How long an address may take to answer."""
SETTINGS = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # as there: by loopback
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),  # else Ray keeps one below the home folder
}
"""What a Ray that is started here is told; the token is one for all, since it is read once."""


@dataclasses.dataclass(frozen=True)
class Share:
    """What of a cluster the workers of a search get."""

    workers: int
    """How many there is room for."""
    cores: int
    """Of each."""


@contextlib.contextmanager
def cluster(workers, ray_address=None, worker_gpus=0):
    """Has Ray run while the block lasts; if it runs in this process already, that one is used.

    Args:
        workers: How many workers there shall be, 1 or more; None: one for each core.
        ray_address: `HOST:PORT` of a running cluster that this machine is one of; None starts Ray
            here, for this process alone: reached by loopback only, gone with the block.
        worker_gpus: GPUs of each worker, 0 or more; 0.5 lets two workers share one. Default 0.

    Yields:
        The `Share` of the workers.

    Raises:
        ValueError: Ray is not installed, there is no cluster at the address, or no room in it.
    """
    with _environment({} if ray_address else SETTINGS):
        ray = _imported()
        if ray.is_initialized():
            yield _share(ray, workers, worker_gpus)
            return
        # Ray reads this when it is imported, which may have been before it was set.
        own = os.environ.get("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "1") == "0"
        ray._private.ray_constants.ENABLE_RAY_CLUSTER = not own
        with _folder() as folder, _ended_by_sigterm() as listen:
            try:
                if ray_address:
                    _join(ray, ray_address)
                else:
                    _start(ray, workers, folder)
                listen()
                # Ray prints what it says of dead workers; the records have what became of them.
                ray._private.worker.print_to_stdstream = lambda *_, **__: None
                yield _share(ray, workers, worker_gpus)
            finally:
                ray.shutdown()


@contextlib.contextmanager
def _environment(settings, override=False):
    """Sets what Ray and its processes read; what a person has set stays, if not overridden."""
    names = [*settings, "RAY_AUTH_MODE"]  # Ray sets that one itself
    before = {name: os.environ[name] for name in names if name in os.environ}
    os.environ.update(settings if override else settings | before)
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(before)


def _imported():
    try:
        import ray
    except ImportError:
        raise ValueError(
            "workers need Ray, which is not installed. "
            "Install it: python -m pip install --requirement requirements-cluster.txt"
        ) from None
    return ray


@contextlib.contextmanager
def _folder():
    """A folder for Ray's sockets and logs, which goes even if this process is killed."""
    folder = tempfile.mkdtemp(prefix="ray-")
    command = [sys.executable, "-I", Path(__file__).with_name("heir.py"), folder]
    heir = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    try:
        with _environment({"TMPDIR": folder}, override=True):
            yield folder
    finally:
        heir.stdin.close()
        heir.wait()


@contextlib.contextmanager
def _ended_by_sigterm():
    """Lets SIGTERM end the block by SystemExit, so that Ray ends with this process.

    Yields:
        Function to call in the block when Ray has begun, since Ray sets a handler of its own.
    """
    received, before = [], signal.getsignal(signal.SIGTERM)
    in_main_thread = threading.current_thread() is threading.main_thread()

    def leave(number, _):
        received.append(number)
        raise SystemExit(128 + number)

    try:
        yield lambda: in_main_thread and signal.signal(signal.SIGTERM, leave)
    except SystemExit:
        if received:  # Ray, while it waits, makes another code of it
            raise SystemExit(128 + received[0]) from None
        raise
    finally:
        if in_main_thread:
            signal.signal(signal.SIGTERM, before)


def _start(ray, workers, folder):
    ray.init(
        address="local",
        num_cpus=max(workers or 1, _cores()),
        include_dashboard=False,
        log_to_driver=False,
        logging_level="CRITICAL",
        _temp_dir=folder,
    )


def _join(ray, address):
    try:
        _probe(address)  # Ray itself would try for two minutes
        ray.init(address=address, log_to_driver=False, logging_level="CRITICAL")
    except (ValueError, OSError, RuntimeError, ray.exceptions.RayError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(
            "ray_address must be HOST:PORT of a running Ray cluster that this machine is one of. "
            f"Received: ray_address={address} ({reason})."
        ) from error


def _probe(address):
    """Raises where nothing answers, or what answers does not speak Ray's protocol."""
    host, _, port = address.rpartition(":")
    socket.create_connection((host, int(port)), SECONDS_TO_ANSWER).close()
    if os.environ.get("RAY_USE_TLS", "0") == "0":
        with grpc.insecure_channel(address) as channel:
            try:
                grpc.channel_ready_future(channel).result(SECONDS_TO_ANSWER)
            except grpc.FutureTimeoutError:
                raise OSError("what answers there is not Ray") from None


def _share(ray, workers, worker_gpus):
    """Divides the cluster's cores among workers, and leaves out those that it has no room for."""
    whole = ray.cluster_resources()
    room = int(whole.get("CPU", 0))
    if worker_gpus:
        room = min(room, int(whole.get("GPU", 0) / worker_gpus))
    if room < 1:
        raise ValueError(
            f"worker_gpus must be at most the GPUs there are, {whole.get('GPU', 0):g}. "
            f"Received: worker_gpus={worker_gpus:g}."
        )
    workers = min(workers or room, room)
    return Share(workers, int(whole["CPU"]) // workers)


def _cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
