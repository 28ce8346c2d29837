from pathlib import Path

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from PIL import Image

from recipes.ingredients.data.images import find_images, read_folder, read_images
from tests.recipes.data.files import write_images


class ImagesTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path

    def save(self, image, name="image.png", **options):
        path = Path(self.folder) / name
        image.save(path, **options)
        return path

    def test_subfolders_are_classes_and_images_become_squares_of_bytes(self):
        root = write_images(self.folder, {"dog": 2, "cat": 3})
        source = read_folder(Path(root), 8)
        self.assertEqual(source.class_names, ("cat", "dog"))
        self.assertAllEqual(source.examples.labels, [0, 0, 0, 1, 1])
        self.assertEqual(source.examples.x.shape, (5, 8, 8, 3))
        self.assertEqual(source.examples.x.dtype, np.uint8)
        self.assertAllEqual(source.examples.x[:, 0, 0, 0], [60, 61, 62, 0, 1])

    def test_folders_of_numbers_sort_as_numbers_and_fractions_are_names(self):
        root = write_images(self.folder, {"10": 1, "9": 1})
        self.assertEqual(read_folder(Path(root), 4).class_names, ("9", "10"))
        root = write_images(self.create_tempdir().full_path, {"0.5": 1, "0.25": 1})
        self.assertEqual(read_folder(Path(root), 4).class_names, ("0.25", "0.5"))

    @parameterized.parameters("png", "jpg", "JPEG", "bmp", "gif", "webp")
    def test_every_usual_format_is_read(self, suffix):
        root = write_images(self.folder, {"a": 1, "b": 1}, suffix=suffix)
        pixel = read_folder(Path(root), 4).examples.x[1, 0, 0]
        self.assertAllClose(pixel, [60, 40, 90], atol=5)

    @parameterized.parameters("L", "RGB")
    def test_images_that_are_all_grey_have_one_channel(self, mode):
        root = write_images(self.folder, {"a": 2, "b": 2}, mode="L")
        for path in Path(root).rglob("*.png"):
            Image.open(path).convert(mode).save(path)
        x = read_folder(Path(root), 4).examples.x
        self.assertEqual(x.shape, (4, 4, 4, 1))
        self.assertAllEqual(x[:, 0, 0, 0], [0, 1, 60, 61])

    def test_hidden_files_are_ignored_and_other_files_are_noted(self):
        root = Path(write_images(self.folder, {"a": 1, "b": 1, "empty": 0}))
        (root / ".hidden").mkdir()
        (root / "a" / ".DS_Store").write_bytes(b"1")
        (root / "a" / "notes.txt").write_bytes(b"1")
        (root / "b" / "deeper").mkdir()
        source = read_folder(root, 4)
        self.assertLen(source.examples, 2)
        self.assertIn('"empty"', source.notes[0])
        self.assertIn("2 other files and folders", source.notes[1])
        self.assertIn(str(Path("a") / "notes.txt"), source.notes[1])

    def test_a_single_other_file_is_noted_as_one(self):
        root = Path(write_images(self.folder, {"a": 1, "b": 1}))
        (root / "notes.txt").write_bytes(b"1")
        self.assertEqual(read_folder(root, 4).notes, ("notes.txt is no image and is left out",))

    def test_names_that_are_no_utf_8_become_text(self):
        root = Path(write_images(self.folder, {"a": 1, "b": 1, "c": 0}))
        for name in ("b", "c"):
            (root / name).rename(root / f"{name}\udcfc")
        (root / "a" / "\udce9.txt").write_bytes(b"1")
        source = read_folder(root, 4)
        self.assertEqual(source.class_names, ("a", r"b\xfc"))
        self.assertIn(r'"c\\xfc"', source.notes[0])
        self.assertIn(r"a/\xe9.txt", source.notes[1])

    def test_images_are_turned_upright(self):
        pixels = np.zeros((4, 4, 3), np.uint8)
        pixels[0] = 255  # the top, which "rotate by 180 degrees" makes the bottom
        exif = Image.Exif()
        exif[0x0112] = 3
        path = self.save(Image.fromarray(pixels), exif=exif)
        self.assertAllEqual(read_images([path], 4, 4, 3)[0], pixels[::-1])

    def test_transparent_pixels_are_white(self):
        path = self.save(Image.new("RGBA", (4, 4), (0, 0, 0, 0)))
        self.assertAllEqual(read_images([path], 4, 4, 3), np.full((1, 4, 4, 3), 255))

    def test_sixteen_bits_are_scaled_to_eight(self):
        path = self.save(Image.fromarray(np.full((4, 4), 257 * 100, np.uint16)))
        self.assertAllEqual(read_images([path], 4, 4, 1), np.full((1, 4, 4, 1), 100))

    def test_resizing_averages_instead_of_dropping_pixels(self):
        stripes = np.zeros((64, 64), np.uint8)
        stripes[:, ::2] = 255
        path = self.save(Image.fromarray(stripes))
        self.assertAllClose(read_images([path], 8, 8, 1), np.full((1, 8, 8, 1), 127.5), atol=8)

    def test_images_are_found_at_any_depth_in_the_order_of_paths(self):
        root = Path(write_images(self.folder, {"b": 1, "a": 2}))
        (root / "0.png").write_bytes((root / "b" / "0.png").read_bytes())
        found = [path.relative_to(root).as_posix() for path in find_images(root)]
        self.assertEqual(found, ["0.png", "a/0.png", "a/1.png", "b/0.png"])
