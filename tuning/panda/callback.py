"""Panda mode for anybody's `model.fit`, as far as a callback can see and do."""

from pathlib import Path

import keras

from tuning.optimizer_state import variables_of
from tuning.panda.advice import advise
from tuning.panda.guard import Guard
from tuning.panda.journal import ADVICE, GUARD, Entry, Journal
from tuning.panda.knobs import as_text, checked
from tuning.panda.live_knobs import LiveKnobs
from tuning.panda.program import refuse_schedule, scale_velocity
from tuning.panda.snapshot import Course, Snapshot


class Panda(keras.callbacks.Callback):
    """Watches a training by `fit`, and lets its learning rate be turned meanwhile.

    - `knobs.toml` in the folder has the learning rate, read before each batch; `stop`, `snapshot`
      and `note` too. (What else `babysit` can turn, Keras bakes into the trace of `fit`.)
    - At the end of an epoch whose loss is no number, or that lost much of what was learned, the
      model goes back to the last good epoch, optimiser included, and the learning rate is cut.
    - Advice from the curves is told; with `auto` it is acted on.
    - Every intervention is in `journal.jsonl`.

    Args:
        folder: Where knobs and journal are; made if it does not exist.
        auto: Whether advice is acted on. Default False.
        cut: What the guard multiplies the learning rate by, in (0, 1). Default 1/3.
        retries: How often it does so without a good epoch in between, 0 or more. Default 3.
        say: Function that is told each line. Default `print`.
    """

    def __init__(self, folder, *, auto=False, cut=1 / 3, retries=3, say=print):
        super().__init__()
        if not 0 < cut < 1:
            raise ValueError(f"cut must be in (0, 1). Received: cut={cut}.")
        if retries < 0:
            raise ValueError(f"retries must be 0 or more. Received: retries={retries}.")
        self.folder, self.auto, self.cut, self.retries, self.say = folder, auto, cut, retries, say

    @property
    def variables(self):
        """Everything that an update changes."""
        return [*self.model.variables, *variables_of(self.model.optimizer)]

    @property
    def knobs(self):
        """The knobs as they are, whoever turned them."""
        return {"learning_rate": float(f"{float(self.model.optimizer.learning_rate):.7g}")}

    def entry(self, by, what, why, knobs=None, **more):
        """An `Entry` of this moment, as `Babysitter.entry` makes it."""
        knobs = self.knobs | (knobs or {})
        return Entry(self._step, self._course.epoch + 1, by, what, why, knobs, **more)

    def on_train_begin(self, logs=None):  # noqa: ARG002
        """Opens the journal; takes the first snapshot, unless the model waits for data."""
        refuse_schedule(self.model.optimizer)
        folder = Path(self.folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._journal = Journal(folder / "journal.jsonl")
        self._journal.went_through(len(self._journal.waiting))
        self._live = LiveKnobs(folder, self._journal, self.say)
        self._guard, self._course, self._step, self._tried = Guard([]), Course(), 0, 0
        self._good, self._told = None, ""
        if self.model.built:
            self._start()

    def _start(self):
        """Takes the first snapshot and shows the knobs."""
        self.model.optimizer.build(self.model.trainable_variables)
        self._good = Snapshot.of(self, self._step, self._course)
        self._act(self.entry("start", f"learning_rate {as_text(self.knobs['learning_rate'])}", ""))

    def on_epoch_begin(self, epoch, logs=None):  # noqa: ARG002
        """Notes which epoch it is."""
        self._course.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):  # noqa: ARG002
        """Does what a person wants."""
        if self._good and self._live.is_new() and (entry := self._live.wanted(self)):
            self._act(entry)

    def on_train_batch_end(self, batch, logs=None):  # noqa: ARG002
        """Counts, and notes the loss of the untrained model."""
        if not self._step:
            self._guard.begin(logs["loss"])
        self._step += 1
        if not self._good:  # `fit` has built the model in its first step
            self._start()

    def on_epoch_end(self, epoch, logs=None):  # noqa: ARG002
        """Guards, then advises."""
        row = {name: float(value) for name, value in logs.items()} | self.knobs
        if trouble := self._guard.look_at_epoch(row):
            self._act(self._after_trouble(trouble))
            return
        self._course.rows.append(row)
        if self._guard.is_good(row):
            self._tried = 0
            self._keep()
        self._advise()

    def _keep(self):
        self._course.guard = self._guard.state()
        self._good = Snapshot.of(self, self._step, self._course)

    def _after_trouble(self, trouble):
        rate, back_to = self.knobs["learning_rate"], self._good.step
        if self._tried == self.retries:
            what = f"stopped: going back {self._tried} times did not help"
            return self.entry(GUARD, what, trouble, back_to=back_to, stop=True)
        self._tried += 1
        smaller = rate * self.cut
        what = f"back to step {back_to}, learning_rate {as_text(rate)} -> {as_text(smaller)}"
        return self.entry(GUARD, what, trouble, {"learning_rate": smaller}, back_to=back_to)

    def _advise(self):
        rows = self._course.rows
        advice = advise({name: [row[name] for row in rows] for name in rows[-1]})
        told = " ".join(each.sentence for each in advice)
        if told and told != self._told:
            self.say(f"advice: {told}")
        self._told = told
        for each in advice if self.auto else ():
            if each.knob == "stop":
                self._act(self.entry(ADVICE, "stopped", each.sentence, stop=True))
                return
            if each.knob == "learning_rate":
                before = self.knobs["learning_rate"]
                after = checked({"learning_rate": before * each.factor}, self.knobs)
                what = f"learning_rate {as_text(before)} -> {as_text(after['learning_rate'])}"
                self._act(self.entry(ADVICE, what, each.sentence, after))
                return

    def _act(self, entry):
        """Makes an intervention, after it is in the journal."""
        self._journal.append(entry)
        optimizer = self.model.optimizer
        if entry.back_to is not None:
            epoch = self._course.epoch
            self._course = self._good.restore(self)
            self._course.epoch = epoch
            self._guard.restore(self._course.guard)
            scale_velocity(optimizer, entry.knobs["learning_rate"] / self.knobs["learning_rate"])
        optimizer.learning_rate = entry.knobs["learning_rate"]
        if entry.snapshot:
            self._keep()
        if entry.stop:
            self.model.stop_training = True
        self._live.show(entry.knobs)
        self.say(entry.sentence())
