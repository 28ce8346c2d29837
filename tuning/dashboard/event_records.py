"""The records of an event file: framed, checked, and read as far as they are whole."""

import dataclasses
import io
import struct

from tensorboard.compat.proto import event_pb2
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c
from tensorboard.summary.writer.record_writer import RecordWriter

HEADER, CHECKSUM = struct.Struct("<QI"), struct.Struct("<I")


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


def whole_records(content, checked=True):
    """Reads records until the content ends or is damaged, as TensorBoard does.

    Args:
        content: Bytes of an event file, or of its beginning.
        checked: Whether to compare checksums, which takes a millisecond for 10 kB.

    Yields:
        A `Record` for each whole one.
    """
    place = 0
    while place + HEADER.size <= len(content):
        length, length_checksum = HEADER.unpack_from(content, place)
        if masked_crc32c(content[place : place + 8]) != length_checksum:
            return
        start, end = place + HEADER.size, place + HEADER.size + length
        if end + CHECKSUM.size > len(content):
            return
        data = content[start:end]
        if checked and CHECKSUM.unpack_from(content, end)[0] != masked_crc32c(data):
            return
        yield Record(content[place : end + CHECKSUM.size], event_pb2.Event.FromString(data))
        place = end + CHECKSUM.size
