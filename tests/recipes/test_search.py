import csv
import dataclasses
import functools
import json
import shutil
import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path
from unittest import mock

import keras
import keras_tuner
import numpy as np
import pytest
import tensorflow as tf
from absl import flags
from absl.testing import parameterized
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from recipes import search
from recipes.ingredients.command_line import console
from recipes.ingredients.data import DataSettings
from recipes.ingredients.errors import BadInput, RunFailed
from recipes.ingredients.finalists import Finalist, train_finalists, verdict
from recipes.ingredients.run_directory import RunSettings
from recipes.ingredients.search_report import advice
from recipes.ingredients.space import SpaceSettings, search_space
from recipes.search import STRATEGIES, Settings
from tuning import Choices, Fixed, Integers, Records, TrialRecord

ROOT = Path(__file__).parents[2]


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def small(run_directory, scope=None, where=None, **own):
    few = {"trials": 4, "epochs": 1, "finalists": 1, "final_seeds": 2}
    few["trainer"] = "one-by-one"  # four trials are not worth compiling
    return Settings(
        DataSettings("iris", validation_share=0.2),
        SpaceSettings(**{"hidden_layers": "2"} | (scope or {})),  # the shallowest: seconds
        RunSettings(run_directory, **where or {}),
        **few | own,
    )


@functools.cache
def finished_search():
    """What a small random search came to, for all tests that leave its folder as it is."""
    return search.main(small(Path(tempfile.mkdtemp(dir=flags.FLAGS.test_tmpdir)) / "run"))


class SearchTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)

    def settings(self, scope=None, where=None, **own):
        return small(self.folder / "run", scope, where, **own)

    @parameterized.parameters(*STRATEGIES)
    @pytest.mark.long(but=2)
    def test_each_strategy_keeps_its_budget_and_its_space_and_leaves_a_whole_run(self, strategy):
        if strategy == "random":
            result = finished_search()
        else:
            result = search.main(self.settings(strategy=strategy))
        trials = rows_of(result.run_directory / "trials.csv")
        self.assertBetween(len(trials), 1 if strategy in ("grid", "hyperband") else 4, 4)
        for trial in trials:
            self.assertEqual(trial["status"], "COMPLETED")
            self.assertBetween(float(trial["learning_rate"]), 1e-4, 1.0)
            self.assertBetween(int(trial["hidden_units"]), 50, 100)
            self.assertIn(trial["batch_size"], ("32", "64", "128", "256"))
            self.assertBetween(float(trial["sgd_momentum"]), 0.9, 0.999)
        summary = json.loads((result.run_directory / "summary.json").read_text())
        self.assertEqual(summary["test_accuracy"], result.test_accuracy)
        self.assertEqual(summary["trials"], {"COMPLETED": len(trials)})
        self.assertContainsSubset(summary["importance"], summary["best"])
        self.assertLen(summary["finalists"][0]["accuracies"], 2)
        model = keras.models.load_model(result.run_directory / "model.keras", compile=False)
        columns = {name: np.zeros((1, 1), np.float32) for name in model.input}
        self.assertAllClose(np.sum(model.predict(columns, verbose=0)), 1.0)

    def test_the_budget_of_a_grid_is_said_before_it_is_run(self):
        with console.capture() as said:
            search.main(self.settings(strategy="grid", trials=3, final_seeds=1))
        self.assertIn("grid of 3 trials, the largest within 3", said.get())
        self.assertLess(said.get().index("grid of 3"), said.get().index("trial 1/3"))
        self.assertTrue(said.get().rstrip().endswith(str(self.folder / "run")))

    def test_adam_is_searched_by_its_own_hyperparameters(self):
        result = search.main(self.settings(optimizer="adam", trials=2, final_seeds=1))
        self.assertContainsSubset({"adam_beta_1", "adam_beta_2", "adam_epsilon"}, result.best)
        self.assertNotIn("sgd_momentum", result.best)

    def test_a_finished_search_that_is_resumed_says_what_it_came_to(self):
        first = finished_search()
        with console.capture() as said:
            again = search.main(small(first.run_directory, where={"resume": True}))
        self.assertEqual(again, first)
        self.assertNotIn("changes nothing", said.get())

    def test_more_trials_extend_a_search_and_fewer_change_nothing(self):
        first = finished_search()
        shutil.copytree(first.run_directory, self.folder / "run")
        with console.capture() as said:
            fewer = search.main(self.settings(trials=3, where={"resume": True}))
        self.assertIn("--trials 3 changes nothing: this search ended with --trials 4", said.get())
        self.assertEqual(fewer, dataclasses.replace(first, run_directory=self.folder / "run"))
        search.main(self.settings(trials=6, memory=1.0, where={"resume": True}))
        extended = rows_of(self.folder / "run/trials.csv")
        self.assertEqual([row["trial"] for row in extended], list("012345"))
        summary = json.loads((self.folder / "run/summary.json").read_text())
        self.assertEqual(sum(summary["trials"].values()), 6)

    @pytest.mark.long
    def test_the_winner_is_that_of_the_trials_that_are_there(self):
        def winner(**changes):
            search.main(self.settings(**few | changes))
            (again,) = rows_of(self.folder / "run/finalists/trials.csv")
            best = max(rows_of(self.folder / "run/trials.csv"), key=lambda t: float(t["score"]))
            self.assertEqual(again["learning_rate"], best["learning_rate"])
            return again

        few = {"trials": 2, "final_seeds": 1, "seed": 2}
        first = winner()
        more = {"trials": 6, "where": {"resume": True}}
        extended = winner(**more)
        self.assertNotEqual(extended["learning_rate"], first["learning_rate"])
        (self.folder / "run/summary.json").unlink()  # as if killed before the end
        self.assertEqual(winner(**more), extended)  # the seconds too: it was not trained again

    def test_trials_are_trained_in_stacks_unless_a_person_wants_otherwise(self):
        scope = {"hidden_layers": "2", "batch_size": "64"}
        settings = self.settings(scope, memory=1.0, final_seeds=1, trainer=Settings().trainer)
        self.assertEqual(settings.trainer, "stacked")
        with console.capture() as said:
            search.main(settings)
        self.assertIn("trials trained: 4 stacked (1 program)\n", said.get())
        stacked = rows_of(self.folder / "run/trials.csv")
        search.main(self.settings(scope, {"overwrite": True}, final_seeds=1))
        alone = rows_of(self.folder / "run/trials.csv")
        for one, other in zip(stacked, alone, strict=True):
            self.assertEqual(one["learning_rate"], other["learning_rate"])

    def test_a_search_with_other_settings_is_not_resumed(self):
        folder = finished_search().run_directory
        with self.assertRaisesRegex(BadInput, "epochs: 1 there, 2 now"):
            search.main(small(folder, epochs=2, where={"resume": True}))

    def test_each_trial_is_a_row_of_hparams_with_all_columns(self):
        folder = finished_search().run_directory
        files = sorted((folder / "tensorboard").glob("*/events.out.tfevents*"))
        self.assertEqual([file.parent.name for file in files], list("0123"))

    def test_what_it_found_is_drawn_with_the_finalists(self):
        folder = finished_search().run_directory
        self.assertTrue((folder / "figure.png").is_file())
        events = EventAccumulator(str(folder / "analysis")).Reload()
        (card,) = events.Tensors("search/1 best trial")
        self.assertIn("2 seeds", card.tensor_proto.string_val[0].decode())
        self.assertLen(events.Scalars("by trial/best so far"), 4)

    def test_a_search_that_could_not_be_drawn_has_not_ended(self):
        shutil.copytree(finished_search().run_directory, self.folder / "run")
        for name in ("summary.json", "figure.png"):
            (self.folder / "run" / name).unlink()
        shutil.rmtree(self.folder / "run/analysis")
        (self.folder / "run/analysis").touch()  # in the way of the folder
        with self.assertRaisesRegex(RunFailed, "analysis"):
            search.main(self.settings(where={"resume": True}))
        self.assertFalse((self.folder / "run/summary.json").exists())
        (self.folder / "run/analysis").unlink()
        search.main(self.settings(where={"resume": True}))
        self.assertTrue((self.folder / "run/figure.png").exists())

    def test_a_killed_search_goes_on_and_ends_with_the_trials_of_an_undisturbed_one(self):
        own = ["--data", "iris", "--validation-share", "0.2", "--trials", "4", "--epochs", "1"]
        own += ["--finalists", "1", "--final-seeds", "2", "--trainer", "one-by-one"]
        own += ["--hidden-layers", "2"]
        where = ["--run-directory", str(self.folder / "run")]
        process = subprocess.Popen([sys.executable, "-m", "recipes.search", *own, *where], cwd=ROOT)
        trials = self.folder / "run/trials.csv"
        while not trials.exists() or len(trials.read_text().splitlines()) < 3:
            self.assertIsNone(process.poll(), "the search ended before it could be killed")
            time.sleep(0.01)
        process.kill()
        process.wait()
        search.main(self.settings(where={"resume": True}))
        undisturbed = finished_search().run_directory / "trials.csv"
        without_times = [
            [{k: v for k, v in row.items() if k != "seconds"} for row in rows_of(path)]
            for path in (trials, undisturbed)
        ]
        self.assertEqual(*without_times)

    def test_a_search_in_which_nothing_is_finite_fails_with_the_reason(self):
        scope = {"learning_rate": "1e37"}
        settings = self.settings(scope, use_batch_norm=False, trials=2)
        with self.assertRaisesRegex(RunFailed, "no trial had a finite score.*must be finite"):
            search.main(settings)
        statuses = [row["status"] for row in rows_of(self.folder / "run/trials.csv")]
        self.assertEqual(statuses, ["FAILED", "FAILED"])

    @parameterized.parameters("trials", "epochs", "finalists", "final_seeds")
    def test_budgets_below_one_are_refused(self, name):
        with self.assertRaisesRegex(BadInput, f"{name} must be 1 or more"):
            self.settings(**{name: 0})

    @parameterized.parameters(0.0, -1.0, float("nan"))
    def test_memory_that_is_none_is_refused(self, memory):
        with self.assertRaisesRegex(BadInput, "memory must be above 0"):
            self.settings(memory=memory)


