"""Scales are one-to-one maps to [0, 1], dense where they should be, and refuse what cannot be."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from hypothesis import assume, given
from hypothesis import strategies as st

from tuning.discrete import Choices, Fixed, Integers
from tuning.scales import Linear, Logarithmic, LogarithmicComplement

UNITS = np.linspace(0.0, 1.0, 4001)[:-1] + 1 / 8000


class ScalesTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        Linear(-3.0, 5.0), Logarithmic(1e-4, 1.0), LogarithmicComplement(0.9, 0.999)
    )
    def test_ends_map_to_zero_and_one_exactly_and_back(self, scale):
        self.assertEqual(scale.to_unit(scale.low), 0.0)
        self.assertEqual(scale.to_unit(scale.high), 1.0)
        self.assertEqual(scale.from_unit(0.0), scale.low)
        self.assertEqual(scale.from_unit(1.0), scale.high)

    @given(
        st.sampled_from(["linear", "logarithmic", "complement"]),
        st.floats(1e-9, 1 - 1e-9),
        st.floats(1e-9, 1 - 1e-9),
        st.floats(0.0, 1.0),
    )
    def test_a_unit_goes_there_and_back(self, kind, low, high, unit):
        assume(high - low > 1e-6)
        kinds = {
            "linear": Linear,
            "logarithmic": Logarithmic,
            "complement": LogarithmicComplement,
        }
        scale = kinds[kind](low, high)
        value = scale.from_unit(unit)
        self.assertTrue(scale.contains(value))
        tolerance = 1e-7 if kind == "linear" else 1e-6
        self.assertAllClose(scale.from_unit(scale.to_unit(value)), value, rtol=1e-9)
        self.assertAllClose(scale.to_unit(value), unit, rtol=tolerance, atol=tolerance)

    @given(st.floats(-1e9, 1e9), st.floats(1e-3, 1e9), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
    def test_order_is_kept(self, low, width, one, other):
        scale = Linear(low, low + width)
        small, large = sorted([one, other])
        self.assertLessEqual(scale.from_unit(small), scale.from_unit(large))

    def test_arrays_keep_their_shape(self):
        scale = Logarithmic(1e-4, 1.0)
        units = np.reshape([0.0, 0.25, 0.5, 0.75], (2, 2))
        self.assertAllClose(scale.from_unit(units), [[1e-4, 1e-3], [1e-2, 1e-1]], rtol=1e-12)
        self.assertAllClose(scale.to_unit(scale.from_unit(units)), units, atol=1e-15)

    def test_a_linear_scale_puts_nine_tenths_of_learning_rates_into_the_last_decade(self):
        rates = Linear(1e-4, 1.0).from_unit(UNITS)
        self.assertAllClose(np.mean(rates > 0.1), 0.9, atol=1e-3)

    def test_a_logarithmic_scale_puts_a_quarter_into_each_decade(self):
        rates = Logarithmic(1e-4, 1.0).from_unit(UNITS)
        shares = np.histogram(np.log10(rates), bins=[-4, -3, -2, -1, 0])[0] / len(rates)
        self.assertAllClose(shares, [0.25] * 4, atol=1e-3)

    def test_a_logarithmic_complement_puts_half_of_the_momenta_above_0_99(self):
        momenta = LogarithmicComplement(0.9, 0.999).from_unit(UNITS)
        self.assertAllClose(np.mean(momenta > 0.99), 0.5, atol=1e-3)

    def test_a_complement_is_ten_to_a_uniform_power(self):
        values = LogarithmicComplement(0.9, 0.999).from_unit(UNITS)
        self.assertAllClose(values, 1 - 10 ** (-1 - 2 * UNITS), rtol=1e-12)

    @parameterized.parameters(
        (Linear, 1.0, 1.0, r"high must be greater than low=1\.0\. Received: high=1\.0\."),
        (Linear, 2.0, 1.0, r"high must be greater than low=2\.0"),
        (Linear, float("nan"), 1.0, r"low must be finite. Received: low=nan\."),
        (Linear, 0.0, float("inf"), r"high must be finite. Received: high=inf\."),
        (Linear, "0", 1.0, r"low must be a number. Received: low='0'\."),
        (Linear, True, 2.0, r"low must be a number"),
        (Linear, -1.7e308, 1.7e308, r"high must be less than"),
        (Logarithmic, 0.0, 1.0, r"low must be greater than 0 on a logarithmic scale"),
        (Logarithmic, -1.0, 1.0, r"low must be greater than 0 .* Received: low=-1\.0\."),
        (LogarithmicComplement, 0.9, 1.0, r"high must be between 0 and 1.* Received: high=1\.0\."),
        (LogarithmicComplement, 0.0, 0.9, r"low must be between 0 and 1"),
    )
    def test_a_range_that_cannot_be_is_refused_with_its_reason(self, kind, low, high, message):
        with self.assertRaisesRegex(ValueError, message):
            kind(low, high)

    @parameterized.parameters(-0.1, 1.1, float("nan"))
    def test_a_unit_outside_zero_to_one_is_refused(self, unit):
        with self.assertRaisesRegex(ValueError, r"unit must be in \[0, 1\]. Received: unit="):
            Linear(0.0, 1.0).from_unit(unit)

    @parameterized.parameters(-0.1, 1.1, float("nan"))
    def test_a_value_outside_the_range_is_refused(self, value):
        with self.assertRaisesRegex(ValueError, r"value must be in \[0\.0, 1\.0\]"):
            Linear(0.0, 1.0).to_unit(value)


class DiscreteRangesTest(tf.test.TestCase, parameterized.TestCase):
    def test_integers_have_equal_shares_ends_included(self):
        values, counts = np.unique(Integers(2, 4).from_unit(UNITS), return_counts=True)
        self.assertAllEqual(values, [2, 3, 4])
        self.assertAllClose(counts / len(UNITS), [1 / 3] * 3, atol=1e-3)
        self.assertEqual(Integers(50, 100).from_unit(1.0), 100)

    @given(st.integers(1, 1000), st.integers(1, 1000), st.booleans(), st.floats(0.0, 1.0))
    def test_integers_go_there_and_back(self, low, width, is_logarithmic, unit):
        scale = Logarithmic if is_logarithmic else Linear
        integers = Integers(low, low + width, scale)
        value = integers.from_unit(unit)
        self.assertTrue(integers.contains(value))
        self.assertEqual(integers.from_unit(integers.to_unit(value)), value)

    def test_logarithmic_integers_have_equal_shares_for_each_factor(self):
        values = Integers(1, 63, Logarithmic).from_unit(UNITS)
        self.assertAllClose(np.mean(values < 8), 0.5, atol=1e-3)

    def test_choices_have_equal_shares_and_go_there_and_back(self):
        choices = Choices(["relu", "tanh", "gelu", "elu"])
        drawn = [choices.from_unit(unit) for unit in UNITS]
        for value in choices.values:
            self.assertAllClose(drawn.count(value) / len(UNITS), 0.25, atol=1e-3)
            self.assertEqual(choices.from_unit(choices.to_unit(value)), value)
        self.assertEqual(choices.from_unit(1.0), "elu")

    def test_nearest_moves_into_the_range(self):
        self.assertEqual(Integers(2, 4).nearest(9.7), 4)
        self.assertEqual(Choices((32, 64, 256)).nearest(100), 64)
        self.assertEqual(Choices(("a", "b")).nearest("c"), "a")
        self.assertEqual(Linear(0.0, 1.0).nearest(-3), 0.0)

    @parameterized.parameters(
        (lambda: Integers(4, 4), r"high must be greater than low=4. Received: high=4\."),
        (lambda: Integers(1.5, 4), r"low must be an integer. Received: low=1\.5\."),
        (lambda: Integers(0, 4, Logarithmic), r"low must be greater than 0"),
        (lambda: Integers(1, 4, LogarithmicComplement), r"scale must be Linear or Logarithmic"),
        (lambda: Choices(()), r"values must hold at least one value"),
        (lambda: Choices((1, 2, 1)), r"values must be distinct"),
        (lambda: Choices((1, "a")), r"values must be all int"),
        (lambda: Choices((1.0, float("nan"))), r"values must be finite"),
        (lambda: Choices((3, 2)), r"values must increase"),
        (lambda: Fixed(float("inf")), r"value must be finite. Received: value=inf\."),
        (lambda: Fixed(None), r"value must be int, float, str or bool. Received: value=None\."),
    )
    def test_a_range_that_cannot_be_is_refused_with_its_reason(self, make, message):
        with self.assertRaisesRegex(ValueError, message):
            make()
