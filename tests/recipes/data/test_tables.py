import csv
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from recipes.ingredients.data.delimited import read_table
from recipes.ingredients.data.tables import parse, read_csv
from tests.recipes.data.files import ANIMAL_HEADER, animals, write_table, write_text

CELLS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8
) | st.sampled_from(['"', '""', ",", ";\t|", "\r\n", "\n", "\r", " ", "[UNK]", "1,5", "'", "\\"])
SEPARATORS = st.sampled_from([",", ";", "\t", "|"])


class TableTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path

    def read(self, text, target=None, **file):
        return read_csv(self.path(text, **file), target)

    def path(self, text, **file):
        return Path(write_text(self.folder, text, **file))

    def test_columns_are_numbers_or_text_and_the_last_is_the_target(self):
        source = self.read("size,kind,class\n1.5,a,yes\n2,b,no\n-3e1,a,no\n")
        self.assertAllEqual(source.examples.x["size"], np.float32([1.5, 2, -30]))
        self.assertEqual(source.examples.x["size"].dtype, np.float32)
        self.assertEqual(source.examples.x["kind"].tolist(), ["a", "b", "a"])
        self.assertEqual(source.examples.x["kind"].dtype, object)
        self.assertEqual(source.class_names, ("no", "yes"))
        self.assertAllEqual(source.examples.labels, [1, 0, 0])
        self.assertEqual(source.examples.labels.dtype, np.int32)

    def test_each_row_may_end_in_a_separator_that_the_header_lacks(self):
        source = self.read("size;class\n1,5;a;\n2;b; \n\n3;a;\n")
        self.assertEqual(list(source.examples.x), ["size"])
        self.assertEqual(source.class_names, ("a", "b"))
        self.assertIn("column 3 has neither a name nor values and is left out", source.notes)

    def test_a_target_can_be_any_column(self):
        source = self.read("class,size\nb,1\na,2\n", target="class")
        self.assertEqual(list(source.examples.x), ["size"])
        self.assertEqual(source.class_names, ("a", "b"))

    @parameterized.parameters("", "na", "N/A", "NaN", "null", "None", "?", "-", "  ")
    def test_missing_numbers_are_nan(self, missing):
        source = self.read(f"a,b,class\n{missing},1,x\n1,2,y\n")
        self.assertAllEqual(source.examples.x["a"], [np.nan, 1])

    @parameterized.parameters(
        "1_000", "\u0663", "\uff11", "\u22121", "0x10", "1e", ".", "+", "e5", "1 2", "true"
    )
    def test_what_is_no_plain_number_is_text(self, cell):
        self.assertIsNone(parse(cell, decimal_comma=False))

    @parameterized.parameters(
        ("1", 1), ("+1.", 1), (".5", 0.5), ("-2.5E-3", -0.0025), (" 7 ", 7), ("007", 7)
    )
    def test_plain_numbers_are_read(self, cell, number):
        self.assertEqual(parse(cell, decimal_comma=False), number)

    def test_booleans_are_text(self):
        source = self.read("flag,class\ntrue,x\nfalse,y\n")
        self.assertEqual(source.examples.x["flag"].tolist(), ["true", "false"])

    @parameterized.parameters(",", ";", "\t", "|")
    def test_the_header_tells_the_separator(self, separator):
        source = self.read("a,b,class\n1,2,x\n3,4,y\n".replace(",", separator))
        self.assertAllEqual(source.examples.x["b"], [2, 4])

    @parameterized.parameters("sep=;\n", "SEP=;\r\n", '"sep=;"\n')
    def test_a_first_line_may_tell_excel_the_separator(self, declaration):
        table = read_table(self.path(f"{declaration}size,mm;class\n1,5;x\n3;y\n"))
        self.assertEqual(table.columns, {"size,mm": ["1,5", "3"], "class": ["x", "y"]})
        self.assertEqual(table.lines, [3, 4])
        self.assertTrue(table.decimal_comma)

    def test_separators_within_quotes_do_not_count(self):
        source = self.read('"a;b;c;d",e,class\n1,2,x\n3,4,y\n')
        self.assertEqual(list(source.examples.x), ["a;b;c;d", "e"])

    def test_names_that_hold_other_separators_are_told_by_the_first_row(self):
        source = self.read("size, mm;weight, g;class\n1,5;2;x\n3;4;y\n")
        self.assertAllEqual(source.examples.x["size, mm"], [1.5, 3])

    def test_a_separator_that_quotes_forbid_is_not_chosen(self):
        table = read_table(self.path('"0";",0"\r\n"";","\r\n'))
        self.assertEqual(table.columns, {"0": [""], ",0": [","]})

    def test_a_decimal_comma_is_a_number_where_commas_do_not_separate(self):
        source = self.read('a;b;class\n1,5;"2,25";x\n3;-0,5e1;y\n')
        self.assertAllEqual(source.examples.x["a"], [1.5, 3])
        self.assertAllEqual(source.examples.x["b"], [2.25, -5])

    def test_spaces_after_all_separators_are_no_part_of_values(self):
        source = self.read('a, b, class\n1, "x, y", cat\n2, z, dog\n')
        self.assertEqual(source.examples.x["b"].tolist(), ["x, y", "z"])
        self.assertEqual(source.class_names, ("cat", "dog"))

    @parameterized.parameters("utf-8", "utf-8-sig", "utf-16")
    def test_unicode_with_and_without_a_mark_is_read(self, encoding):
        source = self.read("größe,class\n1,ä\n2,日本\n", encoding=encoding)
        self.assertEqual(list(source.examples.x), ["größe"])
        self.assertEqual(source.class_names, ("ä", "日本"))

    @parameterized.parameters("\n", "\r\n", "\r")
    def test_every_line_ending_is_read_and_blank_lines_are_skipped(self, ending):
        text = " \na,class\n\n1,x\n   \n2,y\n\n".replace("\n", ending)
        self.assertAllEqual(self.read(text).examples.x["a"], [1, 2])

    def test_a_row_without_any_value_is_a_row(self):
        table = read_table(self.path("a,b\n,\n1,2\n,\n"))
        self.assertEqual(table.columns["a"], ["", "1", ""])
        self.assertEqual(table.lines, [2, 3, 4])

    def test_an_unnamed_first_column_is_an_index_and_left_out_with_a_note(self):
        source = self.read(",a,class\n0,1,x\n1,2,y\n")
        self.assertEqual(list(source.examples.x), ["a"])
        self.assertIn("row numbers", " ".join(source.notes))

    def test_an_empty_column_after_the_last_separator_is_left_out_with_a_note(self):
        source = self.read("a,class,\n1,x,\n2,y,\n")
        self.assertEqual(source.class_names, ("x", "y"))
        self.assertIn("column 3", " ".join(source.notes))

    def test_a_number_misspelt_is_noted(self):
        rows = "".join(f"{n},{'xy'[n % 2]}\n" for n in range(20))
        source = self.read(f"a,class\n{rows}12..5,x\n")
        self.assertIn('"12..5" on line 22', " ".join(source.notes))

    def test_whole_numbers_as_classes_sort_as_numbers_and_keep_their_names(self):
        source = self.read("a,class\n1,10\n2,2\n3,010\n4,-1.0\n")
        self.assertEqual(source.class_names, ("-1", "2", "010", "10"))

    def test_years_may_name_columns(self):
        source = self.read("2010,2011,class\n1,2,x\n3,4,y\n")
        self.assertEqual(list(source.examples.x), ["2010", "2011"])

    def test_the_files_style_does_not_change_what_is_read(self):
        plain = write_table(self.folder, ANIMAL_HEADER, animals(), name="plain.csv")
        other = write_table(
            self.folder, ANIMAL_HEADER, animals(), name="other.csv", delimiter=";", quoting=1
        )
        self.assertEqual(
            read_csv(Path(plain), None).fingerprint(),
            read_csv(Path(other), None).fingerprint(),
        )

    @settings(max_examples=150)
    @given(st.data())
    def test_a_written_table_is_read_back_exactly(self, data):
        width = data.draw(st.integers(2, 4))
        quoting = data.draw(st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))
        # Unquoted, a name such as "a;b" may be two.
        name = CELLS if quoting == csv.QUOTE_ALL else st.text("abc ü'")
        name = name.map(str.strip).filter(bool)
        names = data.draw(st.lists(name, min_size=width, max_size=width, unique=True))
        rows = data.draw(
            st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=5)
        )
        separator = data.draw(SEPARATORS)
        path = write_table(self.folder, names, rows, delimiter=separator, quoting=quoting)
        table = read_table(Path(path))
        self.assertEqual(list(table.columns), names)
        self.assertEqual([list(row) for row in zip(*table.columns.values(), strict=True)], rows)

    @settings(max_examples=100)
    @given(st.lists(st.floats(width=32, allow_infinity=False), min_size=2, max_size=9))
    def test_written_numbers_are_read_back_exactly(self, numbers):
        if np.isnan(numbers).all():
            numbers = [*numbers, 0.0]
        rows = [[number, "xy"[place % 2]] for place, number in enumerate(numbers)]
        path = write_table(self.folder, ["a", "class"], rows)
        self.assertAllEqual(read_csv(Path(path), None).examples.x["a"], np.float32(numbers))
