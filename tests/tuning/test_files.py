import os
import subprocess
import sys
from pathlib import Path

import tensorflow as tf

from tuning import files

FOLDER = Path(files.__file__).parent


def run(code, *arguments, **named):
    """Runs a program that imports `files` by itself: the rest of `tuning` takes seconds."""
    return subprocess.run([sys.executable, "-c", code, *arguments], cwd=FOLDER, **named)


class FilesTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)

    def test_a_failed_write_leaves_the_old_file_and_nothing_else(self):
        path = self.folder / "a.txt"
        files.write_atomically(path, "old")
        with self.assertRaises(TypeError):
            files.write_atomically(path, 3)
        self.assertEqual(path.read_text(), "old")
        self.assertEqual([p.name for p in self.folder.iterdir()], ["a.txt"])

    def test_text_and_bytes_are_written_as_they_are(self):
        files.write_atomically(self.folder / "a", "é\n")
        files.write_atomically(self.folder / "a", b"\xff")
        self.assertEqual((self.folder / "a").read_bytes(), b"\xff")

    def test_a_full_disk_leaves_the_old_file(self):
        path = self.folder / "a.txt"
        files.write_atomically(path, "old")
        code = (
            "import resource, signal, sys, files;"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"
            "files.write_atomically(sys.argv[1], 'x' * 5000)"
        )
        done = run(code, path, capture_output=True)
        self.assertIn(b"OSError", done.stderr)
        self.assertEqual(path.read_text(), "old")
        self.assertEqual([p.name for p in self.folder.iterdir()], ["a.txt"])

    def test_a_second_process_is_told_who_holds_the_folder(self):
        code = "import sys, files\nwith files.lock(sys.argv[1]): pass"
        with files.lock(self.folder):
            done = run(code, self.folder, capture_output=True, text=True)
            self.assertIn(f"in use by process {os.getpid()}", done.stderr)
        self.assertEqual(run(code, self.folder).returncode, 0)

    def test_the_lock_of_a_killed_process_is_free(self):
        code = (
            "import os, signal, sys, files\n"
            "with files.lock(sys.argv[1]): os.kill(os.getpid(), signal.SIGKILL)"
        )
        done = run(code, self.folder)
        self.assertLess(done.returncode, 0)
        with files.lock(self.folder):
            pass


if __name__ == "__main__":
    tf.test.main()
