"""The training loop that watches over one model, and lets others turn its knobs meanwhile."""

import dataclasses
import time
from pathlib import Path

import numpy as np

from tuning.panda import remedies, snapshot
from tuning.panda.curve import LossCurve
from tuning.panda.guard import Guard
from tuning.panda.journal import GUARD, RANGE_TEST, Entry, Journal, OtherCourse
from tuning.panda.knobs import NUMBERS, checked, shown
from tuning.panda.live_knobs import LiveKnobs
from tuning.panda.outcome import Outcome
from tuning.panda.program import Program, scale_velocity
from tuning.panda.records import Records
from tuning.panda.rules import Rules
from tuning.panda.snapshot import Course, Snapshot
from tuning.pictures import save

SECONDS_BETWEEN_CHECKPOINTS = 60
CALM_EPOCHS = 5
"""Good epochs in a row after which trouble counts as over."""
COUNTED = ("step", "retries", "calm", "forks", "ended")
MEANING = ("dropout", "batch_size")
"""Knobs that change what a training loss means."""
BY_RULES = (GUARD, RANGE_TEST)


class Babysitter:
    """Trains one model and watches over it; the folder must be this process's own.

    Args: see `babysit`.
    """

    def __init__(
        self,
        model,
        data,
        folder,
        *,
        validation_data=None,
        batch_size=32,
        epochs=10,
        seed=0,
        rules=Rules(),
        repeat=(),
        events=None,
        say=print,
        jit_compile=None,
        pause=0.0,
        clock=time.monotonic,
    ):
        self.clock, self._began = clock, clock()
        if epochs < 1:
            raise ValueError(f"epochs must be 1 or more. Received: epochs={epochs}.")
        self.folder = Path(folder)
        self.program = Program(model, data, validation_data, seed, jit_compile)
        self.epochs, self.seed, self.rules, self.say = epochs, seed, rules, say
        self.pause = pause
        self.knobs = self.program.read() | {"batch_size": batch_size}
        for name in self.knobs:
            checked({name: self.knobs[name]}, list(NUMBERS))
        self.guard, self.curve = Guard(self.program.weights), LossCurve()
        self.journal = Journal(self.folder / "journal.jsonl", repeat)
        self.live = LiveKnobs(self.folder, self.journal, say)
        self.records = Records(self.folder, events)
        self.course, self.step, self.retries, self.calm, self.forks = Course(), 0, 0, 0, 0
        self.good, self.haven, self.best, self.ended, self.advice = None, None, None, "", ""
        self.look = None

    def run(self):
        """Trains until all epochs are done, a person stops it, or nothing helps any more.

        Returns:
            An `Outcome`.

        Raises:
            OtherCourse: The training does not follow the journal that it is to repeat.
            Damaged: The checkpoint, or the journal before it, is not as it was written.
            OSError: Something cannot be written.
        """
        self._take_up() if (self.folder / snapshot.FILE).exists() else self._begin()
        self._saved = time.monotonic()
        while not self.ended:
            self._between_steps()
            if not self.ended:
                self._train_step()
            if self.pause:
                time.sleep(self.pause)
        self._keep()
        if self.best:
            self.best.restore(self.program)
        days, best = self.records.days, self.best and self.best.course.rows[-1]
        entries = self.journal.entries
        return Outcome(self.ended, days, best, entries, self.curve, self.seconds)

    @property
    def seconds(self):
        """Time spent training so far, in all processes together."""
        return self.clock() - self._began

    # Beginning, going on

    def _begin(self):
        if not self.journal.is_caught_up:
            self.records.take_up([], 0)
        self._order()
        self.good = self.haven = Snapshot.of(self.program, 0, self.course)
        entry = self.journal.recorded(0) or self.entry("start", shown(self.knobs), "")
        self.act(entry)
        looks = self.rules.find_learning_rate and not self.journal.waiting
        if looks and (entry := remedies.range_test(self, "before the start")):
            self.act(entry)

    def _take_up(self):
        numbers, snapshots = snapshot.load(self.folder / snapshot.FILE, self.program)
        self.good, self.haven = snapshots["good"], snapshots["haven"]
        self.best = snapshots.get("best")
        self.course = Course(**numbers["course"])
        for name in COUNTED:
            setattr(self, name, numbers[name])
        self.curve = LossCurve(content=numbers["curve"])
        self._began -= numbers["seconds"]
        self.guard.restore(self.course.guard)
        self.records.take_up(numbers["days"], numbers.get("events", self.records.size))
        self.journal.went_through(numbers["entries"])
        self._turn(numbers["knobs"])
        self._order()
        if self.journal.is_caught_up:
            self.live.show(self.knobs)

    def _keep(self):
        """Writes the whole state to the disk."""
        self.course.guard = self.guard.state()
        numbers = {
            "course": dataclasses.asdict(self.course),
            "days": self.records.days,
            "events": self.records.size,
            "curve": self.curve.content(),
            "entries": len(self.journal.entries),
            "knobs": self.knobs,
            "seconds": self.seconds,
        }
        numbers |= {n: getattr(self, n) for n in COUNTED}
        snapshots = {"good": self.good, "haven": self.haven, "best": self.best}
        kept = {name: moment for name, moment in snapshots.items() if moment}
        snapshot.save(self.folder / snapshot.FILE, self.program, numbers, kept)
        self._saved = time.monotonic()

    def _order(self):
        self._rows = self.program.data.order(True, self.seed, self.course.epoch).astype(np.int32)

    # Interventions

    def entry(self, by, what, why, knobs=None, **more):
        """An `Entry` of this moment.

        Args:
            by: Whose it is.
            what: What is done, in words.
            why: Why, in words.
            knobs: Those that change, `{knob: number}`.
            **more: Further fields of `Entry`.
        """
        knobs = self.knobs | (knobs or {})
        more |= {"forks": self.forks}
        return Entry(self.step, self.course.epoch + 1, by, what, why, knobs, **more)

    def act(self, entry):
        """Makes an intervention, after it is in the journal."""
        self.journal.append(entry)
        self.forks, before = max(self.forks, entry.forks), self.knobs
        if entry.back_to is not None:
            self._go_back(entry)
        if entry.fork:
            remedies.fork(self, entry.fork)
        self._turn(entry.knobs)
        if any(entry.knobs[name] != before[name] for name in before if name in MEANING):
            self.guard.forget_best()
        if entry.knobs != before or entry.fork:
            self.course.rows_before_change = len(self.course.rows)
        if entry.snapshot or entry.fork:
            self._note_good()
        if entry.stop:
            self.ended = entry.what
        if self.journal.is_caught_up:
            self.live.show(entry.knobs)
        self.records.entry(entry, before)
        self.say(entry.sentence())
        if entry.snapshot or entry.fork:
            self._keep()

    def draw(self, name, drawn):
        """Writes a picture to the run directory.

        Args:
            name: The file's name, without its ending.
            drawn: What has a `figure()`.
        """
        folder = self.folder / "looks"
        folder.mkdir(exist_ok=True)
        save(drawn.figure(), folder / f"{name}.png")

    def _turn(self, knobs):
        for name, value in knobs.items():
            if name != "batch_size":
                self.program.assign(name, value)
        self.knobs = dict(knobs)

    def _go_back(self, entry):
        moments = [each for each in (self.good, self.haven) if each.step == entry.back_to]
        if not moments:
            raise OtherCourse(f"no snapshot is of step {entry.back_to}: {entry.sentence()}.")
        self.good, self.calm = moments[0], 0
        self.course = self.good.restore(self.program)
        rate = self.program.read()["learning_rate"]
        scale_velocity(self.program.model.optimizer, entry.knobs["learning_rate"] / rate)
        self.guard.restore(self.course.guard)
        self._order()

    def _note_good(self):
        self.course.guard = self.guard.state()
        self.good = Snapshot.of(self.program, self.step, self.course)
        self.haven = self.haven if self.retries else self.good

    # Steps and epochs

    def _between_steps(self):
        if self.journal.waiting:
            while not self.ended and (entry := self.journal.recorded(self.step)):
                self.act(entry)
        elif self.live.is_new() and (entry := self.live.wanted(self)):
            self.act(entry)
        if time.monotonic() - self._saved > SECONDS_BETWEEN_CHECKPOINTS:
            self._keep()

    def _train_step(self):
        course = self.course
        rows = self._rows[course.seen : course.seen + self.knobs["batch_size"]]
        loss, norms = self.program.step(rows)
        self.step += 1
        course.seen += len(rows)
        self.curve.add(self.step, loss)
        trouble = self.guard.look(loss, norms)
        if (trouble or self.journal.waiting) and self._mend(trouble):
            return
        if course.seen >= len(self._rows):
            self._end_epoch()

    def _mend(self, trouble):
        """Goes back and cuts the learning rate; returns whether it did."""
        entry = self.journal.recorded(self.step, *BY_RULES)
        if not entry and trouble:
            if self.journal.waiting:
                raise OtherCourse(f"the training must follow its journal. Received: {trouble}.")
            entry = remedies.after_trouble(self, trouble)
        if entry:
            self.retries += 1
            self.act(entry)
        return bool(entry)

    def _end_epoch(self):
        row = self._row()
        trouble = self.guard.look_at_epoch(row)
        if trouble and self._mend(trouble):
            return
        self.course.epoch, self.course.seen = self.course.epoch + 1, 0
        self.course.rows.append(row)
        self.program.reset()
        self._order()
        self.records.epoch(row, self.curve)
        self.say(self.records.line(row, self.epochs))
        if not self.best or _worth(row) > _worth(self.best.course.rows[-1]):
            self.best = Snapshot.of(self.program, self.step, self.course)
        if self.guard.is_good(row):
            self.calm += 1
            self.retries *= self.calm < CALM_EPOCHS
            self._note_good()
        self._look()
        if self.course.epoch == self.epochs and not self.ended:
            self.ended = "all epochs are done"
        self._keep()

    def _row(self):
        """What the epoch came to."""
        program, validation = self.program, self.program.validation
        logs = program.logs()
        row = {"day": len(self.records.days) + 1, "step": self.step, "epoch": self.course.epoch + 1}
        row |= logs
        if validation:
            row |= {f"val_{n}": value for n, value in program.evaluate(validation).items()}
            most = validation.examples
            row["loss_inference"] = program.evaluate(program.data, most)["loss"]
        return row | self.knobs | {"seconds": round(self.seconds, 3)}

    def _look(self):
        """Takes advice from the curves."""
        is_over = self.course.epoch == self.epochs
        if not (self.journal.waiting or is_over) and (entry := remedies.advised(self)):
            self.act(entry)


def _worth(row):
    """What makes an epoch the best: accuracy, of the validation part if there is one, then loss."""
    accuracy = row.get("val_accuracy", row.get("accuracy", 0.0))
    return accuracy, -row.get("val_loss", row["loss"])
