"""What a kill leaves of a search, at any moment, is enough to go on as if nothing had happened."""

import functools
import json
import os
import shutil
import tempfile
from pathlib import Path
from unittest import mock

import keras_tuner
import tensorflow as tf
from absl.testing import parameterized

from tests.tuning.oracles.searching import (
    ORACLES,
    Folder,
    bowl,
    end,
    hand_out,
    make,
    run,
    values_of,
)
from tests.tuning.spaces import classifier, foreign
from tuning import own_values
from tuning.oracles import persistent

NAMES = tuple(ORACLES)
DAMAGES = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-20]),
    "garbage": lambda path: path.write_bytes(b"\xff\x00garbage"),
    "not an object": lambda path: path.write_text("[]"),
}


def rewrite(**changes):
    """Damage: valid JSON whose values cannot be."""

    def damage(path):
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return damage


IMPOSSIBLE = {
    "another trial": {"trial_id": "0"},
    "no score": {"score": None},
    "text for a score": {"score": "good"},
    "NaN for a score": {"score": float("nan")},
    "no epoch": {"best_step": None},
    "no metric": {"metrics": {"metrics": {}}},
    "unknown status": {"status": "DONE"},
    "text for a time": {"seconds": "long"},
    "text for an event": {"began": "first"},
}


def search_on(oracle, ended):
    """Runs some trials one after another."""
    for _ in range(ended):
        (trial,), _ = hand_out(oracle, 1)
        end(oracle, trial, bowl(own_values(trial.hyperparameters)))


@functools.cache
def undisturbed(name):
    """The values of the trials of a search that nothing happens to."""
    with tempfile.TemporaryDirectory() as folder:
        return values_of(run(make(name, classifier(), folder, seed=5)))


class PersistentTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Folder(self)

    def make(self, name, folder=None, **arguments):
        arguments = {"saves": True, "seed": 5} | arguments
        return make(name, classifier(), folder or self.folder.new(), **arguments)

    def reopened(self, name, oracle, damage=None, file="oracle.json", **arguments):
        """The search as another process finds it, after a file of it was damaged."""
        folder = self.folder.copy(oracle._directory)
        if damage:
            damage(Path(folder) / "search" / file)
        copy = self.make(name, folder, **{"seed": 1} | arguments)
        copy.reload()
        return copy

    def test_a_search_of_a_space_with_conditions_goes_on(self):
        folder = self.folder.new()
        oracle = make("random", foreign(), folder, saves=True, seed=5)
        for _ in range(4):
            (trial,), _ = hand_out(oracle, 1)
            end(oracle, trial, 0.5)
        again = make("random", foreign(), folder, saves=True, seed=5)
        again.reload()
        self.assertEqual(values_of(again), values_of(oracle))

    @parameterized.product(name=NAMES, damage=tuple(DAMAGES), ended=(0, 1, 9))
    def test_a_state_that_cannot_be_read_is_rebuilt_from_the_trials(self, name, damage, ended):
        oracle = self.make(name)
        search_on(oracle, ended)
        hand_out(oracle, 1)
        oracle.save_now()
        copy = self.reopened(name, oracle, DAMAGES[damage])
        self.assertEqual(values_of(copy), values_of(oracle))
        self.assertEqual(copy.end_order, oracle.end_order)
        self.assertEqual(values_of(run(copy)), undisturbed(name))

    def test_keras_tuner_alone_cannot_open_a_truncated_state(self):
        folder = self.folder.new()

        def oracle():
            oracle = keras_tuner.oracles.RandomSearchOracle(
                keras_tuner.Objective("score", "max"), hyperparameters=classifier()
            )
            oracle.verbose = 0
            oracle._set_project_dir(folder, "search")
            return oracle

        search_on(oracle(), 2)
        DAMAGES["truncated"](Path(folder) / "search" / "oracle.json")
        with self.assertRaises(json.JSONDecodeError):
            oracle().reload()

    @parameterized.product(name=NAMES, damage=("missing", "truncated", "garbage"), which=(0, 4, 8))
    def test_a_trial_whose_file_is_damaged_is_run_again(self, name, damage, which):
        oracle = self.make(name)
        search_on(oracle, 9)
        trial_id = oracle.start_order[which]
        copy = self.reopened(name, oracle, DAMAGES[damage], f"trial_{trial_id}/trial.json")
        self.assertEqual(values_of(copy), values_of(oracle))
        (again,), _ = hand_out(copy, 1)
        self.assertEqual(again.trial_id, trial_id)
        end(copy, again, bowl(own_values(again.hyperparameters)))
        future = values_of(run(copy))
        self.assertLen(future, len(undisturbed(name)))
        if name in ("random", "quasi_random", "grid"):  # the others were planned by its score
            self.assertEqual(future, undisturbed(name))

    @parameterized.parameters(*IMPOSSIBLE)
    def test_a_trial_whose_file_holds_what_cannot_be_is_run_again(self, what):
        oracle = self.make("random")
        search_on(oracle, 3)
        trial_id = oracle.start_order[1]
        damage = rewrite(**IMPOSSIBLE[what])
        copy = self.reopened("random", oracle, damage, f"trial_{trial_id}/trial.json")
        self.assertEqual(values_of(copy), values_of(oracle))
        self.assertEqual(hand_out(copy, 1)[0][0].trial_id, trial_id)

    @parameterized.product(name=NAMES, has_state=(True, False))
    def test_a_trial_whose_folder_is_gone_is_run_again(self, name, has_state):
        oracle = self.make(name)
        search_on(oracle, 5)
        oracle.save_now()
        trial_id = oracle.start_order[1]
        shutil.rmtree(oracle._get_trial_dir(trial_id))
        copy = self.reopened(name, oracle, None if has_state else DAMAGES["missing"])
        self.assertEqual(values_of(copy), values_of(oracle))
        self.assertEqual(hand_out(copy, 1)[0][0].trial_id, trial_id)

    @parameterized.parameters(
        {"hyperparameters": 3}, {"clock": "late"}, {"start_order": ["77"], "end_order": ["77"]}
    )
    def test_a_state_that_holds_what_cannot_be_is_rebuilt_from_the_trials(self, **changes):
        oracle = self.make("random")
        search_on(oracle, 3)
        copy = self.reopened("random", oracle, rewrite(**changes))
        self.assertEqual(values_of(run(copy)), undisturbed("random"))

    @parameterized.parameters(*NAMES)
    def test_the_state_on_disk_may_be_many_events_old(self, name):
        oracle = self.make(name, max_trials=30)
        search_on(oracle, 6)
        oracle.save = lambda: None
        search_on(oracle, 6)
        copy = self.reopened(name, oracle, max_trials=30)
        self.assertEqual(copy.end_order, oracle.end_order)
        self.assertEqual(values_of(run(copy)), values_of(run(self.make(name, max_trials=30))))

    @parameterized.parameters(*NAMES)
    def test_what_was_running_is_handed_out_first_to_whoever_asks(self, name):
        oracle = self.make(name)
        search_on(oracle, 2)
        running = [trial.trial_id for trial in hand_out(oracle, 4)[0]]
        copy = self.reopened(name, oracle)
        again = [copy.create_trial(f"somebody else/{i}").trial_id for i in range(len(running))]
        self.assertEqual(again, running)

    @parameterized.product(name=("random", "coarse_to_fine", "hyperband"), has_state=(True, False))
    def test_what_a_model_was_the_first_to_have_is_known_again(self, name, has_state):
        def begin(oracle, places):
            for i in places:
                trial = oracle.create_trial(f"tuner{i}")
                trial.hyperparameters.Float("late", 0.0, 1.0)  # as a builder asks for it
                oracle.update_space(trial.hyperparameters)
                yield dict(trial.hyperparameters.values)

        undisturbed = list(begin(self.make(name), range(5)))
        folder = self.folder.new()
        killed = self.make(name, folder)
        list(begin(killed, range(3)))
        (Path(killed._project_dir) / "trial_02" / "trial.json").unlink()  # not yet written
        if not has_state:
            Path(killed._get_oracle_fname()).unlink()
        again = self.make(name, folder)
        again.reload()
        self.assertEqual(list(begin(again, range(5))), undisturbed)
        self.assertNotEqual(undisturbed[4]["late"], 0.0)

    def test_a_drawn_seed_is_kept_even_without_the_state(self):
        oracle = self.make("random", seed=None)
        search_on(oracle, 1)
        copy = self.reopened("random", oracle, DAMAGES["missing"], seed=None)
        self.assertEqual(copy.seed, oracle.seed)

    def test_failures_and_scores_come_back(self):
        oracle = self.make("random")
        for score in (0.5, float("nan"), 0.75):
            (trial,), _ = hand_out(oracle, 1)
            trial.seconds = 2.5
            end(oracle, trial, score)
        copy = self.reopened("random", oracle, DAMAGES["missing"])
        trials = [copy.trials[trial_id] for trial_id in copy.end_order]
        self.assertEqual([t.status for t in trials], ["COMPLETED", "FAILED", "COMPLETED"])
        self.assertEqual([t.score for t in trials], [0.5, None, 0.75])
        self.assertEqual([t.seconds for t in trials], [2.5] * 3)
        self.assertIn("must be finite", trials[1].message)

    def test_reloading_twice_changes_nothing(self):
        oracle = self.make("coarse_to_fine")
        search_on(oracle, 9)
        before = values_of(oracle)
        for _ in range(2):
            oracle.reload()
            self.assertEqual(values_of(oracle), before)
        self.assertEqual(values_of(run(oracle)), undisturbed("coarse_to_fine"))

    @parameterized.parameters(*NAMES)
    def test_a_write_that_fails_leaves_files_that_go_on(self, name):
        oracle = self.make(name)
        search_on(oracle, 3)
        (trial,), _ = hand_out(oracle, 1)
        folder = Path(oracle._get_trial_dir(trial.trial_id))
        (folder / f".trial.json.{os.getpid()}.tmp").mkdir()  # in the way of the next write
        with self.assertRaises(OSError):
            end(oracle, trial, 1.0)
        copy = self.reopened(name, oracle)
        self.assertLen(copy.end_order, 3)
        self.assertEqual(hand_out(copy, 1)[0][0].trial_id, trial.trial_id)

    @parameterized.parameters(*NAMES)
    def test_a_kill_before_any_write_changes_nothing(self, name):
        oracle, left = self.make(name, max_trials=12), []

        def write(*arguments, write=persistent.write_atomically, **named):
            left.append(self.folder.copy(oracle._directory))
            write(*arguments, **named)

        with mock.patch.object(persistent, "write_atomically", write):
            undisturbed = values_of(run(oracle))
        self.assertGreater(len(left), 24)
        for folder in left:
            copy = self.make(name, folder, max_trials=12)
            copy.reload()
            self.assertEqual(values_of(run(copy)), undisturbed)

    def test_the_bytes_written_for_a_trial_do_not_grow_with_the_number_of_trials(self):
        oracle = self.make("random", max_trials=1200)
        written = []

        def save_now(write=oracle.save_now):
            write()
            written.append((len(oracle.end_order), Path(oracle._get_oracle_fname()).stat().st_size))

        oracle.save_now = save_now
        search_on(oracle, 1200)
        first, last = (
            sum(size for trials, size in written if low < trials <= low + 400) for low in (400, 800)
        )
        self.assertGreater(first, 0)
        self.assertLess(last, 1.5 * first)


if __name__ == "__main__":
    tf.test.main()
