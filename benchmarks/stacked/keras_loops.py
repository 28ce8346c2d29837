"""What Keras's users have: keras-tuner's random search, and a plain loop of `fit`."""

import keras
import keras_tuner
import numpy as np

from recipes.search import OBJECTIVE


class WithBatchSize(keras_tuner.HyperModel):
    """The way in which keras-tuner's guide tunes the batch size.

    Args:
        builder: `recipes.search.Builder`.
    """

    def __init__(self, builder):
        super().__init__()
        self.builder = builder

    def build(self, hp):
        """The recipe's compiled classifier."""
        return self.builder.build(hp)

    def fit(self, hp, model, *args, **kwargs):
        """Keras's `fit` with the trial's batch size."""
        batch_size = self.builder.space.values(hp)["batch_size"]
        return model.fit(*args, batch_size=batch_size, **kwargs)


def random_search(work, trials, folder):
    """keras-tuner's `RandomSearch`, which draws what all contenders train.

    Args:
        work: `Workload`.
        trials: keras-tuner's `HyperParameters` of each.
        folder: Folder for its files.

    Returns:
        The best validation accuracy of each.
    """
    tuner = keras_tuner.RandomSearch(
        WithBatchSize(work.builder), OBJECTIVE, max_trials=len(trials), directory=folder
    )
    drawn = iter(trials)
    tuner.oracle.populate_space = lambda _: {"status": "RUNNING", "values": next(drawn).values}
    tuner.search(**work.fit_arguments())
    return [trial.score for trial in tuner.oracle.trials.values()]


def fit_loop(work, trials, folder=None):
    """A loop that builds and fits one model after another; arguments as in `random_search`."""
    del folder
    scores = []
    for hp in trials:
        keras.backend.clear_session()
        model = work.builder.build(hp)
        history = model.fit(**work.fit_arguments(), batch_size=work.values(hp)["batch_size"])
        scores.append(float(np.max(history.history["val_accuracy"])))
    return scores
