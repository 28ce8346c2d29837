"""One run's event file: curves, pictures and its row in HParams."""

import contextlib
import math

import tensorflow as tf
from tensorboard.plugins.hparams import api, api_pb2, summary


class EventFile:
    """Writes what TensorBoard shows of one run into one folder; use it in a `with` block.

    Args:
        folder: Folder of the run; a resumed run adds a second file to it.
    """

    def __init__(self, folder):
        self._writer = tf.summary.create_file_writer(str(folder))

    def hyperparameters(self, values, trial_id):
        """Writes the run's row of the HParams table.

        Args:
            values: `{name: number, string or boolean}`.
            trial_id: Name of the row, unique under the log directory.
        """
        with self._writing(step=0):
            api.hparams(values, trial_id=trial_id)

    def scalars(self, step, values):
        """Writes one point of each curve and makes it visible; leaves out what is not finite.

        Args:
            step: Place on the horizontal axis.
            values: `{tag: number}`.
        """
        with self._writing(step):
            for tag, value in values.items():
                if math.isfinite(value):
                    tf.summary.scalar(tag, value)
            self._writer.flush()

    def image(self, tag, pixels, step=0):
        """Writes a picture: `(height, width, 3 or 4)`, uint8."""
        with self._writing(step):
            tf.summary.image(tag, pixels[None])

    def __enter__(self):
        return self

    def __exit__(self, kind, exception, trace):
        """Writes the end status of the run's row, none if a person interrupted it, and closes."""
        if kind is None or issubclass(kind, Exception):
            status = api_pb2.STATUS_SUCCESS if kind is None else api_pb2.STATUS_FAILURE
            end = summary.session_end_pb(status)
            with self._writing(step=0):
                tf.summary.experimental.write_raw_pb(end.SerializeToString())
        with self._writing(step=0):
            self._writer.close()

    @contextlib.contextmanager
    def _writing(self, step):
        try:
            with self._writer.as_default(step=step):
                yield
        except tf.errors.OpError as error:  # a full disk, say
            raise OSError(error.message) from None
