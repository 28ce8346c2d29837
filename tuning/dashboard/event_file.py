"""One run's event file: curves, pictures and its row in HParams."""

from pathlib import Path

from tensorboard.plugins.hparams import api_pb2, metadata

from tuning.dashboard import events
from tuning.dashboard.event_records import framed, whole_records
from tuning.files import write_atomically

NAME = "events.out.tfevents"
OBJECTIVE = "objective"
LOSSES = ("loss", "val_loss", "validation_loss")


class EventFile:
    """Writes what TensorBoard shows of one run; in a `with` block, how it ended too.

    A run that goes on appends to the file it has, after the last whole record: TensorBoard reads
    nothing behind a damaged one. Its row stays one row, and an epoch that comes again replaces what
    was there of it. No file is open between writes. All methods raise `OSError` where the disk is
    full or the folder cannot be written.

    Args:
        folder: Folder of the run; it is made with the first write.
    """

    def __init__(self, folder):
        self.path = Path(folder) / NAME
        self._waiting = []
        self._adopt(whole_records(self.path))
        self._step_before = self._last_step

    def hyperparameters(self, values, trial_id):
        """Writes the run's row of the HParams table, unless it is there; the run has not ended.

        Args:
            values: `{name: number, string or boolean}`; what is None or not finite is left out.
            trial_id: Name of the row, unique under the log directory.
        """
        if self._end_place is not None:
            self.end(api_pb2.STATUS_RUNNING)
        if not self._has_row:
            self._add(events.session_start(trial_id, values))
            self._has_row = True
        self.flush()

    def epochs(self, rows, objective, direction, score=None):
        """Writes points of the run's curves and makes them visible.

        The scalar `objective` is the best value so far; HParams shows its last one. An epoch whose
        loss is not finite does not count.

        Args:
            rows: For each epoch `{"epoch": its number from 1, name: number}`.
            objective: Name of the metric that decides; None if no epoch counts.
            direction: `"max"` or `"min"`.
            score: What `objective` ends with; the best of all epochs if None.
        """
        if rows:
            self._forget_from(rows[0]["epoch"])
        better = max if direction == "max" else min
        for row in rows:
            value = row.get(objective)
            if all(map(events.is_finite, [value, *(row[n] for n in LOSSES if n in row)])):
                self._best = value if self._best is None else better(self._best, value)
            self._add_scalars(row["epoch"], events.by_tag(row) | {OBJECTIVE: self._best})
        if score is not None and score != self._best:
            self._add_scalars(max(self._last_step, 0), {OBJECTIVE: score})
        self.flush()

    def scalars(self, step, values):
        """Writes one point of each curve and makes it visible; leaves out what is not finite.

        Args:
            step: Place on the horizontal axis.
            values: `{tag: number}`.
        """
        self._forget_from(step)
        self._add_scalars(step, values)
        self.flush()

    def curve(self, tag, points):
        """Writes points of one curve and makes them visible; leaves out what is not finite.

        Args:
            tag: Name of the curve.
            points: List of `(step, number)`, steps rising.
        """
        if points:
            self._forget_from(points[0][0])
        for step, value in points:
            self._add_scalars(step, {tag: value})
        self.flush()

    def text(self, tag, markdown, step=0):
        """Writes a text, shown as Markdown."""
        self._add(events.text(tag, markdown, step))
        self.flush()

    def image(self, tag, pixels, step=0):
        """Writes a picture: `(height, width, 3 or 4)`, uint8."""
        self._add(events.image(tag, pixels, step))
        self.flush()

    def end(self, status):
        """Writes how the run ended, in place of how it ended before.

        Args:
            status: `api_pb2.STATUS_SUCCESS` or `STATUS_FAILURE`.
        """
        event = events.session_end(status)
        if self._end_place is None:
            self._add(event)
            self.flush()
            self._end_place = self._size - len(framed(event))
        else:  # of its kind TensorBoard heeds the first only
            with self.path.open("r+b") as file:
                file.seek(self._end_place)
                file.write(framed(event))

    @property
    def size(self):
        """Bytes that are in the file, for `cut`."""
        return self._size

    def cut(self, size):
        """Removes what comes after the first so many bytes, but for the run's row.

        What is written from now on replaces nothing.

        Args:
            size: What `size` was when nothing else was there.
        """
        kept, place = [], 0
        for record in whole_records(self.path):
            if place < size or _is_head(record):
                kept.append(record)
            place += len(record.framed)
        self._replace(kept)
        self._step_before = -1

    def flush(self):
        """Makes what was written visible."""
        content = b"".join(self._waiting)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("r+b" if self._size else "wb") as file:
            file.truncate(self._size)  # what a kill or a full disk left of a record
            file.seek(self._size)
            file.write(content)
        self._size += len(content)
        self._waiting = []

    def __enter__(self):
        return self

    def __exit__(self, kind, exception, trace):
        """Writes how the run ended; nothing if a person interrupted it."""
        if kind is None or issubclass(kind, Exception):
            self.end(api_pb2.STATUS_SUCCESS if kind is None else api_pb2.STATUS_FAILURE)

    def _adopt(self, records):
        """Takes up a file of these records."""
        self._size, self._last_step = 0, -1
        self._has_row, self._end_place, self._best = False, None, None
        for record in records:
            for value in record.event.summary.value:
                self._has_row |= value.tag == metadata.SESSION_START_INFO_TAG
                if value.tag == metadata.SESSION_END_INFO_TAG:
                    self._end_place = self._size
                if value.tag == OBJECTIVE:
                    self._best = value.simple_value
            if _has_scalars(record):
                self._last_step = max(self._last_step, record.event.step)
            self._size += len(record.framed)

    def _forget_from(self, step):
        """Removes the scalars of this and later steps, if the run had them before it went on."""
        if step <= self._step_before:
            kept = [
                r
                for r in whole_records(self.path)
                if not (_has_scalars(r) and r.event.step >= step)
            ]
            self._replace(kept)
        self._step_before = -1

    def _replace(self, records):
        """Leaves nothing in the file but these records."""
        content = b"".join(record.framed for record in records)
        if len(content) < self._size:
            write_atomically(self.path, content)
        self._adopt(records)

    def _add_scalars(self, step, values):
        self._add(events.scalars(step, values))
        self._last_step = max(self._last_step, step)

    def _add(self, event):
        if not self._size and not self._waiting:
            self._waiting.append(framed(events.version()))
        self._waiting.append(framed(event))


def _is_head(record):
    """Whether it is the file's version or the run's row."""
    tags = [value.tag for value in record.event.summary.value]
    return bool(record.event.file_version) or tags == [metadata.SESSION_START_INFO_TAG]


def _has_scalars(record):
    return any(value.HasField("simple_value") for value in record.event.summary.value)
