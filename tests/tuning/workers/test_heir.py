"""What ends with a search, and what does not."""

import os
import subprocess
import sys
from pathlib import Path

import tensorflow as tf
from absl.testing import parameterized

from tuning.workers import heir


class HeirTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        ("sleep", True, False, True),
        ("ray::Agent", True, False, True),
        ("ray::Agent", False, True, True),  # its title has taken the place of its environment
        ("ray::Agent", False, False, False),  # another Ray's
        ("tail", False, True, False),  # a person who reads the logs
    )
    def test_rays_processes_end_and_others_stay(self, title, has_mark, has_file, ends):
        folder = Path(self.create_tempdir().full_path)
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                [title, "600"],
                executable="/bin/sleep",
                env=os.environ | ({"TMPDIR": str(folder)} if has_mark else {}),
                stdout=log if has_file else subprocess.DEVNULL,
            )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        subprocess.run([sys.executable, heir.__file__, folder], input=b"", check=True)
        self.assertFalse(folder.exists())
        if ends:
            process.wait(10)
        self.assertEqual(process.poll() is not None, ends)


if __name__ == "__main__":
    tf.test.main()
