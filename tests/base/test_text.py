"""Numbers as the tables print them."""

import pytest

from tfjslab.base import text


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), (0, "0.000"), (0.01234, "0.012"), (1.234, "1.23"), (99.999, "100.00"), (123.45, "123.5")],
)
def test_milliseconds_keep_about_three_figures(value, shown):
    assert text.ms(value) == shown


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [(None, "B", "-"), (0, "", "0"), (999, "", "999"), (1500, "", "1.5 k"), (14_000_000, "B", "14.0 MB"),
     (7, "B", "7 B"), (3.2e15, "", "3200.0 T")],
)
def test_counts_take_decimal_prefixes(value, unit, shown):
    assert text.scaled(value, unit) == shown


def test_a_share_of_nothing_is_a_dash():
    assert (text.percent(1, 8), text.percent(0, 0)) == ("12.5%", "-")


def test_ratios_below_one_keep_two_digits():
    assert (text.times(None), text.times(0.123), text.times(12.34)) == ("-", "0.12x", "12.3x")


def test_shapes_show_free_lengths_scalars_and_unknown_ranks():
    assert [text.shape(s) for s in (None, (), (None, 3), (1, 2))] == ["unknown", "scalar", "?x3", "1x2"]


def test_a_long_name_keeps_its_end():
    assert [text.tail(n, 8) for n in ("a/b/relu", "scope/b/relu")] == ["a/b/relu", "..b/relu"]
