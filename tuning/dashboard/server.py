"""A TensorBoard in this process whose HParams page shows all searches and trainings at once."""

import contextlib
import io
import time

from tensorboard import default, program
from tensorboard.plugins.hparams import backend_context, hparams_plugin, metadata

from tuning.dashboard import events
from tuning.dashboard.event_file import NAME
from tuning.dashboard.event_records import framed
from tuning.dashboard.experiment import experiment
from tuning.files import write_atomically

CONFIGURATION = ".hparams"
SECONDS_BETWEEN_READS = 5.0


class CannotServe(ValueError):
    """The host or the port cannot be used; the message says which."""


def write_configuration(reader):
    """Writes the columns of all rows, for any TensorBoard that serves this log directory.

    Where there is no row yet, nothing is written: it would hide the columns that come.

    Args:
        reader: `Reader` of the log directory.

    Raises:
        OSError: The log directory cannot be written.
    """
    found = reader.read()
    if found.rows:
        folder = reader.folder / CONFIGURATION
        folder.mkdir(exist_ok=True)
        written = events.hparams(metadata.EXPERIMENT_TAG, experiment(found))
        write_atomically(folder / NAME, framed(events.version()) + framed(written))


def launch(reader, host, port):
    """Serves a log directory until the process ends.

    Of several configurations in a log directory TensorBoard takes any one, another at each start.
    This server takes the one of all rows there are, those that are written meanwhile included.

    Args:
        reader: `Reader` of the log directory.
        host: Address to serve on.
        port: Port to serve on; 0 takes a free one.

    Returns:
        The address of the page, ending in `/`.

    Raises:
        CannotServe: The port is taken, or this machine has no such host.
    """

    class HParamsPlugin(hparams_plugin.HParamsPlugin):
        def __init__(self, context):
            super().__init__(context)
            self._context = _UnionContext(context, reader)

    others = [p for p in default.get_plugins() if p is not hparams_plugin.HParamsPlugin]
    tensorboard = program.TensorBoard([*others, HParamsPlugin])
    where = ["--logdir", str(reader.folder), "--host", host, "--port", str(port)]
    tensorboard.configure([None, *where])
    said = io.StringIO()  # a note on how it loads data; or why it cannot, before it exits
    try:
        with contextlib.redirect_stderr(said):
            return tensorboard.launch()
    except program.TensorBoardServerException as error:
        raise CannotServe(error.msg) from None
    except SystemExit:
        raise CannotServe(said.getvalue().strip().rpartition("\n")[2]) from None


class _UnionContext(backend_context.Context):
    """What the HParams page is told of the log directory."""

    def __init__(self, context, reader):
        super().__init__(context)
        self._reader, self._content, self._read_at = reader, None, float("-inf")

    def hparams_metadata(self, ctx, experiment_id, run_tag_filter=None):
        """All rows, and one configuration."""
        runs = super().hparams_metadata(ctx, experiment_id, run_tag_filter)
        for tags in runs.values():
            tags.pop(metadata.EXPERIMENT_TAG, None)
        if runs:
            runs.setdefault(CONFIGURATION, {})[metadata.EXPERIMENT_TAG] = self._configuration()
        return runs

    def _configuration(self):
        if time.monotonic() - self._read_at > SECONDS_BETWEEN_READS:
            about = metadata.create_summary_metadata(experiment(self._reader.read()))
            self._content, self._read_at = about.plugin_data.content, time.monotonic()
        return self._content
