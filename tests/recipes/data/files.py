"""Files that the tests of data read, written for one test at a time."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("cat", "chick", "dog")


def write_text(folder, text, name="table.csv", encoding="utf-8"):
    path = Path(folder) / name
    path.write_bytes(text.encode(encoding))
    return str(path)


def write_table(folder, header, rows, name="table.csv", **style):
    path = Path(folder) / name
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, **style)
        writer.writerow(header)
        writer.writerows(rows)
    return str(path)


def write_npz(folder, name="arrays.npz", **arrays):
    path = Path(folder) / name
    np.savez(path, **arrays)
    return str(path)


def write_images(folder, counts, mode="RGB", size=(6, 4), suffix="png"):
    """A subfolder for each class; the images of a class are its own brightness and a little more"""
    root = Path(folder) / "images"
    for number, (name, count) in enumerate(counts.items()):
        (root / name).mkdir(parents=True)
        for image in range(count):
            colour = (60 * number + image, 40, 90) if mode == "RGB" else 60 * number + image
            Image.new(mode, size, colour).save(root / name / f"{image}.{suffix}")
    return str(root)


def animals(examples=60, seed=0):
    """Rows of a table: two numbers, the first sometimes missing, a text, and a class."""
    random = np.random.default_rng(seed)
    for row in range(examples):
        weight = "" if row % 7 == 3 else f"{random.normal(10 * (row % 3), 1):.3f}"
        yield [weight, row % 5, ("black", "", "white")[row % 2], CLASSES[row % 3]]


ANIMAL_HEADER = ["weight", "age", "colour", "species"]