class SearchSpaceTest(tf.test.TestCase, parameterized.TestCase):
    def test_the_default_space_is_the_subjects(self):
        space = search_space(SpaceSettings(), "momentum")
        self.assertEqual(
            {h.name: (h.priority, h.default) for h in space},
            {
                "learning_rate": (1, 0.01),
                "sgd_momentum": (2, 0.9),
                "hidden_units": (2, 64),
                "batch_size": (2, 64),
                "hidden_layers": (3, 2),
                "learning_rate_decay": (3, 0.0),
            },
        )
        units = np.linspace(0, 1, 1001)
        self.assertAllClose(
            np.mean(space["sgd_momentum"].range.from_unit(units) > 0.99), 0.5, atol=2e-3
        )
        rates = space["learning_rate"].range.from_unit(units)
        for low in (1e-4, 1e-3, 1e-2, 1e-1):
            share = np.mean((rates >= low) & (rates < 10 * low))
            self.assertAllClose(share, 0.25, atol=2e-3)

    def test_flags_fix_narrow_widen_and_choose(self):
        scope = SpaceSettings(
            learning_rate="1e-5:0.1", hidden_layers="3", batch_size="16,64", hidden_units="10:20"
        )
        space = search_space(scope, "rmsprop")
        self.assertEqual(
            (space["learning_rate"].range.low, space["learning_rate"].range.high), (1e-5, 0.1)
        )
        self.assertEqual(space["hidden_layers"].range, Fixed(3))
        self.assertEqual(space["batch_size"].range, Choices((16, 64)))
        self.assertEqual(space["hidden_units"].range, Integers(10, 20))
        self.assertNotIn("sgd_momentum", space)

    @parameterized.parameters(("1", (1.0,)), ("1,2", (1.0, 2.0)), ("0.5,1", (0.5, 1.0)))
    def test_a_whole_number_is_a_float_where_the_hyperparameter_is_one(self, text, expected):
        scope = search_space(SpaceSettings(learning_rate=text), "momentum")["learning_rate"].range
        values = scope.values if isinstance(scope, Choices) else (scope.value,)
        self.assertEqual(values, expected)
        self.assertEqual({type(value) for value in values}, {float})

    def test_a_file_changes_the_space_and_flags_go_before_it(self):
        path = Path(self.create_tempdir().full_path) / "space.toml"
        path.write_text("hidden_layers = 3\n[learning_rate]\nlow = 1e-3\n")
        space = search_space(SpaceSettings(space=path, hidden_layers="2"), "momentum")
        self.assertEqual(space["hidden_layers"].range, Fixed(2))
        self.assertEqual(space["learning_rate"].range.low, 1e-3)

    def test_tiers_limit_what_is_searched(self):
        space = search_space(SpaceSettings(tiers="1,3"), "momentum")
        self.assertEqual(
            set(space.priorities), {"learning_rate", "hidden_layers", "learning_rate_decay"}
        )
        self.assertEqual(space.defaults["sgd_momentum"], 0.9)

    @parameterized.parameters(
        ({"learning_rate": "0:1"}, "learning_rate|low"),
        ({"learning_rate": "1:0.1"}, "high"),
        ({"learning_rate": "x"}, "must be a number.*Received: x"),
        ({"sgd_momentum": "0.9:1"}, "high"),
        ({"adam_beta_1": "0.9"}, "adam_beta_1"),
        ({"hidden_layers": "1.5:3"}, "low must be an integer"),
        ({"hidden_units": "10:200000"}, "hidden_units must be from 1 to 100000"),
        ({"batch_size": "32.5,64"}, "batch_size must be a whole number|must be all"),
        ({"batch_size": "1"}, "batch_size must be 2 or more"),
        ({"hidden_layers": "2.5"}, "hidden_layers must be a whole number"),
        ({"tiers": "5"}, "tiers must be"),
        ({"tiers": ""}, "tiers must be"),
        ({"tiers": "4"}, "must leave something to search"),
        ({"space": Path("no such file.toml")}, "^space must be.*no such file.toml, No such file"),
    )
    def test_what_cannot_be_a_space_is_refused(self, changes, pattern):
        with self.assertRaisesRegex(BadInput, pattern):
            search_space(SpaceSettings(**changes), "momentum")


