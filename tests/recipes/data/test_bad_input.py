import io
import zipfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from PIL import Image

from recipes.ingredients.data import DataSettings, load
from recipes.ingredients.errors import BadInput, did_you_mean, listed, quoted
from tests.recipes.data.files import write_images, write_npz, write_text

ROWS = "1,a\n2,b\n" * 10
X, Y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2

TABLES = (
    ("an empty file", "", "empty"),
    ("blank lines only", "\n\n  \n", "empty"),
    ("a header only", "a,class\n", "only the header"),
    ("a short row", f"a,class\n{ROWS}3\n", "1 on line 22, 2 in the header"),
    ("a long row", f"a,class\n\n1,2,3\n{ROWS}", "3 on line 3, 2 in the header"),
    ("a row that ends in a separator", f"a,class\n{ROWS}3,a,\n", "3 on line 22, 2 in the header"),
    ("a column twice", f"a,a,class\n{ROWS}", '"a"'),
    ("two columns without a name", "a,,,class\n1,2,3,x\n", "column 3"),
    ("no names", ",\n,\n", "no names"),
    ("no header", "5.1,3.5,1\n4.9,3.0,0\n", '"5.1"'),
    ("an open quote", f'a,class\n{ROWS}"3,a\n', "line 22"),
    ("text after a quote", f'a,class\n"1"x,a\n{ROWS}', "line 2"),
    ("a huge field", f"a,class\n{'1' * 200_000},a\n{ROWS}", "field limit"),
    ("NUL", f"a,class\n1,\0\n{ROWS}", "NUL"),
    ("an infinite number", f"size,class\n1,a\n-inf,b\n{ROWS}", '"size".*"-inf" on line 3'),
    ("too large a number", f"size,class\n1e39,a\n{ROWS}", '"size".*"1e39" on line 2'),
    ("no values in a column", "size,b,class\n" + "?,1,x\nNA,2,y\n" * 9, '"size".*18 missing'),
    ("no input columns", "class\na\nb\n", '"class"'),
    ("spaces between columns", "a b class\n1 2 x\n3 4 y\n", "comma, semicolon, tab or . between"),
    ("an empty class", f"a,class\n{ROWS}3, \n4,\n", "2 empty or NaN, the first on line 22"),
    ("NaN as a class", f"a,class\n{ROWS}3,NaN\n4,nan\n5,nan\n", "3 empty or NaN, .* line 22"),
    ("a continuous target", "a,price\n1,1.5\n2,2.5\n", '"price".*continuous'),
    ("a continuous target, with commas", "a;price\n1;1,5\n2;2,5\n", '"price".*continuous'),
    (
        "whole numbers of a continuous target",
        "a,price\n" + "".join(f"{n},{n % 30}\n" for n in range(90)),
        '"price".*30 different numbers in 90',
    ),
    ("one class", "a,class\n1,x\n2,x\n3,x\n", 'only "x"'),
    ("a class with one example", f"a,class\n{ROWS}3,rare\n", '1 of class "rare"'),
    ("a class with two examples", f"a,class\n{ROWS}3,rare\n4,rare\n", '2 of class "rare"'),
    (
        "text that nowhere repeats, alone",
        "a,class\n" + "".join(f"id {n},{'xy'[n % 2]}\n" for n in range(30)),
        '"a"',
    ),
)

