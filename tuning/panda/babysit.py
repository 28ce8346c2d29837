"""One call that trains a model and watches over it."""

from pathlib import Path

from tuning import files
from tuning.panda.babysitter import Babysitter


def babysit(model, data, folder, **arguments):
    """Trains one model and watches over it, while knobs can be turned from another terminal.

    - `knobs.toml` in the folder has the learning rate, momentum, weight decay, dropout and batch
      size; a change counts from the next step on, without a new trace but for the batch size.
    - A guard sees in the step that shows it that the loss or the gradient explodes, goes back to
      the last good snapshot and cuts the learning rate.
    - Advice from the curves is told, and acted on with `auto`.
    - Every intervention is in `journal.jsonl`. A training that was killed goes on where it was
      when it is called again, and a journal can be repeated.

    Args:
        model: Compiled Keras model; its optimiser's learning rate is a number, not a schedule.
        data: `(x, y)` or `(x, y, sample_weight)`, arrays.
        folder: Where journal, knobs, curves and checkpoint are; made if it does not exist.
        **arguments: `validation_data` like `data`, default None; `batch_size`, default 32;
            `epochs`, default 10; `seed` of the order of examples, default 0; `rules`, `Rules`;
            `repeat`, entries of a journal to repeat; `events`, an `EventFile`; `say`, a function
            that is told each line, default `print`; `jit_compile`, whether XLA compiles a step,
            default unless there are convolutions; `pause`, seconds to wait after each step;
            `clock`, what tells the seconds, default `time.monotonic`; CPU seconds are those of
            `time.process_time`.

    Returns:
        An `Outcome`; the model has the weights of the best epoch.

    Raises:
        tuning.files.InUse: Another process trains in the folder.
        tuning.panda.OtherCourse: The training does not follow the journal that it is to repeat.
        tuning.panda.Damaged: A file in the folder is not as a training that was killed left it.
        ValueError: The model cannot be babysat.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    with files.lock(folder):
        return Babysitter(model, data, folder, **arguments).run()
