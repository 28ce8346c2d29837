import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from recipes.ingredients.data import DataSettings, load
from tests.recipes.data.files import ANIMAL_HEADER, animals, write_npz, write_table


def first_pixels(examples):
    return set(examples.x[:, 0].tolist())


class SplitTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        labels = np.array(["rare"] * 30 + ["usual"] * 90 + ["none"] * 180)
        self.folder = self.create_tempdir().full_path
        self.path = write_npz(self.folder, x=np.arange(600).reshape(300, 2), y=labels)

    def load(self, **settings):
        return load(DataSettings(data=self.path, **settings))

    @parameterized.parameters((0.2, 0.2), (0.1, 0.3), (0.5, 0.25))
    def test_parts_have_their_shares_and_each_class_its_own(self, test_share, validation_share):
        data = self.load(test_share=test_share, validation_share=validation_share)
        shares = (1 - test_share - validation_share, validation_share, test_share)
        for part, share in zip((data.train, data.validation, data.test), shares, strict=True):
            self.assertLen(part, round(300 * share))
            counts = np.bincount(part.labels, minlength=3)
            self.assertAllClose(counts, np.array([180, 30, 90]) * share, atol=1)

    def test_parts_are_disjoint_and_together_everything(self):
        data = self.load()
        parts = [first_pixels(part) for part in (data.train, data.validation, data.test)]
        self.assertEqual(set.union(*parts), set(range(0, 600, 2)))
        self.assertEqual(sum(map(len, parts)), 300)

    def test_the_seed_decides_the_split_and_nothing_else_does(self):
        one, again, other = self.load(), self.load(), self.load(split_seed=1)
        np.random.default_rng(5).random(3)
        self.assertAllEqual(one.train.x, again.train.x)
        self.assertAllEqual(one.test.labels, again.test.labels)
        self.assertNotEqual(first_pixels(one.test), first_pixels(other.test))
        self.assertEqual(one.fingerprint, other.fingerprint)

    def test_examples_keep_their_labels(self):
        data = self.load()
        for part in (data.train, data.validation, data.test):
            names = np.array(data.class_names)[part.labels]
            rows = part.x[:, 0] / 2
            expected = np.where(rows < 30, "rare", np.where(rows < 120, "usual", "none"))
            self.assertAllEqual(names, expected)

    def test_the_none_label_becomes_class_0_and_others_keep_their_order(self):
        self.assertEqual(self.load().class_names, ("none", "rare", "usual"))
        data = self.load(none_label="usual")
        self.assertEqual(data.class_names, ("usual", "none", "rare"))
        rows = data.test.x[:, 0] / 2
        self.assertAllEqual(data.test.labels == 0, (rows >= 30) & (rows < 120))

    def test_the_none_label_is_moved_in_a_test_part_too(self):
        x, y = np.arange(20).reshape(10, 2), np.array(["a", "b"] * 5)
        path = write_npz(self.folder, name="own.npz", x=x, y=y, x_test=x[:3], y_test=y[:3])
        data = load(DataSettings(data=path, none_label="b"))
        self.assertAllEqual(data.test.labels, [1, 0, 1])
        self.assertLen(data.validation, 2)

    def test_balanced_weights_count_all_classes_alike_in_the_training_part(self):
        self.assertIsNone(self.load().class_weights)
        data = self.load(class_weights="balanced")
        examples, counts = len(data.train), np.bincount(data.train.labels)
        for number, count in enumerate(counts):
            self.assertAlmostEqual(data.class_weights[number], examples / (3 * count))
        self.assertAlmostEqual(sum(data.class_weights[c] for c in data.train.labels), examples)

    def test_a_part_never_has_fewer_examples_than_there_are_classes(self):
        data = self.load(test_share=0.001, validation_share=0.001)
        self.assertEqual([len(data.validation), len(data.test)], [3, 3])

    def test_the_fingerprint_tells_data_labels_and_names_apart(self):
        x, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
        moved = np.where(x == 3, 4, x)
        variants = [(x, y), (moved, y), (x, 1 - y), (x, y + 1), (x.astype(np.uint8), y)]
        paths = [
            write_npz(self.folder, name=f"{place}.npz", x=x, y=y)
            for place, (x, y) in enumerate(variants)
        ]
        again = write_npz(self.folder, name="again.npz", x=x, y=y)
        prints = [load(DataSettings(data=path)).fingerprint for path in paths]
        self.assertLen(set(prints), len(variants))
        self.assertEqual(load(DataSettings(data=again)).fingerprint, prints[0])
        self.assertRegex(prints[0], "^[0-9a-f]{64}$")

    def test_a_renamed_column_changes_the_fingerprint(self):
        names = (ANIMAL_HEADER, ["weight", "years", "colour", "species"])
        prints = [
            load(DataSettings(data=write_table(self.folder, header, animals()))).fingerprint
            for header in names
        ]
        self.assertNotEqual(*prints)
