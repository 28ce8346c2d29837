"""The records of an event file: framed, checked, and read as far as they are whole."""

import dataclasses
import io
import struct

from tensorboard.compat.proto import event_pb2
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c
from tensorboard.summary.writer.record_writer import RecordWriter

LENGTH, CHECKSUM, HEADER = struct.Struct("<Q"), struct.Struct("<I"), struct.Struct("<QI")


@dataclasses.dataclass(frozen=True)
class Record:
    """One whole record."""

    framed: bytes
    """Its bytes in the file."""
    event: event_pb2.Event
    """What it says."""


def framed(event):
    """The bytes of one event in an event file.

    Args:
        event: `event_pb2.Event`.
    """
    file = io.BytesIO()
    RecordWriter(file).write(event.SerializeToString())
    return file.getvalue()


def whole_records(path, checked=True):
    """Reads a file's records until it ends or is damaged, as TensorBoard does.

    Args:
        path: Event file; one that does not exist has no records.
        checked: Whether to compare the checksums of what the records say, a millisecond for 10 kB.

    Yields:
        A `Record` for each whole one.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        while len(header := file.read(HEADER.size)) == HEADER.size:
            length, checksum = HEADER.unpack(header)
            if masked_crc32c(header[: LENGTH.size]) != checksum:
                return
            rest = file.read(length + CHECKSUM.size)
            data = rest[:length]
            if len(rest) < length + CHECKSUM.size or (
                checked and CHECKSUM.unpack(rest[length:])[0] != masked_crc32c(data)
            ):
                return
            yield Record(header + rest, event_pb2.Event.FromString(data))
