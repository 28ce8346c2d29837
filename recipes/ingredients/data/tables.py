"""Tables: a CSV file's columns as numbers and text, one of them the target."""

import math
import re
from pathlib import Path

import numpy as np

from recipes.ingredients.data.delimited import Table, read_table
from recipes.ingredients.data.source import (
    DECIMAL,
    Examples,
    Source,
    is_missing,
    name_classes,
    refuse_measured,
)
from recipes.ingredients.errors import BadInput, did_you_mean, listed, quoted

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-"})
INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
LARGEST = float(np.finfo(np.float32).max)


def read_csv(path: Path, target: str | None) -> Source:
    """Reads a table to learn from.

    A column whose values are all numbers, or missing, is numeric; any other is text, and its
    missing values are a category like others.

    Args:
        path: the file.
        target: the column of classes; the last if None.

    Raises:
        BadInput: if the file or the target column cannot be learned from.
    """
    table = read_table(path)
    _check_header(table)
    target = _target_column(table, target)
    labels, class_names = _classes(table, target)
    x, notes = {}, list(table.notes)
    for column in table.columns:
        if column != target:
            x[column], note = _values(table, column)
            notes.extend(note)
    if not x:
        raise BadInput(
            f"{path} must have input columns beside the target {quoted(target)}, with a comma, "
            "semicolon, tab or | between columns. Received: none."
        )
    return Source(path.name, Examples(x, labels), class_names, notes=tuple(notes))


def numbers_of(table: Table, column: str) -> np.ndarray:
    """A column as float32 numbers, NaN where missing.

    Raises:
        BadInput: for text, or a number that is not finite in float32.
    """
    numbers = np.array([parse(cell, table.decimal_comma) for cell in table.columns[column]], object)
    text = first_text(numbers)
    if text is not None:
        raise BadInput(
            f"column {quoted(column)} of {table.path} must hold numbers. "
            f"Received: {quoted(table.columns[column][text])} on line {table.lines[text]}."
        )
    return _finite(table, column, numbers.astype(np.float64))


def text_of(table: Table, column: str) -> np.ndarray:
    """A column as text, an array of objects (what StringLookup takes), exactly as written."""
    values = np.empty(len(table.lines), object)
    values[:] = table.columns[column]
    return values


def parse(cell: str, decimal_comma: bool) -> float | None:
    """The number that a cell holds: NaN if missing, None if it is text."""
    cell = cell.strip()
    if cell.lower() in MISSING:
        return math.nan
    if decimal_comma and "." not in cell:
        cell = cell.replace(",", ".", 1)
    return float(cell) if DECIMAL.fullmatch(cell) or INFINITE.fullmatch(cell) else None


def first_text(numbers: np.ndarray) -> int | None:
    """The place of the first cell that is no number; None if all are."""
    return next((place for place, number in enumerate(numbers) if number is None), None)


def _values(table, column):
    """A column's values, and a note if it is text for the sake of a few cells only."""
    cells = table.columns[column]
    numbers = np.array([parse(cell, table.decimal_comma) for cell in cells], object)
    text = first_text(numbers)
    if text is None:
        values = _finite(table, column, numbers.astype(np.float64))
        if np.isnan(values).all():
            raise BadInput(
                f"column {quoted(column)} of {table.path} must hold a value in some row. "
                f"Received: {len(cells)} missing values."
            )
        return values, []
    texts = sum(number is None for number in numbers)
    if texts > len(cells) / 10:
        return text_of(table, column), []
    return text_of(table, column), [
        f"column {quoted(column)} is read as text, though it is mostly numbers, because of "
        f"{quoted(cells[text])} on line {table.lines[text]}"
    ]


def _finite(table, column, numbers):
    wrong = np.flatnonzero(np.abs(numbers) > LARGEST)
    if len(wrong):
        raise BadInput(
            f"column {quoted(column)} of {table.path} must hold finite numbers below 3.4e38. "
            f"Received: {quoted(table.columns[column][wrong[0]])} on line {table.lines[wrong[0]]}."
        )
    return numbers.astype(np.float32)


def _check_header(table):
    """Refuses measured numbers as names; whole numbers, such as years, may be names."""
    numbers = [parse(name, table.decimal_comma) for name in table.columns]
    if None not in numbers and any(number % 1 > 0 for number in numbers):
        raise BadInput(
            f"{table.path} must name its columns on the first line. "
            f"Received: only numbers there, {listed(table.columns, 5)}."
        )


def _target_column(table, target):
    columns = list(table.columns)
    if target is None:
        return columns[-1]
    if target.strip() not in columns:
        raise BadInput(
            f"target must be a column of {table.path}, which has {listed(columns)}. "
            f"Received: target={quoted(target)}.{did_you_mean(target, columns)}"
        )
    return target.strip()


def _classes(table, target):
    labels = [cell.strip() for cell in table.columns[target]]
    missing = [place for place, label in enumerate(labels) if is_missing(label)]
    where = f"the target column {quoted(target)} of {table.path}"
    if missing:
        raise BadInput(
            f"{where} must name a class in every row. "
            f"Received: {len(missing)} empty or NaN, the first on line {table.lines[missing[0]]}."
        )
    if table.decimal_comma:
        refuse_measured([label.replace(",", ".", 1) for label in labels], where)
    refuse_measured(labels, where)
    # A spreadsheet writes whole numbers as 1.0; the class is called 1.
    return name_classes([re.sub(r"^([+-]?[0-9]+)\.0*$", r"\1", label) for label in labels], where)
