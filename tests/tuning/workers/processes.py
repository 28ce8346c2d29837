"""A search with workers in a process of its own, and whatever it starts, found by their marks."""

import itertools
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).parents[3]
ROOM = 4_000
"""Bytes that a file may still grow by when the disk is full: some ten trials."""


def processes_with(variable):
    """Numbers of the processes whose environment has `NAME=value`."""
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if variable.encode() in (path / "environ").read_bytes().split(b"\0"):
                found.add(int(path.name))
        except OSError:  # it has just ended, or is another person's
            continue
    return found


def kill_all_with(variable):
    """Kills these processes at one stroke, as if their machine had lost its power."""
    for process in processes_with(variable):
        os.kill(process, signal.SIGKILL)


class Driver:
    """A search with workers in a process of its own; used in `with`, nothing of it outlasts it.

    Args:
        folder: Where it searches.
        trials: How many there are to be.
        *address: Of the cluster that it joins; none: it starts Ray itself.
        **environment: Further variables.
    """

    def __init__(self, folder, trials, *address, **environment):
        self._command = [sys.executable, "-m", "tests.tuning.workers.searches"]
        self._command += [str(folder), str(trials), *address]
        self._folder = Path(folder)
        self.temporary = Path(tempfile.mkdtemp())  # short: Ray's sockets are in it
        own = {"SEARCH_UNDER_TEST": uuid.uuid4().hex, "TMPDIR": str(self.temporary)}
        self._environment = os.environ | environment | own
        self._mark = f"SEARCH_UNDER_TEST={own['SEARCH_UNDER_TEST']}"
        self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        kill_all_with(self._mark)
        if self.process:
            self.process.communicate()
        shutil.rmtree(self.temporary, ignore_errors=True)

    def start(self, trials=0):
        """Starts the search, anew if it has ended; returns when so many trials have ended.

        Returns:
            Whether they have.
        """
        self.process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,  # where Ctrl-C, which all of a group get, reaches only the search
        )
        lines = (line for line in self.process.stdout if line == "ended\n")
        return not trials or len([*itertools.islice(lines, trials)]) == trials

    def kill(self):
        """Does what nothing can be done against."""
        self.process.kill()

    def terminate(self):
        """Asks it to end, as a system does that shuts down."""
        self.process.terminate()

    def interrupt(self):
        """Does what a terminal does at Ctrl-C."""
        os.killpg(self.process.pid, signal.SIGINT)

    def fill_disk(self):
        """Lets no file of the search, what it has started apart, become much larger than it is."""
        largest = max(path.stat().st_size for path in self._folder.glob("search/*.csv"))
        # Set from here: a hook in the child would fork, which JAX, where it runs, warns of.
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (largest + ROOM,) * 2)

    def end(self):
        """Waits for the end; returns the exit code, what the search said, and its complaint."""
        said, complaint = self.process.communicate(timeout=240)
        return self.process.returncode, said, complaint

    def running(self):
        """All processes that the search has started, or what it started; itself as well."""
        return processes_with(self._mark)

    def left_over(self, seconds=120):
        """What processes and temporary files stay after the end, for so long at least."""
        deadline = time.monotonic() + seconds
        while (left := [*self.running(), *self.temporary.iterdir()]) and (
            time.monotonic() < deadline
        ):
            time.sleep(0.1)
        return left
