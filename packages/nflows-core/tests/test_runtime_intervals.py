"""Intervals against published tables."""

from __future__ import annotations

import math
import random
import statistics

import numpy as np
import pytest

from nflows_core.runtime.intervals import Z95, bootstrap, normal, student, t_quantile, wilson


def test_z_is_the_quantile_of_the_normal_distribution() -> None:
    assert pytest.approx(statistics.NormalDist().inv_cdf(0.975), abs=5e-7) == Z95


def test_normal_is_as_many_standard_errors_to_both_sides() -> None:
    assert normal(2.0, 0.5) == pytest.approx((1.020018, 2.979982))


@pytest.mark.parametrize(
    ("degrees", "quantile"),
    # NIST/SEMATECH e-Handbook of Statistical Methods, table 1.3.6.7.2, column .975.
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571), (9, 2.262), (10, 2.228), (30, 2.042), (100, 1.984)],
)
def test_quantiles_of_student_s_t(degrees: int, quantile: float) -> None:
    assert t_quantile(degrees) == pytest.approx(quantile, abs=5e-4)


def test_quantiles_have_closed_forms_for_one_and_two_degrees() -> None:
    """The distribution is Cauchy's for one, and for two t^2 = 2 p^2 / (1 - p^2)."""
    assert t_quantile(1) == pytest.approx(math.tan(0.475 * math.pi), rel=1e-12)
    assert t_quantile(2) == pytest.approx(0.95 * math.sqrt(2 / (1 - 0.95**2)), rel=1e-12)


def test_quantiles_come_down_to_that_of_the_normal_distribution() -> None:
    quantiles = [t_quantile(degrees) for degrees in (1, 2, 5, 10, 50, 200, 2000)]
    assert quantiles == sorted(quantiles, reverse=True)
    assert quantiles[-1] == pytest.approx(Z95, abs=2e-3)


def test_student_s_interval_of_his_own_sleep_data() -> None:
    """Student (1908), the additional hours of sleep by the second drug over the first."""
    mean, low, high = student([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])
    assert (mean, low, high) == pytest.approx((1.58, 0.7001, 2.4599), abs=1e-4)


def test_student_s_interval_holds_the_mean_in_95_of_100_samples() -> None:
    draw = random.Random(0)
    inside = 0
    for _ in range(4000):
        _, low, high = student([draw.gauss(3, 2) for _ in range(4)])
        inside += low < 3 < high
    low, high = wilson(inside, 4000)
    assert low < 0.95 < high


def test_one_value_has_no_interval() -> None:
    with pytest.raises(ValueError, match="an interval needs 2 values or more, got 1"):
        student([1.0])


def test_wilson_gives_known_values() -> None:
    # Newcombe (1998), table I, method 3, which has four digits.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0, 0.1611), abs=1e-4)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=1e-4)


def test_wilson_holds_the_rate_itself_at_its_ends_too() -> None:
    for n in range(1, 100):
        assert wilson(n, n)[1] == 1
        assert wilson(0, n)[0] == 0


def test_wilson_is_the_set_of_rates_that_are_not_rejected() -> None:
    for successes, n in ((3, 10), (50, 51), (0.5, 7)):
        for rate in wilson(successes, n):
            assert abs(successes / n - rate) == pytest.approx(Z95 * math.sqrt(rate * (1 - rate) / n))


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (3, 2), (-1, 4), (math.nan, 4)])
def test_what_is_no_rate_is_refused(successes: float, n: int) -> None:
    with pytest.raises(ValueError, match=f"got {successes} of {n}"):
        wilson(successes, n)


def test_the_bootstrap_of_a_mean_is_as_wide_as_its_standard_error_says() -> None:
    values = np.random.default_rng(0).normal(size=400)
    interval = bootstrap(lambda chosen: values[chosen].mean(), 400, resamples=4000)
    assert interval is not None
    margin = Z95 * values.std() / 400**0.5
    assert interval == pytest.approx((values.mean() - margin, values.mean() + margin), abs=0.1 * margin)


def test_a_paired_difference_is_narrower_than_its_parts() -> None:
    values = np.random.default_rng(1).normal(size=50)
    assert bootstrap(lambda chosen: (values + 1)[chosen].mean() - values[chosen].mean(), 50) == pytest.approx((1, 1))


def test_resamples_without_a_value_do_not_count_and_too_many_of_them_leave_no_interval() -> None:
    assert bootstrap(lambda chosen: float("nan") if chosen[0] == 0 else 1.0, 100) == (1.0, 1.0)
    assert bootstrap(lambda chosen: float("nan"), 100) is None
    assert bootstrap(lambda chosen: 1.0, 1) is None