ARRAYS = (
    ("no x", {"X": X, "y": Y}, '"x".*"X".*mean'),
    ("no y", {"x": X, "labels": Y}, '"y".*"labels"'),
    ("lengths that differ", {"x": X, "y": Y[:-1]}, "20 and 19"),
    ("NaN", {"x": np.where(X == 5, np.nan, X), "y": Y}, r"x of .*nan at \[2, 1\], one of 1"),
    ("infinity", {"x": np.where(X == 5, -np.inf, X), "y": Y}, r"x of .*-inf at \[2, 1\]"),
    ("a number too large", {"x": X * 1e300, "y": Y}, "3.4e38"),
    ("complex numbers", {"x": X + 1j, "y": Y}, "complex128"),
    ("text as x", {"x": X.astype(str), "y": Y}, "x of .*<U"),
    ("dates as x", {"x": X.astype("datetime64[s]"), "y": Y}, "datetime64"),
    ("a structure as x", {"x": np.zeros(20, "f4,f4"), "y": Y}, "real numbers"),
    ("a single number as x", {"x": np.float32(1), "y": Y}, r"\(\)"),
    ("too many axes", {"x": np.zeros((20, 1, 1, 1, 1)), "y": Y}, r"\(20, 1, 1, 1, 1\)"),
    ("no examples", {"x": X[:0], "y": Y[:0]}, r"\(0, 2\)"),
    ("no features", {"x": X[:, :0], "y": Y}, r"\(20, 0\)"),
    ("pickled x", {"x": X.astype(object), "y": Y}, "x of .*numeric array.*pickled.*program.$"),
    ("pickled y", {"x": X, "y": Y.astype(object)}, "y of .*array of numbers or text.*pickled"),
    ("one-hot y", {"x": X, "y": np.eye(2)[Y]}, r"y of .*\(20, 2\)"),
    ("continuous y", {"x": X, "y": Y + 0.5}, "y of .*continuous"),
    ("continuous whole y", {"x": np.zeros((60, 2)), "y": np.arange(60) // 2}, "continuous"),
    ("NaN in y", {"x": X, "y": np.where(Y, np.nan, 0)}, "y of .*NaN"),
    ("complex y", {"x": X, "y": Y + 1j}, "y of .*complex"),
    ("empty text in y", {"x": X, "y": np.where(Y, "a", "")}, "y of .*10 empty"),
    ("NaN as text in y", {"x": X, "y": np.where(Y, "a", "nan")}, "y of .*10 empty or NaN"),
    ("bytes in y that are no text", {"x": X, "y": np.where(Y, b"\xff", b"a")}, "y of .*UTF-8"),
    ("halves of characters in y", {"x": X, "y": np.where(Y, "a", "\ud800")}, r"y of .*\\ud800"),
    ("one class", {"x": X, "y": Y * 0}, 'only "0"'),
    ("x_test alone", {"x": X, "y": Y, "x_test": X}, "x_test alone"),
    ("y_test alone", {"x": X, "y": Y, "y_test": Y}, "y_test alone"),
    ("another shape of x_test", {"x": X, "y": Y, "x_test": X.T, "y_test": Y[:2]}, r"\(20,\)"),
    ("unknown classes in y_test", {"x": X, "y": Y, "x_test": X, "y_test": Y + 1}, '"2"'),
    ("lengths of the test part", {"x": X, "y": Y, "x_test": X, "y_test": Y[1:]}, "20 and 19"),
    (
        "one example of a class",
        {"x": X, "y": [*Y[:-1], 7], "x_test": X, "y_test": Y},
        '"7"',
    ),
)

SETTINGS = (
    ("an unknown target", {"target": "klass"}, '"a", "class".*"klass".*mean "class"'),
    ("an unknown none label", {"none_label": "c"}, '"a", "b".*none_label="c"'),
    ("too large a test part", {"test_share": 0.95, "validation_share": 0.04}, "20 examples"),
    ("no room for training", {"test_share": 0.5, "validation_share": 0.49}, "validation part gets"),
)


class BadInputTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.create_tempdir().full_path)

    def assert_bad(self, expected, data, **settings):
        with self.assertRaisesRegex(BadInput, expected) as caught:
            load(DataSettings(data=str(data), **settings))
        message = str(caught.exception)
        self.assertNotIn("\n", message)
        self.assertLess(len(message), 700)

    @parameterized.named_parameters(*TABLES)
    def test_a_table_is_refused_with(self, text, expected):
        self.assert_bad(expected, write_text(self.folder, text))

    @parameterized.named_parameters(*ARRAYS)
    def test_arrays_are_refused_with(self, arrays, expected):
        self.assert_bad(expected, write_npz(self.folder, **arrays))

    @parameterized.named_parameters(*SETTINGS)
    def test_a_good_table_is_refused_with(self, settings, expected):
        self.assert_bad(expected, write_text(self.folder, f"a,class\n{ROWS}"), **settings)

    @parameterized.parameters(
        ("digit", 'mean "digits"'),
        ("missing.csv", '"missing.csv".*no such file'),
        ("missing.npz", '"missing.npz".*no such file'),
        ("a\0b.csv", "no such file"),
        ("x" * 5000, "no such data set"),
    )
    def test_a_name_that_is_nothing_is_refused(self, data, expected):
        self.assert_bad(expected, data)

    def test_a_file_of_another_kind_is_refused(self):
        expected = r"a folder of images, a \.csv or a \.npz\..*a file that is none of these"
        self.assert_bad(expected, write_text(self.folder, "a", "table.xlsx"))

    def test_a_target_is_refused_for_data_without_columns(self):
        self.assert_bad('target="x".*"digits"', "digits", target="x")

    @parameterized.parameters("latin-1", "cp1252")
    def test_a_table_in_another_encoding_is_refused(self, encoding):
        path = write_text(self.folder, "größe,class\n1,a\n", encoding=encoding)
        self.assert_bad("UTF-8.*position 2", path)

    def test_utf_16_without_its_mark_is_refused(self):
        self.assert_bad("NUL", write_text(self.folder, "a,class\n", encoding="utf-16-le"))

    @parameterized.parameters(b"", b"PK\3\4", b"\x80\4K\1.", b"\x93NUMPY\1\0", b"text", bytes(99))
    def test_a_file_that_is_no_npz_is_refused(self, content):
        (self.folder / "a.npz").write_bytes(content)
        self.assert_bad("must be a .npz", self.folder / "a.npz")

    def test_a_text_file_is_not_taken_for_pickled_objects(self):
        self.assert_bad("of another kind", write_text(self.folder, "text", "a.npz"))

    def test_a_single_array_is_no_npz(self):
        file = io.BytesIO()
        np.save(file, X)
        (self.folder / "a.npz").write_bytes(file.getvalue())
        self.assert_bad("must be a .npz.*single array", self.folder / "a.npz")

    def test_a_truncated_npz_is_refused(self):
        path = Path(write_npz(self.folder, x=X, y=Y))
        path.write_bytes(path.read_bytes()[:-30])
        self.assert_bad("must be a .npz", path)

    def test_a_member_that_is_no_array_is_refused(self):
        with zipfile.ZipFile(self.folder / "a.npz", "w") as archive:
            archive.writestr("x", b"bytes")
            archive.writestr("y.npy", b"bytes")
        self.assert_bad("x of .*must be an array", self.folder / "a.npz")

    def test_an_array_that_claims_to_be_huge_is_refused(self):
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**15,)}
        file = io.BytesIO()
        np.lib.format.write_array_header_1_0(file, header)
        with zipfile.ZipFile(self.folder / "a.npz", "w") as archive:
            archive.writestr("x.npy", file.getvalue())
            archive.writestr("y.npy", file.getvalue())
        self.assert_bad("x of .*must be a numeric array", self.folder / "a.npz")

    def test_a_folder_without_images_is_refused(self):
        self.assert_bad("subfolder for each class.*no images", self.folder)

    def test_a_folder_with_images_but_no_subfolders_is_refused(self):
        Image.new("L", (4, 4)).save(self.folder / "a.png")
        self.assert_bad("subfolder for each class.*none in a subfolder", self.folder)

    def test_a_folder_of_one_class_is_refused(self):
        self.assert_bad('only "cat"', write_images(self.folder, {"cat": 9}))

    def test_a_class_with_one_image_is_refused(self):
        self.assert_bad('1 of class "dog"', write_images(self.folder, {"cat": 9, "dog": 1}))

    @parameterized.parameters(b"", b"not an image", b"\x89PNG\r\n\x1a\n" + bytes(50))
    def test_an_unreadable_image_is_named(self, content):
        root = write_images(self.folder, {"cat": 3, "dog": 3})
        (Path(root) / "dog" / "broken.png").write_bytes(content)
        self.assert_bad("broken.png must be a readable image", root)

    def test_a_truncated_image_is_named(self):
        root = write_images(self.folder, {"cat": 3, "dog": 3}, size=(90, 90))
        broken = Path(root) / "cat" / "1.png"
        broken.write_bytes(broken.read_bytes()[:-40])
        self.assert_bad("1.png must be a readable image", root)

    def test_an_image_that_is_a_bomb_is_named(self):
        root = write_images(self.folder, {"cat": 3, "dog": 3})
        Image.new("1", (10_000, 10_000)).save(Path(root) / "cat" / "bomb.png")
        self.assert_bad("bomb.png must be a readable image.*bomb.*[^.][.]$", root)

    def test_messages_quote_on_one_line_and_cut_what_is_long(self):
        self.assertEqual(str(BadInput("a\n  b")), "a b")
        self.assertEqual(quoted('a\n"'), r'"a\n\""')
        self.assertLess(len(quoted("x" * 1000)), 70)
        self.assertEqual(listed("abc", most=2), '"a", "b" and 1 more')
        self.assertEqual(did_you_mean("Weigth", ["weight", "age"]), ' Did you mean "weight"?')
        self.assertEqual(did_you_mean("q", ["weight"]), "")
        self.assertEqual(did_you_mean("nope", ["wine", "iris"]), "")
