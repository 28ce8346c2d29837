"""Files that survive a kill at any moment, and folders that one process at a time may use."""

import contextlib
import errno
import fcntl
import os
from pathlib import Path


class InUse(OSError):
    """Another process holds the lock of a folder."""


def write_atomically(path, content, synchronise=True):
    """Writes a file so that a reader, or a kill, finds the old content or the new, never a part.

    Args:
        path: Where to write; its folder must exist.
        content: `str` (written as UTF-8) or `bytes`.
        synchronise: Whether to wait until the disk has it, so that this holds for a power cut too.

    Raises:
        OSError: The disk is full or the folder cannot be written; the old file is left as it was.
    """
    path = Path(path)
    content = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            if synchronise:
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remove_temporary(folder):
    """Removes the temporary files that killed processes have left in a folder and below.

    Args:
        folder: Folder that this process holds: no other writes in it.
    """
    for path in Path(folder).rglob(".*.tmp*"):
        if path.is_file():
            path.unlink()


def is_fault_of_the_disk(error):
    """Whether an exception says that nothing can be written: disk full, read-only, broken."""
    faults = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO, errno.EACCES)
    return isinstance(error, OSError) and (
        error.errno in faults or "No space left" in str(error)  # h5py gives only the words
    )


@contextlib.contextmanager
def lock(folder):
    """Holds a folder for this process; the system lets go of it when the process dies, however.

    Args:
        folder: Existing folder; the lock is its file `.lock`, which names the process.

    Raises:
        InUse: Another process, named in the message, holds it.
    """
    with (Path(folder) / ".lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise InUse(f"{folder} is in use by process {holder}") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
