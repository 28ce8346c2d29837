"""Puts what a run of all claims came to where a reader of the repository finds it.

    python -m tests.recipes.claims.publish runs/claims/2026-01-31-120000

Writes `recipes/claims/README.md`, and the pictures, with fewer colours, to `pictures/claims/`.
"""

import re
import sys
from pathlib import Path

from PIL import Image

COLOURS = 256


def publish(run_directory, repository):
    """Copies the text, with links to the pictures, and the pictures.

    Args:
        run_directory: Folder of a run of `recipes.claims`.
        repository: Folder to write to.
    """
    pictures = repository / "pictures/claims"
    pictures.mkdir(parents=True, exist_ok=True)
    for path in sorted(run_directory.glob("*/figure.png")):
        small = Image.open(path).convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE)
        small.save(pictures / f"{path.parent.name}.png", optimize=True)
    text = (run_directory / "claims.md").read_text()
    linked = re.sub(r"\]\((\w+)/figure\.png\)", r"](../../pictures/claims/\1.png)", text)
    (repository / "recipes/claims/README.md").write_text(linked)


if __name__ == "__main__":
    publish(Path(sys.argv[1]), Path(__file__).parents[3])
