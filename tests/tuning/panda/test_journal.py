import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import tensorflow as tf
from absl.testing import parameterized

from tuning.panda.journal import Damaged, Entry, Journal, OtherCourse, read

ROOT = Path(__file__).parents[3]


def entry(step, by="person", **more):
    return Entry(step, 1, by, "what", "why", {"learning_rate": 0.1}, **more)


class JournalTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.path = Path(self.create_tempdir().full_path) / "journal.jsonl"

    def filled(self, *steps):
        journal = Journal(self.path)
        for step in steps:
            journal.append(entry(step))
        return journal

    def test_entries_are_read_as_they_were_written(self):
        journal = self.filled(0)
        journal.append(entry(3, "guard", back_to=0, stop=True, fork={"steps": 2}))
        self.assertEqual(read(self.path), journal.entries)

    def test_what_happened_before_a_kill_happens_again_without_being_written_again(self):
        self.filled(0, 3, 5)
        content = self.path.read_bytes()
        journal = Journal(self.path)
        journal.went_through(1)
        self.assertIsNone(journal.recorded(2))
        self.assertEqual(journal.recorded(3).step, 3)
        journal.append(journal.recorded(3))
        self.assertIsNone(journal.recorded(5, "guard"))
        self.assertFalse(journal.is_caught_up)
        journal.append(journal.recorded(5, "guard", "person"))
        self.assertTrue(journal.is_caught_up)
        self.assertEqual(self.path.read_bytes(), content)
        journal.append(entry(9))
        self.assertLen(read(self.path), 4)

    def test_a_training_that_leaves_its_journal_is_told_so(self):
        self.filled(0, 3)
        journal = Journal(self.path)
        journal.went_through(1)
        with self.assertRaisesRegex(OtherCourse, "entry 2 was made after step 3, by person"):
            journal.recorded(4)

    def test_a_journal_with_fewer_entries_than_a_checkpoint_knows_is_damaged(self):
        repeat = [*self.filled(0, 3).entries, entry(5)]
        for path, found in ((self.path, 2), (self.path.with_name("gone.jsonl"), 0)):
            with self.assertRaisesRegex(Damaged, f"must have the 3 .* Received: {found} entries"):
                Journal(path, repeat).went_through(3)

    def test_another_journal_is_repeated_and_written_anew(self):
        recorded = self.filled(0, 3).entries
        journal = Journal(self.path.with_name("other.jsonl"), recorded)
        for step in (0, 3):
            journal.append(journal.recorded(step))
        self.assertEqual(read(journal.path), recorded)
        again = Journal(journal.path, [*recorded, entry(8)])  # killed, and begun again
        again.went_through(2)
        self.assertEqual([each.step for each in again.waiting], [8])

    def test_half_a_last_line_is_dropped(self):
        self.filled(0, 3)
        with self.path.open("ab") as file:
            file.write(b'{"step": 7, "epo')
        self.assertLen(read(self.path), 2)
        journal = Journal(self.path)
        journal.went_through(2)
        journal.append(entry(9))
        self.assertEqual([each.step for each in read(self.path)], [0, 3, 9])

    @parameterized.parameters("no JSON\n", "[]\n", '{"step": 1}\n', "\n")
    def test_what_is_no_journal_is_refused_by_line(self, text):
        self.filled(0)
        with self.path.open("a") as file:
            file.write(text)
        with self.assertRaisesRegex(ValueError, "must be a journal. Received: line 2"):
            read(self.path)

    @parameterized.parameters(
        ({"step": "7"}, 'step is "7"'),
        ({"step": None}, "step is null"),
        ({"knobs": [1]}, "knobs is \\[1\\]"),
        ({"knobs": {"learning_rate": "x"}}, 'learning_rate is "x"'),
    )
    def test_a_line_whose_values_are_of_another_kind_is_refused(self, values, pattern):
        self.filled(0)
        line = dataclasses.asdict(entry(3)) | values
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        with self.assertRaisesRegex(Damaged, f"must be a journal. Received: line 2: {pattern}"):
            read(self.path)

    def test_a_full_disk_leaves_the_journal_as_it_was(self):
        self.filled(0)
        content = self.path.read_bytes()
        code = (
            "import resource, signal, sys\n"
            "from tests.tuning.panda.test_journal import entry\n"
            "from tuning.panda.journal import Journal\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            f"resource.setrlimit(resource.RLIMIT_FSIZE, ({len(content) + 20},) * 2)\n"
            "journal = Journal(sys.argv[1])\n"
            "journal.went_through(1)\n"
            "journal.append(entry(3))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(self.path)], cwd=ROOT, text=True, capture_output=True
        )
        self.assertIn("File too large", done.stderr)
        self.assertEqual(self.path.read_bytes(), content)


if __name__ == "__main__":
    tf.test.main()
