"""The trials of a search in TensorBoard: a row of HParams and curves for each."""

from pathlib import Path

from tensorboard.plugins.hparams import api_pb2

from tuning.dashboard.event_file import EventFile


class TrialRows:
    """Writes one folder with one event file for each trial, at a cost that never grows.

    All methods raise `OSError` where the disk is full or the folder cannot be written.

    Args:
        folder: Folder of the search under the log directory; each trial gets one in it.
        search: Name of the search, unique under the log directory: rows are named
            `<search>/<trial>`, and `search` is a column.
        constants: `{name: value}` of further columns, the same in each row.
    """

    def __init__(self, folder, search, constants):
        self.folder, self.search, self.constants = Path(folder), search, dict(constants)
        self._running = {}

    def begin(self, trial, values):
        """Shows a trial that runs: its row without an end; nothing is repeated if it goes on.

        Args:
            trial: Name of the trial, unique in the search.
            values: `{name: number, string or boolean}` of its hyperparameters.
        """
        file = self._running[trial] = EventFile(self.folder / trial)
        columns = self.constants | values | {"search": self.search}
        file.hyperparameters(columns, f"{self.search}/{trial}")

    def end(self, trial, status, curve, objective, direction, score=None):
        """Writes a trial's curves, its objective and how it ended.

        Args:
            trial: Name of the trial.
            status: `"COMPLETED"`, or any other for a failure.
            curve: For each epoch since `begin` `{"epoch": its number from 1, name: number}`, and
                `"execution"` if the trial was trained several times; the first time is drawn.
            objective: Name of the metric that decides; None if no epoch counts.
            direction: `"max"` or `"min"`.
            score: The trial's objective; the best of its epochs if None.
        """
        file = self._running.pop(trial, None) or EventFile(self.folder / trial)
        drawn = [
            {name: value for name, value in row.items() if name != "execution"}
            for row in curve
            if row.get("execution") == curve[0].get("execution")
        ]
        file.epochs(drawn, objective, direction, score)
        completed = status == "COMPLETED"
        file.end(api_pb2.STATUS_SUCCESS if completed else api_pb2.STATUS_FAILURE)
