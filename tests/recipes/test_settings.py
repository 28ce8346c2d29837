import math
import tempfile
from pathlib import Path

import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from recipes.ingredients.command_line import parse
from recipes.ingredients.errors import BadInput
from recipes.predict import Settings as PredictSettings
from recipes.train import Settings as TrainSettings

FLAGS = (
    *("data", "target", "none-label", "class-weights", "test-share", "validation-share"),
    *("image-size", "split-seed", "architecture", "hidden-units", "hidden-layers"),
    *("use-batch-norm", "no-use-batch-norm", "optimizer", "learning-rate", "sgd-momentum"),
    *("learning-rate-decay", "batch-size", "mixed-precision", "run-directory", "resume"),
    *("overwrite", "epochs", "patience", "seed", "model", "input", "output"),
)
NUMBERS = st.one_of(st.integers(-5, 300), st.floats(), st.integers()).map(str)
WORDS = st.sampled_from(["", "mlp", "adam", "balanced", "None", "digits", "nan", "-inf", "1e999"])
TOKENS = st.one_of(st.sampled_from(FLAGS).map("--{}".format), NUMBERS, WORDS, st.text(max_size=8))


class SettingsTest(tf.test.TestCase):
    @settings(max_examples=300)
    @given(st.lists(TOKENS, max_size=6))
    def test_any_command_line_gives_settings_within_their_ranges_or_bad_input(self, arguments):
        for settings_type in (TrainSettings, PredictSettings):
            try:
                parsed = parse(settings_type, arguments)
            except (BadInput, SystemExit) as refusal:
                if isinstance(refusal, SystemExit):
                    self.assertEqual(refusal.code, 0)  # --help, in one of its spellings
                else:
                    self.assertNotEmpty(str(refusal))
                    self.assertNotIn("\n", str(refusal))
                continue
            if settings_type is TrainSettings:
                self.assertTrue(0 < parsed.classifier.learning_rate < math.inf)
                self.assertTrue(0 <= parsed.classifier.sgd_momentum < 1)
                self.assertGreaterEqual(parsed.epochs, 1)

    @settings(max_examples=200)
    @given(st.sampled_from(FLAGS), NUMBERS)
    def test_each_flag_takes_or_refuses_a_number(self, flag, number):
        with tempfile.TemporaryDirectory() as folder:
            try:
                parse(TrainSettings, [f"--{flag}", number, "--run-directory", folder])
            except BadInput as refusal:
                self.assertNotIn("\n", str(refusal))
            self.assertEmpty(list(Path(folder).iterdir()))


if __name__ == "__main__":
    tf.test.main()
