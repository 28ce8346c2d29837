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
    sys.stdin.read()  # the other end of the pipe closes with its process
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile, or is another person's
            if is_of(process, folder):
                os.kill(int(process.name), signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def is_of(process, folder):
    """Whether a process, by its folder in /proc, is one of the Ray whose temporary folder it is."""
    if f"TMPDIR={folder}".encode() in (process / "environ").read_bytes().split(b"\0"):
        return True
    # Ray's agents write their titles over the beginning of the environment, and perhaps that.
    is_ray = (process / "cmdline").read_bytes().startswith(b"ray::")
    files = (process / "fd").iterdir() if is_ray else ()
    return any(Path(folder) in file.readlink().parents for file in files)


if __name__ == "__main__":
    main(sys.argv[1])
