import csv
import dataclasses
import os
import time
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tests.tuning.panda.models import Own
from tests.tuning.panda.watched import data, model, weights_of
from tuning import files
from tuning.dashboard import EventFile
from tuning.dashboard.event_file import NAME
from tuning.dashboard.event_records import whole_records
from tuning.panda import Babysitter, OtherCourse, Rules, babysit, babysitter, journal, program
from tuning.panda.knobs import AT_REST
from tuning.panda.knobs_file import AS_OF, KnobsFile

ARGUMENTS = {"batch_size": 32, "epochs": 4, "say": lambda _: None}
WILD = keras.optimizers.SGD
GRAPHS = mock.patch.object(program, "_is_worth_compiling", return_value=False)
"""Without XLA, which has its own tests; this is quicker."""


def curve(folder):
    with (folder / "curves.csv").open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def events(folder):
    """What its event file says, `(step, tag, what)` in order."""
    return [
        (record.event.step, value.tag, value.simple_value or str(value.tensor))
        for record in whole_records(folder / NAME)
        for value in record.event.summary.value
    ]


class Interrupted(Exception):
    pass


class BabysitTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)

    def watched(self, name, network, at=None, **more):
        """Trains; `at` is `{step: function of the Babysitter}`, called before the step."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        validation = data(48, seed=9)
        with GRAPHS:
            training = Babysitter(
                network, data(), folder, validation_data=validation, **ARGUMENTS | more
            )
        between_steps = training._between_steps

        def disturbed():
            if at and training.step in at:
                at.pop(training.step)(training)
            between_steps()

        training._between_steps = disturbed
        return training, training.run()

    def shown(self, name, network, at=None):
        """Trains as `watched` does, with an event file that knows no time."""
        arguments = {"events": EventFile(self.folder / name), "clock": lambda: 0.0}
        return self.watched(name, network, at, **arguments)

    def set(self, **changes):
        return lambda training: KnobsFile(training.folder).set(changes)

    def test_left_alone_it_trains_as_fit_does(self):
        ours, theirs = model(), model()
        _, outcome = self.watched("run", ours)
        x, y = data()
        losses = []
        for epoch in range(4):
            order = np.random.default_rng([0, epoch]).permutation(len(x))
            fit = theirs.fit(x[order], y[order], batch_size=32, shuffle=False, verbose=0)
            losses += fit.history["loss"]
        self.assertAllClose([day["loss"] for day in outcome.days], losses, rtol=1e-5)
        self.assertEqual(curve(self.folder / "run"), [day["loss"] for day in outcome.days])
        self.assertEqual(outcome.reason, "all epochs are done")
        self.assertEqual([entry.by for entry in outcome.entries], ["start"])

    def test_turned_knobs_count_from_the_next_step_and_are_in_the_journal(self):
        changes = {"learning_rate": 0.2, "momentum": 0.5, "weight_decay": 0.01, "batch_size": 16}
        changes |= {"dropout": 0.2, "note": "a try"}
        training, outcome = self.watched("run", model(dropout=0.0), {2: self.set(**changes)})
        entry = outcome.entries[1]
        self.assertEqual((entry.step, entry.by, entry.why), (2, "person", "a try"))
        self.assertIn("learning_rate 0.05 -> 0.2, momentum 0.9 -> 0.5", entry.what)
        self.assertEqual(entry.knobs, {k: v for k, v in changes.items() if k != "note"})
        self.assertEqual(training.program.read() | {"batch_size": 16}, entry.knobs)
        self.assertEqual(training.step, 2 + 2 + 3 * 6)  # of 96 examples 64 were seen at 32 each
        shown = KnobsFile(training.folder).read()
        self.assertEqual((shown["learning_rate"], shown["note"], shown["as_of"]), (0.2, "", 2))
        self.assertLessEqual(training.program.traces, 3)

    def test_seconds_are_those_of_the_clock_that_is_given(self):
        clock = iter(range(100, 200)).__next__
        _, outcome = self.watched("run", model(), clock=clock)
        self.assertEqual([day["seconds"] for day in outcome.days], [1, 3, 5, 7])

    def test_stop_and_snapshot(self):
        at = {4: self.set(snapshot=True), 7: self.set(stop=True, note="enough")}
        training, outcome = self.watched("run", model(), at)
        self.assertEqual([entry.step for entry in outcome.entries], [0, 4, 7])
        self.assertEqual(outcome.reason, "stopped by a person")
        self.assertEqual(training.step, 7)
        self.assertLen(outcome.days, 2)

    @parameterized.parameters(
        ("learning_rate = -1\n", "learning_rate must be a number above 0"),
        ("learning_rat = 1\n", "Did you mean learning_rate?"),
        ("learning_rate = fast\n", "knobs.toml must be lines of"),
        ("learning_rate = 0.2", "must end with a line's end"),
    )
    def test_a_file_edited_badly_by_hand_changes_nothing_and_is_told_in_one_line(self, text, told):
        lines = []

        def edit(training):
            training.live.file.path.write_text(text)
            os.utime(training.live.file.path, (time.time() - 10,) * 2)

        training, outcome = self.watched("run", model(), {3: edit}, say=lines.append)
        self.assertLen([line for line in lines if line.startswith("error: ")], 1)
        self.assertRegex("\n".join(lines), f"error: .*{told}.*Nothing was changed")
        self.assertLen(outcome.entries, 1)
        self.assertEqual(training.live.file.read()["learning_rate"], 0.05)

    def test_a_knobs_file_that_is_deleted_comes_back(self):
        lines = []
        training, _ = self.watched(
            "run", model(), {3: lambda t: t.live.file.path.unlink()}, say=lines.append
        )
        self.assertIn("knobs.toml was gone: here it is again", lines)
        self.assertEqual(training.live.file.read()["learning_rate"], 0.05)

    def test_an_old_number_in_an_edited_file_does_not_undo_what_the_guard_did(self):
        def edit(training):
            text = training.live.file.path.read_text()
            training.act(training.entry("guard", "cut", "", {"learning_rate": 0.01}))
            training.live.file.path.write_text(text.replace("momentum = 0.9", "momentum = 0.5"))

        training, outcome = self.watched("run", model(), {3: edit})
        self.assertEqual((training.knobs["learning_rate"], training.knobs["momentum"]), (0.01, 0.5))
        self.assertLen(outcome.entries, 3)

    def test_a_change_made_while_another_is_shown_is_not_lost(self):
        def both(training):
            KnobsFile(training.folder).set({"momentum": 0.5})
            training.act(training.entry("guard", "cut", "", {"learning_rate": 0.01}))

        training, _ = self.watched("run", model(), {3: both})
        self.assertEqual((training.knobs["learning_rate"], training.knobs["momentum"]), (0.01, 0.5))

    def test_going_back_brings_everything_back(self):
        held = {}

        def note(training):
            held["before"] = [np.array(tf.convert_to_tensor(v)) for v in training.program.variables]
            held["course"] = dataclasses.asdict(training.course) | {"guard": training.guard.state()}

        def go_back(training):
            entry = training.entry("guard", "back", "", back_to=training.good.step)
            training.act(entry)
            after = [np.array(tf.convert_to_tensor(v)) for v in training.program.variables]
            self.assertAllEqual(*map(flat, (after, held["before"])))
            course = dataclasses.asdict(training.course) | {"guard": training.guard.state()}
            self.assertEqual(course, held["course"])

        def flat(arrays):
            return np.concatenate([np.ravel(array) for array in arrays])

        network = model(keras.optimizers.Adam(0.01), dropout=0.3, normalise=True)
        _, outcome = self.watched("run", network, {6: note, 8: go_back})
        self.assertEqual(outcome.entries[1].back_to, 6)
        self.assertLen(outcome.days, 4)
        self.assertEqual(outcome.days[2]["step"], 11)  # two steps were undone

    def test_an_explosion_is_undone_in_its_step_and_the_rate_is_cut(self):
        network = model()
        _, outcome = self.watched("run", network, {7: self.set(learning_rate=1e4)})
        _, turned, guarded = outcome.entries[:3]
        self.assertEqual((turned.by, guarded.by, guarded.back_to), ("person", "guard", 6))
        self.assertEqual(guarded.step, 9)  # the step after the one with the wrong rate
        self.assertAllClose(guarded.knobs["learning_rate"], 1e4 / 3)
        self.assertTrue(np.isfinite(weights_of(network)).all())

    def test_cutting_that_does_not_help_ends_in_a_stop_with_the_best_model(self):
        network = model()
        at = {4: self.set(learning_rate=1e30)}
        training, outcome = self.watched("run", network, at, rules=Rules(retries=2))
        self.assertEqual([e.by for e in outcome.entries], ["start", "person", *3 * ["guard"]])
        self.assertRegex(outcome.reason, "stopped: going back 2 times did not help")
        self.assertEqual(outcome.best["epoch"], 1)
        logs = training.program.evaluate(training.program.validation)
        self.assertAllClose(logs["loss"], outcome.best["val_loss"], rtol=1e-5)

    def test_auto_looks_for_a_rate_when_cutting_does_not_help(self):
        at = {7: self.set(learning_rate=1e30)}
        rules = Rules(auto=True, retries=1)
        _, outcome = self.watched("run", model(), at, rules=rules)
        found = outcome.entries[3]
        self.assertEqual((found.by, found.back_to), ("range test", 6))
        self.assertBetween(found.knobs["learning_rate"], 1e-4, 1.0)
        self.assertEqual(outcome.reason, "all epochs are done")
        self.assertTrue((self.folder / f"run/looks/range-test-{found.step}.png").exists())

    def test_find_learning_rate_begins_with_what_the_range_test_suggests(self):
        rules = Rules(find_learning_rate=True)
        _, outcome = self.watched("run", model(WILD(30.0, momentum=0.9)), rules=rules)
        self.assertEqual([entry.by for entry in outcome.entries], ["start", "range test"])
        self.assertBetween(outcome.entries[1].knobs["learning_rate"], 1e-4, 1.0)

    def changes(self):
        return {
            4: self.set(learning_rate=1e4, note="too much"),
            9: self.set(learning_rate=0.1, batch_size=24, dropout=0.4),
            13: self.set(snapshot=True),
        }

    def network(self):
        return model(dropout=0.1, normalise=True)

    def test_a_journal_repeats_the_run(self):
        _, first = self.watched("run", self.network(), self.changes())
        entries = journal.read(self.folder / "run/journal.jsonl")
        network = self.network()
        _, second = self.watched("again", network, repeat=entries)
        self.assertAllClose(curve(self.folder / "run"), curve(self.folder / "again"), rtol=1e-6)
        self.assertEqual(first.entries, second.entries)
        self.assertGreater(len(entries), 4)

    def test_a_journal_of_other_data_is_told_so(self):
        self.watched("run", self.network(), self.changes())
        entries = journal.read(self.folder / "run/journal.jsonl")
        wrong = [entries[0], dataclasses.replace(entries[2], back_to=1), *entries[3:]]
        with self.assertRaises(OtherCourse):
            self.watched("again", self.network(), repeat=wrong)

    @parameterized.parameters((5, 60), (8, 60), (12, 60), (14, 60), (8, -1), (10, -1), (14, -1))
    def test_a_run_that_ends_anywhere_goes_on_to_the_same_end(self, step, seconds):
        def end(_):
            raise Interrupted

        between = (babysitter, "SECONDS_BETWEEN_CHECKPOINTS", seconds)  # -1: after each step
        self.enterContext(mock.patch.object(*between))
        undisturbed = self.network()
        _, outcome = self.shown("undisturbed", undisturbed, self.changes())
        with self.assertRaises(Interrupted):
            self.shown("run", self.network(), {**self.changes(), step: end})
        written = (self.folder / "run/journal.jsonl").read_bytes()
        network = self.network()
        later = {at: change for at, change in self.changes().items() if at >= step}
        _, resumed = self.shown("run", network, later)
        self.assertEqual(events(self.folder / "run"), events(self.folder / "undisturbed"))
        self.assertAllClose(curve(self.folder / "run"), curve(self.folder / "undisturbed"))
        self.assertAllEqual(weights_of(network), weights_of(undisturbed))
        self.assertEqual([e.what for e in resumed.entries], [e.what for e in outcome.entries])
        self.assertTrue((self.folder / "run/journal.jsonl").read_bytes().startswith(written))

    def test_a_change_that_was_set_but_not_yet_taken_is_taken_after_a_kill(self):
        def end(training):
            KnobsFile(training.folder).set({"learning_rate": 0.3})
            raise Interrupted

        with self.assertRaises(Interrupted):
            self.watched("run", model(), {5: end})
        training, outcome = self.watched("run", model())
        self.assertEqual(training.knobs["learning_rate"], 0.3)
        self.assertLen(outcome.entries, 2)

    @parameterized.parameters(
        {"note": "a try"},
        {"snapshot": True, "learning_rate": 0.1},
        {"stop": True, "note": "enough"},
    )
    def test_what_was_taken_right_before_a_kill_is_not_taken_twice(self, **changes):
        def end(training):
            KnobsFile(training.folder).set(changes)
            training.journal.append(training.live.wanted(training))
            raise Interrupted

        with self.assertRaises(Interrupted):
            self.shown("run", model(), {5: end})
        training, outcome = self.shown("run", model())
        self.assertEqual([entry.step for entry in outcome.entries], [0, 5])
        texts = [step for step, tag, _ in events(self.folder / "run") if tag == "journal"]
        self.assertEqual(texts, [0, 5])
        shown = outcome.entries[1].knobs | AT_REST | {AS_OF: 2}
        self.assertEqual(training.live.file.read(), shown)

    @parameterized.parameters(("start", 0, 0.05), ("guard", 5, 0.01))
    def test_the_knobs_file_shows_what_was_done_right_before_a_kill(self, by, step, rate):
        def end(training):
            training.journal.append(training.entry(by, "", "", {"learning_rate": rate}))
            raise Interrupted

        if step:
            with self.assertRaises(Interrupted):
                self.watched("run", model(), {step: end})
        else:
            with self.assertRaises(Interrupted):
                end(Babysitter(model(), data(), self.folder, **ARGUMENTS))
        seen = {}
        at = {step + 1: lambda training: seen.update(KnobsFile(training.folder).read())}
        self.watched("run" if step else ".", model(), at)
        self.assertEqual((seen["learning_rate"], seen[AS_OF]), (rate, 2 if step else 1))

    def test_a_finished_run_that_is_called_again_is_only_told(self):
        _, first = self.watched("run", model())
        network = model()
        _, second = self.watched("run", network)
        self.assertEqual(first.days, second.days)
        self.assertEqual(first.reason, second.reason)

    def test_a_second_one_in_the_same_folder_is_refused(self):
        with files.lock(self.folder), self.assertRaisesRegex(files.InUse, "in use by process"):
            babysit(model(), data(), self.folder)

    def test_numbers_out_of_range_are_refused(self):
        for rules in ({"cut": 1.0}, {"retries": -1}, {"forks": -1}):
            with self.assertRaisesRegex(ValueError, "must be .* Received: "):
                Rules(**rules)
        for given in ({"epochs": 0}, {"batch_size": 0}):
            with self.assertRaisesRegex(ValueError, "must be .* Received: "):
                babysit(model(), data(), self.folder, **given)

    def test_a_fork_at_a_standstill_goes_on_with_the_winner_and_is_repeated(self):
        rules = Rules(auto=True)
        network = model(keras.optimizers.SGD(3.0, momentum=0.5))
        x, y = data(96)
        noise = np.random.default_rng(5).permutation(y)  # nothing to learn: it stands still
        given = {"rules": rules, "epochs": 30, **ARGUMENTS} | {"epochs": 30}
        validation = (x[:48], noise[:48])
        outcomes = []
        for name, repeat in (("run", ()), ("again", None)):
            folder = self.folder / name
            folder.mkdir()
            repeat = journal.read(self.folder / "run/journal.jsonl") if repeat is None else repeat
            network = model(keras.optimizers.SGD(0.5, momentum=0.5), dropout=0.1)
            with GRAPHS:
                training = Babysitter(
                    network, (x, noise), folder, validation_data=validation, repeat=repeat, **given
                )
            outcomes.append(training.run())
        forks = [entry for entry in outcomes[0].entries if entry.by == "fork"]
        self.assertLen(forks, 1)
        self.assertTrue((self.folder / f"run/looks/fork-{forks[0].step}.png").exists())
        winner = forks[0].fork["variations"][forks[0].fork["winner"]]
        self.assertEqual(forks[0].knobs["learning_rate"], winner["learning_rate"])
        self.assertIn("Short looks favour small learning rates", forks[0].why)
        self.assertEqual(outcomes[0].entries, outcomes[1].entries)
        self.assertAllClose(curve(self.folder / "run"), curve(self.folder / "again"), rtol=1e-4)

    def test_a_fork_that_fails_is_counted_though_a_kill_follows(self):
        x, y = data()
        noise = np.random.default_rng(5).permutation(y)  # nothing to learn: it stands still
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

        def watch(say):
            keras.utils.set_random_seed(0)
            network = Own()  # which cannot be forked
            network.compile(keras.optimizers.SGD(0.5), loss, jit_compile=False)
            given = {"validation_data": (x[:48], noise[:48]), "rules": Rules(auto=True)}
            with GRAPHS:
                arguments = ARGUMENTS | given | {"epochs": 30, "say": say}
                return Babysitter(network, (x, noise), self.folder, **arguments).run()

        def end(line):
            if ", advice: " in line:
                raise Interrupted

        with self.assertRaises(Interrupted):
            watch(end)
        lines = []
        self.assertEqual([e.by for e in watch(lines.append).entries][1:], ["advice"] * 2)
        self.assertNotIn("no fork", "\n".join(lines))

    def test_it_is_one_call(self):
        outcome = babysit(model(), data(), self.folder / "new", epochs=2, say=lambda _: None)
        self.assertEqual(outcome.best["epoch"], len(outcome.days))
        self.assertNotIn("val_loss", outcome.best)


if __name__ == "__main__":
    tf.test.main()
