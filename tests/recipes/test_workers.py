"""The search recipe with workers."""

import csv
import dataclasses
from pathlib import Path

import pytest
import tensorflow as tf

from recipes import search
from recipes.ingredients.command_line import console
from recipes.ingredients.data import DataSettings
from recipes.ingredients.run_directory import RunSettings
from recipes.ingredients.space import SpaceSettings
from recipes.ingredients.workers import WorkerSettings

pytestmark = pytest.mark.long


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


class WorkersTest(tf.test.TestCase):
    def test_a_search_with_workers_finds_what_one_without_finds(self):
        folder = Path(self.create_tempdir().full_path)
        settings = search.Settings(
            DataSettings("iris", validation_share=0.2),
            SpaceSettings(hidden_layers="2", batch_size="32"),
            RunSettings(folder / "alone"),
            trials=4,
            epochs=2,
            finalists=1,
            final_seeds=2,
        )
        alone = search.main(settings)
        where, crew = RunSettings(folder / "workers"), WorkerSettings(workers=2)
        with console.capture() as said:
            result = search.main(dataclasses.replace(settings, where=where, crew=crew))
        self.assertIn("workers: 2, cores of each:", said.get())
        self.assertIn("trial 4/4", said.get())
        self.assertIn("trials trained: 4 stacked", said.get())
        self.assertEqual(result.best, alone.best)
        self.assertEqual(result.validation_accuracy, alone.validation_accuracy)
        self.assertAllClose(result.test_loss, alone.test_loss, rtol=1e-4)
        ours, theirs = (
            {row["trial"]: row for row in rows_of(folder / name / "trials.csv")}
            for name in ("workers", "alone")
        )
        self.assertEqual({*ours}, {*theirs})
        for name, row in ours.items():
            self.assertEqual(row | {"seconds": ""}, theirs[name] | {"seconds": ""})


if __name__ == "__main__":
    tf.test.main()
