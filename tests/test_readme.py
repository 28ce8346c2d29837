import contextlib
import re
from pathlib import Path

import numpy as np
import tensorflow as tf

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


class ReadmeTest(tf.test.TestCase):
    def test_its_python_runs(self):
        x, y = np.eye(12, 4, dtype=np.float32), np.arange(12) % 3
        given = {"x": x, "y": y, "x_validation": x, "y_validation": y}
        blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
        self.assertNotEmpty(blocks)
        self.enterContext(contextlib.chdir(self.create_tempdir().full_path))
        for block in blocks:
            short = block.replace("max_trials=64", "max_trials=4").replace("epochs=10", "epochs=1")
            exec(compile(short, "README.md", "exec"), dict(given))

    def test_its_targets_flags_and_files_exist(self):
        makefile = (ROOT / "Makefile").read_text()
        targets = set(re.findall(r"^ {4}make ([a-z]+)|`make ([a-z]+)", README, re.MULTILINE))
        for target in {name for pair in targets for name in pair if name}:
            self.assertRegex(makefile, rf"(?m)^{target}:")
        folders = (ROOT / "recipes", ROOT / "benchmarks")
        sources = "".join(p.read_text() for folder in folders for p in folder.rglob("*.py"))
        for flag in set(re.findall(r"--([a-z][a-z-]+)", README)) - {"help"}:
            self.assertTrue(flag.removeprefix("no-").replace("-", "_") in sources, flag)
        for picture in re.findall(r"!\[.*?\]\((.*?)\)", README):
            self.assertTrue((ROOT / picture).is_file(), picture)


if __name__ == "__main__":
    tf.test.main()