class AdviceTest(tf.test.TestCase):
    def tuner_of(self, ended):
        """Stands for a tuner whose trials have ended in this order."""
        objective = keras_tuner.Objective("val_accuracy", "max")
        records = Records(self.create_tempdir().full_path, objective)
        records.take_up(ended)
        return mock.MagicMock(records=records)

    def test_a_best_value_at_an_edge_is_warned_of_and_one_inside_is_not(self):
        space = search_space(SpaceSettings(tiers="1,2"), "momentum")

        def trial(number, **values):
            values = {**space.defaults, **values}
            return TrialRecord(
                str(number), "COMPLETED", values["learning_rate"], 1, 1.0, "", values
            )

        trials = [trial(i, learning_rate=10 ** (-4 + i / 5), batch_size=64) for i in range(21)]
        at_edge = advice(trials[-1].values, space, trials, [])
        self.assertRegex(at_edge[0], "learning_rate, 1, sits at an edge")
        inside = advice(trials[10].values, space, trials, [])
        self.assertNotRegex(" ".join(inside), "edge")

    def test_what_to_search_next_is_a_range_of_some_length(self):
        space = search_space(SpaceSettings(tiers="1,2"), "momentum")
        importances = [types.SimpleNamespace(name="learning_rate")]
        for highest, flag in ((0.0100001, "--seed"), (0.02, "--learning-rate 0.01:0.02")):
            trials = [
                TrialRecord(str(i), "COMPLETED", 0.9, 1, 1.0, "", space.defaults | values)
                for i, values in enumerate([{"learning_rate": 0.01}, {"learning_rate": highest}])
            ]
            self.assertIn(flag, advice(space.defaults, space, trials, importances)[-1])

    def test_each_finalist_has_its_own_scores_whichever_ended_first(self):
        best, second = ({"learning_rate": rate} for rate in (0.1, 0.2))
        trials = [
            TrialRecord("5", "COMPLETED", 0.8, 1, 1.0, "", second),
            TrialRecord("3", "COMPLETED", 0.9, 1, 1.0, "", best),
        ]
        again = [
            TrialRecord("1", "COMPLETED", 0.6, 1, 1.0, "", second, scores=(0.6, 0.6)),
            TrialRecord("0", "COMPLETED", 0.7, 1, 1.0, "", best, scores=(0.7, 0.7)),
        ]
        tuner, data = self.tuner_of(again), mock.MagicMock()
        finalists, _ = train_finalists(trials, lambda _: tuner, data, data, Settings(finalists=2))
        self.assertEqual([(each.trial, each.mean) for each in finalists], [("3", 0.7), ("5", 0.6)])

    def test_of_equal_trials_the_first_is_a_finalist_whichever_ended_first(self):
        trials = [
            TrialRecord(str(i), "COMPLETED", 0.9, 1, 1.0, "", {"learning_rate": rate})
            for i, rate in enumerate((0.1, 0.2, 0.1))
        ]
        again = [dataclasses.replace(trials[0], scores=(0.7,))]
        tuner, data = self.tuner_of(again), mock.MagicMock()
        for ended in (trials, trials[::-1]):
            one = Settings(finalists=1)
            finalists, _ = train_finalists(ended, lambda _: tuner, data, data, one)
            self.assertEqual([each.trial for each in finalists], ["0"])

    def test_finalists_are_told_apart_only_where_seeds_agree(self):
        def finalist(*accuracies):
            return Finalist("1", {}, 0.9, accuracies)

        self.assertIn("is better", verdict([finalist(0.98, 0.981), finalist(0.9, 0.901)]))
        self.assertIn("cannot be told", verdict([finalist(0.9, 1.0), finalist(0.91, 0.98)]))
        self.assertIn("cannot be told", verdict([finalist(0.9, 0.9), finalist(0.9, 0.9)]))
        self.assertIn("cannot be compared", verdict([finalist(0.9, 0.9)]))


if __name__ == "__main__":
    tf.test.main()
