"""Change points and ratios: what is planted is found, what is noise is not, and intervals are those of scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tfjslab.records import change_points as module
from tfjslab.records.change_points import change_points, ratio_interval


def noise(count, seed=0, sigma=0.025):
    return np.exp(np.random.default_rng(seed).normal(0, sigma, count))


def energy(x, split):
    """The scaled energy distance by its definition."""
    a, b = x[:split], x[split:]
    def apart(u, v):
        return np.abs(u[:, None] - v[None]).sum()
    m, n = len(a), len(b)
    return m * n / (m + n) * (2 * apart(a, b) / (m * n) - apart(a, a) / (m * (m - 1)) - apart(b, b) / (n * (n - 1)))


def test_the_best_split_is_that_of_the_definition():
    x = noise(20, sigma=1)
    orders = np.stack([np.arange(20), np.random.default_rng(0).permutation(20)])
    found = module._best_splits(np.abs(x[:, None] - x[None]), orders)
    for order, best, place in zip(orders, *found, strict=True):
        splits = {(k, end): energy(x[order][:end], k) for end in range(6, 21) for k in range(3, end - 2)}
        assert best == pytest.approx(max(splits.values()))
        assert place == max(splits, key=splits.get)[0]


def test_planted_changes_are_found_where_they_are():
    x = noise(90)
    x[30:] *= 1.1
    x[60:] /= 1.2
    assert change_points(x) == [30, 60]
    mended = noise(44, 1)
    mended[20:32] *= 1.2
    assert change_points(mended) == [20, 32]
    assert change_points([5.0] * 8 + [6.0] * 8) == [8]


def test_outliers_and_constants_are_no_change():
    x = noise(60)
    x[[10, 25, 40]] *= 3
    assert change_points(x) == []
    assert change_points([0.0] * 30) == []
    assert change_points([1.0, 2.0, 9.0, 9.0, 9.0]) == []


@pytest.mark.parametrize("kind", ["normal", "heavy", "two levels", "spikes"])
def test_after_none_of_200_runs_of_unchanged_code_is_there_an_alarm(kind):
    """Looks at all the runs so far, as CI does, after every twentieth."""
    generator = np.random.default_rng(7)
    x = {
        "normal": lambda: noise(200), "heavy": lambda: np.exp(0.02 * generator.standard_t(2, 200)),
        "two levels": lambda: noise(200, sigma=0.01) * np.where(generator.random(200) < 0.3, 1.08, 1),
        "spikes": lambda: noise(200) * np.where(generator.random(200) < 0.08, 1.6, 1),
    }[kind]()
    assert [n for n in range(20, 201, 20) if change_points(x[:n])] == []


def test_the_permutation_test_keeps_its_level():
    alarms = sum(bool(change_points(noise(12, seed), level=0.05)) for seed in range(150))
    assert stats.binomtest(alarms, 150, 0.05).pvalue > 0.01
    assert alarms > 0


@pytest.mark.parametrize(("first", "second"), [(3, 9), (6, 6), (20, 5)])
def test_the_distribution_of_rank_sums_is_that_of_the_exact_test(first, second):
    counts = module._rank_sums(first, second)
    a, b = np.arange(first) * 1.9, np.arange(second) + 0.5
    statistic = int(sum(x > y for x in a for y in b))
    exact = stats.mannwhitneyu(a, b, alternative="less", method="exact").pvalue
    assert counts[: statistic + 1].sum() / counts.sum() == pytest.approx(exact)


def test_the_interval_of_a_ratio_holds_it_as_often_as_it_says():
    missed = 0
    for seed in range(400):
        x = noise(16, seed, 0.1)
        found = ratio_interval(x[:9], 1.2 * x[9:], 0.05)
        missed += not found.low <= 1.2 <= found.high
    assert 4 < missed <= 28  # 5% of 400, and at most that by discreteness; 28 is the 97.5% quantile


def test_the_ratio_of_many_is_that_of_few_in_width_and_too_few_have_none():
    x = noise(80)
    found = ratio_interval(x[:40], 1.1 * x[40:], 0.01)
    expected = stats.mannwhitneyu(x[40:], x[:40])
    assert expected.pvalue > 0.01
    assert found.low < 1.1 < found.high
    assert found.high / found.low < 1.05
    assert ratio_interval([1.0] * 3, [2.0] * 3, 0.01) is None
    assert ratio_interval([0.0, 1.0], [2.0, 2.0]) is None
    assert ratio_interval([2.0] * 12, [3.0] * 12) == module.Interval(1.5, 1.5, 1.5)
