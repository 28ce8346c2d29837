"""What a log directory holds: rows of HParams, tags of curves, and what each search searches."""

import contextlib
import dataclasses
import json
import math
import os
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorboard.plugins.hparams import metadata, plugin_data_pb2
from tensorboard.plugins.scalar import metadata as scalar_metadata

from tuning.dashboard.event_records import whole_records

SEARCH_FILE = "search.json"


@dataclasses.dataclass
class LogDirectory:
    """What was found under a log directory, as far as it could be read."""

    rows: dict
    """`{run: {hyperparameter: number, string or boolean}}`; a run is a folder's relative path."""
    tags: dict
    """`{run: set of scalar tags}`."""
    searches: list
    """Content of each `search.json`, a dict."""


class Reader:
    """Reads a log directory, again and again; an unchanged file is read once.

    Args:
        folder: The log directory.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self._known = {}

    def read(self):
        """Everything found now; empty, half-written and damaged files count as far as they go.

        Returns:
            A `LogDirectory`.
        """
        found = LogDirectory({}, {}, [])
        for folder, _, names in os.walk(self.folder):
            run = os.path.relpath(folder, self.folder)
            for name in sorted(names):
                if "tfevents" in name:
                    values, tags = self._head(Path(folder) / name)
                    if values is not None:
                        found.rows.setdefault(run, values)
                    found.tags.setdefault(run, set()).update(tags)
                elif name == SEARCH_FILE:
                    with contextlib.suppress(OSError, ValueError):
                        content = json.loads((Path(folder) / name).read_bytes())
                        found.searches += [content] if isinstance(content, dict) else []
        return found

    def _head(self, path):
        """The row in an event file, if there is one, and its scalars' tags."""
        try:
            about = path.stat()
            stamp = about.st_ino, about.st_size
            if self._known.get(path, (None,))[0] != stamp:
                self._known[path] = stamp, *_read_head(path)
        except (OSError, DecodeError):
            return None, set()
        return self._known[path][1:]


def _read_head(path):
    values, tags = None, set()
    for record in whole_records(path, checked=False):
        for value in record.event.summary.value:
            if value.tag == metadata.SESSION_START_INFO_TAG and values is None:
                values = _values(value.metadata.plugin_data.content)
            if value.tag in tags:  # the second epoch has the first one's tags
                return values, tags
            if _is_scalar(value):
                tags.add(value.tag)
    return values, tags


def _values(content):
    info = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
    values = {
        name: getattr(v, v.WhichOneof("kind") or "null_value") for name, v in info.hparams.items()
    }
    return {
        name: value
        for name, value in values.items()
        if isinstance(value, bool | str) or (isinstance(value, float) and math.isfinite(value))
    }


def _is_scalar(value):
    plugin = value.metadata.plugin_data.plugin_name
    return value.HasField("simple_value") or plugin == scalar_metadata.PLUGIN_NAME
