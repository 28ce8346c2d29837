import dataclasses
import json
import re
import subprocess
import sys
import types
from pathlib import Path

import tensorflow as tf
from absl.testing import parameterized
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from recipes import claims
from recipes.claims import softmax_gradient
from recipes.claims.__main__ import Settings, chosen, find, main, report, run_each
from recipes.ingredients.claims import numbers_of
from recipes.ingredients.command_line import console
from recipes.ingredients.errors import BadInput, RunFailed
from recipes.ingredients.run_directory import Run, RunSettings

ROOT = Path(__file__).parents[3]
RECIPES = find(claims)


@dataclasses.dataclass(frozen=True)
class NoSettings:
    where: RunSettings = RunSettings()


def crashing(settings):
    raise ZeroDivisionError(str(settings.where.run_directory))


class ClaimsTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)
        self.where = RunSettings(self.folder / "run")

    @parameterized.parameters(*RECIPES)
    def test_each_recipe_has_the_standard_form_and_a_test_of_its_own(self, name):
        module = RECIPES[name]
        self.assertNotEmpty(numbers_of(module))
        self.assertIn(f"\n    python -m recipes.claims.{name}\n", module.__doc__)
        self.assertRegex(module.__doc__, "Takes? ")
        self.assertIn("Source: ", module.__doc__)
        self.assertTrue(module.Settings.__dataclass_params__.frozen)
        tests = (ROOT / f"tests/recipes/claims/test_{name}.py").read_text()
        self.assertIn("reds(", tests)  # a planted fault

    def test_a_recipe_leaves_a_whole_run_and_shows_it_in_tensorboard(self):
        result = softmax_gradient.main(softmax_gradient.Settings(where=self.where, seeds=2))
        rows = json.loads((result.run_directory / "claims.json").read_text())
        self.assertEqual(rows, result.rows)
        self.assertEqual({row["claim"] for row in rows}, {"3.7"})
        self.assertTrue((result.run_directory / "figure.png").is_file())
        events = EventAccumulator(str(result.run_directory / "tensorboard")).Reload()
        shown = {
            tag: events.SummaryMetadata(tag).plugin_data.plugin_name
            for tag in events.Tags()["tensors"]
        }
        name = "claims/3.7 softmax gradient"
        self.assertEqual(shown, {name: "images", f"{name}: table": "text"})

    def test_a_recipe_that_is_finished_is_not_run_again(self):
        settings = softmax_gradient.Settings(where=self.where, seeds=2)
        first = softmax_gradient.main(settings)
        picture = (first.run_directory / "figure.png").stat().st_mtime_ns
        again = RunSettings(self.folder / "run", resume=True)
        self.assertEqual(softmax_gradient.main(dataclasses.replace(settings, where=again)), first)
        self.assertEqual((first.run_directory / "figure.png").stat().st_mtime_ns, picture)

    @parameterized.parameters(*RECIPES)
    def test_each_recipe_stands_in_the_text_with_its_picture(self, name):
        text = (ROOT / "recipes/claims/README.md").read_text()
        self.assertIn(f"\n### {RECIPES[name].__doc__.partition(chr(10))[0].rstrip('.')}\n", text)
        self.assertIn(f"](../../pictures/claims/{name}.png)", text)
        self.assertTrue((ROOT / f"pictures/claims/{name}.png").is_file())

    def test_they_are_in_the_order_of_the_subject(self):
        numbers = [tuple(map(int, numbers_of(m)[0].split("."))) for m in RECIPES.values()]
        self.assertEqual(numbers, sorted(numbers))

    def test_they_are_chosen_by_number_chapter_or_name(self):
        self.assertEqual(list(chosen(RECIPES, ("3.7",))), ["softmax_gradient"])
        self.assertEqual(list(chosen(RECIPES, ("softmax_gradient",))), ["softmax_gradient"])
        third = chosen(RECIPES, ("3",))
        self.assertEqual({numbers_of(each)[0][0] for each in third.values()}, {"3"})
        self.assertEqual(chosen(RECIPES, ()), RECIPES)
        with self.assertRaisesRegex(BadInput, 'Received: only="softmax_gradent".*softmax_grad'):
            chosen(RECIPES, ("softmax_gradent",))

    def test_all_that_were_chosen_are_collected_and_a_finished_run_is_not_run_again(self):
        result = main(Settings(self.where, only=("3.7", "2.3")))
        self.assertEqual({row["claim"] for row in result.rows}, {"2.3", "3.7"})
        rows = json.loads((self.folder / "run/claims.json").read_text())
        self.assertEqual(rows, result.rows)
        written = (self.folder / "run/claims.md").read_text()
        self.assertIn("### 3.7 The gradient", written)
        for picture in re.findall(r"!\[.*\]\((.*)\)", written):
            self.assertTrue((self.folder / "run" / picture).is_file(), picture)
        again = main(Settings(RunSettings(self.folder / "run", resume=True), ("3.7", "2.3")))
        self.assertEqual(again, result)

    def test_one_that_crashes_does_not_stop_the_others(self):
        broken = types.SimpleNamespace(main=crashing, Settings=NoSettings)
        recipes = {"broken": broken, "softmax_gradient": softmax_gradient}
        with console.capture() as said:
            ((_, rows),), crashed = run_each(recipes, Run(self.folder, None), RunSettings())
        self.assertEqual(crashed, ["broken"])
        self.assertIn("ZeroDivisionError", said.get())
        self.assertEqual({row["claim"] for row in rows}, {"3.7"})

    def test_exit_codes(self):
        command = [sys.executable, "-m", "recipes.claims", "--run-directory", "run"]

        def ended(*arguments):
            return subprocess.run(
                [*command, *arguments],
                cwd=self.folder,
                env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
                capture_output=True,
                text=True,
            )

        unknown = ended("--only", "9.9")
        self.assertEqual(unknown.returncode, 2)
        self.assertIn("error: only must be the number of a claim", unknown.stderr)
        done = ended("--only", "2.3", "--strict")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.rstrip().endswith("run directory: run"))


class ReportTest(tf.test.TestCase):
    def test_strict_is_about_what_does_not_hold_and_a_crash_is_always_a_failure(self):
        rows = [{"claim": "2.8", "statement": "A number.", "holds": "no"}]
        results = [(softmax_gradient, rows)]
        self.assertEqual(report(results, [], Path("run"), is_strict=False).rows, rows)
        with self.assertRaisesRegex(RunFailed, "2.8"):
            report(results, [], Path("run"), is_strict=True)
        with self.assertRaisesRegex(RunFailed, "1 crashed: broken"):
            report([], ["broken"], Path("run"), is_strict=False)


if __name__ == "__main__":
    tf.test.main()
