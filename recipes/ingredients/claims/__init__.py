"""What the recipes of `recipes.claims` share: checks of statements, and how they are run."""

from recipes.ingredients.claims.check import NO, UNCERTAIN, YES, Check, Expected
from recipes.ingredients.claims.conduct import Result, conduct
from recipes.ingredients.claims.examples import flat_examples, raw_examples
from recipes.ingredients.claims.losses import LossTable, loss_table, losses_of
from recipes.ingredients.claims.measured import Measured, mean_of, ratio_of, share_of, worst_of
from recipes.ingredients.claims.race import Race, RaceSettings, race, seeded
from recipes.ingredients.claims.report import book, markdown, numbers_of, verdicts
from recipes.ingredients.claims.side_by_side import SideBySide

__all__ = [
    "NO",
    "UNCERTAIN",
    "YES",
    "Check",
    "Expected",
    "LossTable",
    "Measured",
    "Race",
    "RaceSettings",
    "Result",
    "SideBySide",
    "book",
    "conduct",
    "flat_examples",
    "loss_table",
    "losses_of",
    "markdown",
    "mean_of",
    "numbers_of",
    "race",
    "ratio_of",
    "raw_examples",
    "seeded",
    "share_of",
    "verdicts",
    "worst_of",
]
