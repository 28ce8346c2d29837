"""A CSV file as named columns of text, every cell exactly as it was written."""

import codecs
import csv
import dataclasses
import io
import re
from collections import Counter
from pathlib import Path

from recipes.ingredients.errors import BadInput, listed, quoted

SEPARATORS = (",", ";", "\t", "|")
DECLARATION = re.compile(r'("?)sep=([^"\r\n])\1(?=[\r\n])', re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Table:
    """The columns of a file.

    Attributes:
        path: the file.
        columns: cells by column name.
        lines: the line of the file on which each row begins, for messages.
        decimal_comma: whether 1,5 is a number: the separator is not a comma.
        notes: what was left out, and why.
    """

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]
    decimal_comma: bool
    notes: tuple[str, ...]


def read_table(path: Path) -> Table:
    """Reads a CSV file whose first line names its columns.

    The separator (comma, semicolon, tab or |) is the one that divides the header line, or that a
    line such as `sep=;` above the header declares to Excel; where each of the header's separators
    is followed by a space, spaces after separators are no part of the cells. Quoting is that of
    `csv` in its strict form. Blank lines are skipped; a line of separators alone is a row without
    values. Each row may end in a separator that the header lacks.

    Raises:
        BadInput: for a file that is missing, empty, not text in UTF-8, without rows, ragged, or
            with the same column name twice.
    """
    text, declared = _undeclared(_read_text(path))
    separator = declared or _separator(text)
    padded = _is_padded(text, separator)
    names, rows, lines = None, [], []
    for line, cells in _records(path, text, separator, padded):
        if not "".join(cells).strip() and len(cells) < (2 if names is None else len(names)):
            continue
        if names is None:
            names = _header(path, cells)
            continue
        rows.append(cells)
        lines.append(line)
    if names is None:
        raise BadInput(f"{path} must have a header line and rows. Received: an empty file.")
    if not rows:
        raise BadInput(f"{path} must have rows below its header line. Received: only the header.")
    if all(len(cells) == len(names) + 1 and not cells[-1].strip() for cells in rows):
        names.append("")
    _refuse_ragged(path, names, rows, lines)
    columns, notes = _named_columns(path, names, [list(cells) for cells in zip(*rows, strict=True)])
    return Table(path, columns, lines, separator != ",", notes)


def _read_text(path):
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} must be a readable file. Received: {error.strerror}.") from error
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path} must be text in UTF-8. Received: a byte that is not, at position "
            f"{error.start}. Save it as CSV UTF-8."
        ) from error
    if "\0" in text:
        raise BadInput(f"{path} must be a text file. Received: NUL bytes, as in a binary file.")
    return text


def _undeclared(text):
    """The text with a blank line for its declaration of a separator, and that separator, if any."""
    declaration = DECLARATION.match(text)
    if declaration is None:
        return text, None
    return text[declaration.end() :], declaration[2]


def _separator(text):
    """The separator that divides the header line, and the first row likewise."""

    def rank(separator):
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        first = _next_record(reader)
        return len(first) > 1, len(first) == len(_next_record(reader)), len(first)

    return max(SEPARATORS, key=rank)  # of equals, the first


def _is_padded(text, separator):
    """Whether a space follows each separator in the header."""
    header = _next_record(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    return len(header) > 1 and all(cell.startswith(" ") for cell in header[1:])


def _next_record(reader):
    """The next record that is not blank; none where the file ends, or is no CSV."""
    try:
        return next((cells for cells in reader if "".join(cells).strip()), [])
    except csv.Error:
        return []


def _records(path, text, separator, padded):
    """Each record with the number of the line on which it begins."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=padded, strict=True
    )
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise BadInput(f"{path} must be a CSV file. Received, on line {line}: {error}.") from error


def _header(path, cells):
    names = [cell.strip() for cell in cells]
    repeated = [name for name, count in Counter(names).items() if name and count > 1]
    if repeated:
        raise BadInput(
            f"{path} must have column names that differ. Received twice: {listed(repeated)}."
        )
    return names


def _refuse_ragged(path, names, rows, lines):
    """Refuses rows that are longer or shorter than the header."""
    for line, cells in zip(lines, rows, strict=True):
        if len(cells) != len(names):
            raise BadInput(
                f"{path} must have as many values in each row as its header has names. "
                f"Received: {len(cells)} on line {line}, {len(names)} in the header."
            )


def _named_columns(path, names, cells_of_columns):
    """Leaves out unnamed columns that are an index of the rows, or empty."""
    columns, notes = {}, []
    for place, (name, cells) in enumerate(zip(names, cells_of_columns, strict=True)):
        if name == "" and place == 0:
            notes.append("the first column has no name, is taken for row numbers and left out")
        elif name == "" and not "".join(cells).strip():
            notes.append(f"column {place + 1} has neither a name nor values and is left out")
        elif name in columns:
            raise BadInput(
                f"{path} must name its columns. Received: several without a name, one of them "
                f"column {place + 1}, after {quoted(names[place - 1])}."
            )
        else:
            columns[name] = cells
    if not columns:
        raise BadInput(f"{path} must name its columns on the first line. Received: no names.")
    return columns, tuple(notes)
