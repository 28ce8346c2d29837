import dataclasses
import signal
import subprocess
import sys
from pathlib import Path
from typing import Literal
from unittest import mock

import tensorflow as tf
from absl.testing import parameterized

from recipes.ingredients import command_line
from recipes.ingredients.errors import BadInput, RunFailed

ROOT = Path(__file__).parents[2]
INTERRUPTED_IMPORT = """
import contextlib, sys


class Interrupting:
    def find_spec(self, name, *_):
        if name == "{module}":
            raise KeyboardInterrupt


sys.meta_path.insert(0, Interrupting())
import recipes
"""


@dataclasses.dataclass(frozen=True)
class Inner:
    name: str = "a"
    """Name."""
    choice: Literal["one", "two"] = "one"
    """Choice."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of a test."""

    inner: Inner = Inner()
    learning_rate: float = 0.1
    """Rate."""
    epochs: int = 1
    """Passes."""
    patience: int | None = None
    """Epochs."""

    def __post_init__(self):
        if self.learning_rate <= 0:
            raise BadInput("learning_rate must be above 0.")


class CommandLineTest(tf.test.TestCase, parameterized.TestCase):
    def run_recipe(self, arguments, raised=None):
        """Exit code (None: returned) of a recipe whose main raises `raised`."""

        def main(settings):
            self.settings = settings
            if raised is not None:
                raise raised

        with mock.patch.object(sys, "argv", ["recipe", *arguments]):
            try:
                command_line.run(main, Settings)
            except SystemExit as leaving:
                return leaving.code
        return None

    def test_flags_of_nested_settings_have_no_prefix(self):
        self.assertIsNone(self.run_recipe(["--name", "b", "--learning-rate", "3"]))
        self.assertEqual(self.settings, Settings(Inner("b"), 3.0))

    @parameterized.parameters(
        (BadInput("no"), 2), (RunFailed("no"), 1), (OSError("no"), 1), (KeyboardInterrupt(), 130)
    )
    def test_exceptions_become_exit_codes(self, raised, code):
        self.assertEqual(self.run_recipe([], raised), code)

    @parameterized.parameters(
        MemoryError(), tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
    )
    def test_too_little_memory_is_one_line(self, raised):
        with mock.patch("sys.stderr") as stderr:
            self.assertEqual(self.run_recipe([], raised), 1)
        written = "".join(call.args[0] for call in stderr.write.call_args_list)
        self.assertRegex(written, "^error: there is too little memory.*smaller batches.*\n$")

    def test_a_defect_keeps_its_traceback(self):
        with self.assertRaises(ZeroDivisionError):
            self.run_recipe([], ZeroDivisionError())

    @parameterized.parameters(
        (["--learnin-rate", "3"], r"--learnin-rate, 3\. Perhaps you meant --learning-rate\."),
        (["--learning-rate", "x"], r"--learning-rate must be a number. Received: 'x'. See --help."),
        (["--epochs", "1.5"], r"--epochs must be a whole number. Received: '1.5'. See --help."),
        (["--patience", "x y"], r"--patience must be a whole number. Received: 'x y'. See --help."),
        (["--learning-rate"], r"--learning-rate"),
        (["--learning-rate", "-1"], r"learning_rate must be above 0"),
        (["--choice", "three"], r"three.*--choice.*one.*two"),
        (["stray"], r"Unrecognized options: stray\. See --help\."),
        (["--name", "h\udcfcnd"], r"UTF-8. Received: h\\xfcnd. Rename it."),
    )
    def test_a_wrong_command_line_is_answered_in_one_line(self, arguments, pattern):
        with mock.patch("sys.stderr") as stderr:
            self.assertEqual(self.run_recipe(arguments), 2)
        written = "".join(call.args[0] for call in stderr.write.call_args_list)
        self.assertRegex(written, f"^error: .*{pattern}")
        self.assertEqual(written.count("\n"), 1)

    @parameterized.parameters("tempfile", "keras")
    def test_control_c_while_a_recipe_is_imported_leaves_no_traceback(self, module):
        interrupted = subprocess.run(
            [sys.executable, "-c", INTERRUPTED_IMPORT.format(module=module)],
            cwd=ROOT,
            text=True,
            capture_output=True,
        )
        self.assertEqual((interrupted.returncode, interrupted.stderr), (-signal.SIGINT, ""))

    def test_help_is_no_error(self):
        self.assertEqual(self.run_recipe(["--help"]), 0)


if __name__ == "__main__":
    tf.test.main()
