"""Waits for the end of the process that started it, however it ends; then clears up after Ray.

    python heir.py FOLDER

Ray's workers end with a search that was killed, but two processes of Ray's own live on for a
minute, and its folder stays. This removes the folder, and ends all whose temporary folder it is.
"""

import contextlib
import os
import shutil
import signal
import sys
from pathlib import Path


def main(folder):
    """Waits, then clears up."""
    mark = f"TMPDIR={folder}".encode()
    sys.stdin.read()  # the other end of the pipe closes with its process
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile, or is another person's
            if mark in (path / "environ").read_bytes().split(b"\0"):
                os.kill(int(path.name), signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
