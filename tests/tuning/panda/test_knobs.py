import os
import threading
import time
from pathlib import Path

import tensorflow as tf
from absl.testing import parameterized

from tuning.panda.knobs import AT_REST, BadKnob, checked
from tuning.panda.knobs_file import AS_OF, KnobsFile, value_of

NAMES = ("learning_rate", "momentum", "batch_size", *AT_REST)
VALUES = {"learning_rate": 0.1, "momentum": 0.9, "batch_size": 32}


class KnobsTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        ("learning_rate", 1e-3),
        ("learning_rate", 3),
        ("momentum", 0),
        ("momentum", 0.999),
        ("batch_size", 1),
        ("stop", True),
        ("snapshot", False),
        ("note", "looks better"),
    )
    def test_good_values_are_accepted(self, name, value):
        self.assertEqual(checked({name: value}, NAMES), {name: value})

    @parameterized.parameters(
        ("learning_rate", 0, "learning_rate must be a number above 0. Received: learning_rate=0."),
        ("learning_rate", -0.1, "learning_rate must be a number above 0"),
        ("learning_rate", float("nan"), "learning_rate must be a number above 0"),
        ("learning_rate", float("inf"), "learning_rate must be a number above 0"),
        ("learning_rate", "fast", "Received: learning_rate=fast"),
        ("learning_rate", True, "Received: learning_rate=true"),
        ("learning_rate", [0.1], "learning_rate must be"),
        ("momentum", 1, r"momentum must be a number in \[0, 1\)"),
        ("batch_size", 0, "batch_size must be a whole number, 1 or more"),
        ("batch_size", 32.0, "batch_size must be a whole number"),
        ("stop", 1, "stop must be true or false. Received: stop=1."),
        ("note", 3, "note must be a text"),
        ("learning_rat", 0.1, "learning_rat must be a knob .* Did you mean learning_rate?"),
        ("sgd_momentum", 0.1, "Did you mean momentum?"),
        ("dropout", 0.1, "dropout must be a knob of this training: learning_rate, momentum"),
        ("zzz", 0.1, "zzz must be a knob of this training"),
    )
    def test_bad_values_are_answered_in_one_line(self, name, value, message):
        with self.assertRaisesRegex(BadKnob, message) as caught:
            checked({name: value}, NAMES)
        self.assertNotIn("\n", str(caught.exception))

    @parameterized.parameters(
        ("0.01", 0.01),
        ("1e-3", 0.001),
        ("64", 64),
        ("true", True),
        ("fast", "fast"),
        ("", ""),
        ("nan", None),
    )
    def test_typed_values_are_read(self, text, value):
        read = value_of(text)
        self.assertTrue(read == value or read != read)


class KnobsFileTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.file = KnobsFile(Path(self.create_tempdir().full_path))
        self.file.write(VALUES, 3)

    def settle(self):
        """Makes the file older than an editor takes to write it."""
        old = time.time() - 10
        os.utime(self.file.path, (old, old))

    def test_what_is_written_is_read(self):
        self.assertFalse(self.file.is_new())
        self.assertEqual(self.file.read(), VALUES | AT_REST | {AS_OF: 3})

    def test_the_file_says_what_each_knob_may_be(self):
        text = self.file.path.read_text()
        self.assertRegex(text, r"(?m)^learning_rate = 0\.1 +# a number above 0$")
        self.assertRegex(text, "(?m)^# The knobs of this training")

    @parameterized.parameters("plain", 'with "quotes"', "a\\b", "a\nb\tc", "Läuft \x7f", "# no")
    def test_every_note_survives_the_file(self, note):
        self.file.set({"note": note})
        self.assertEqual(self.file.read()["note"], note)

    def test_a_change_by_hand_and_by_set_are_seen(self):
        self.settle()
        self.file.read()
        self.assertFalse(self.file.is_new())
        before, after = self.file.set({"learning_rate": 1})
        self.assertEqual((before, after), ({"learning_rate": 0.1}, {"learning_rate": 1.0}))
        self.assertTrue(self.file.is_new())
        self.file.read()
        text = self.file.path.read_text()
        self.file.path.write_text(text.replace("momentum = 0.9", "momentum = 0.5"))
        self.assertTrue(self.file.is_new())
        self.assertEqual(self.file.read()["momentum"], 0.5)

    @parameterized.parameters(b"learning_rate = 0.", b"learning_rate =\n", b"\xff\xfe\n", b"[[\n")
    def test_half_a_file_waits_while_it_is_young_and_is_complained_of_when_it_is_old(self, content):
        self.file.path.write_bytes(content)
        self.assertIsNone(self.file.read())
        self.assertTrue(self.file.is_new())
        self.settle()
        with self.assertRaisesRegex(BadKnob, "knobs.toml must"):
            self.file.read()
        self.assertFalse(self.file.is_new())

    def test_a_file_that_is_gone_is_none(self):
        self.file.path.unlink()
        self.assertTrue(self.file.is_new())
        self.assertIsNone(self.file.read())

    def test_a_bad_change_leaves_the_file_as_it_was(self):
        before = self.file.path.read_bytes()
        for changes in ({"learning_rate": -1}, {"momentum": 0.5, "typo": 1}, {"dropout": 0.1}):
            with self.assertRaises(BadKnob):
                self.file.set(changes)
        self.assertEqual(self.file.path.read_bytes(), before)

    def test_no_change_is_lost_where_many_set_at_once(self):
        def turn(name, value):
            for _ in range(50):
                KnobsFile(self.file.path.parent).set({name: value})

        turned = {"learning_rate": 0.5, "momentum": 0.25, "batch_size": 8, "note": "x"}
        threads = [threading.Thread(target=turn, args=item) for item in turned.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.file.read(), VALUES | AT_REST | {AS_OF: 3} | turned)


if __name__ == "__main__":
    tf.test.main()
