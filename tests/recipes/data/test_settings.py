import dataclasses

import tensorflow as tf
from absl.testing import parameterized
from hypothesis import given
from hypothesis import strategies as st

from recipes.ingredients.data import DataSettings
from recipes.ingredients.errors import BadInput

NUMBERS = st.one_of(st.floats(), st.integers(), st.booleans(), st.none())


class SettingsTest(tf.test.TestCase, parameterized.TestCase):
    def test_the_default_is_the_digits_and_all_settings_are_frozen(self):
        self.assertEqual(DataSettings().data, "digits")
        with self.assertRaises(dataclasses.FrozenInstanceError):
            DataSettings().data = "wine"

    @parameterized.parameters(
        {"data": ""},
        {"class_weights": "all"},
        {"test_share": 0},
        {"test_share": 1.0},
        {"test_share": float("nan")},
        {"validation_share": -0.1},
        {"validation_share": float("inf")},
        {"test_share": 0.5, "validation_share": 0.5},
        {"image_size": 0},
        {"image_size": 1025},
        {"image_size": 8.0},
        {"split_seed": -1},
        {"split_seed": 2**32},
    )
    def test_a_value_out_of_range_is_named_with_what_would_be_right(self, **values):
        name, value = next(iter(values.items()))
        expected = f"{name} must .*{value}|{name} and .*{value}|{name} must name"
        with self.assertRaisesRegex(BadInput, expected):
            DataSettings(**values)

    @given(NUMBERS, NUMBERS, NUMBERS, NUMBERS)
    def test_any_numbers_are_accepted_in_range_or_refused_as_bad_input(
        self, test_share, validation_share, image_size, split_seed
    ):
        try:
            made = DataSettings(
                test_share=test_share,
                validation_share=validation_share,
                image_size=image_size,
                split_seed=split_seed,
            )
        except BadInput:
            return
        self.assertGreater(made.test_share, 0)
        self.assertGreater(made.validation_share, 0)
        self.assertLess(made.test_share + made.validation_share, 1)
        self.assertBetween(made.image_size, 1, 1024)
        self.assertBetween(made.split_seed, 0, 2**32 - 1)
