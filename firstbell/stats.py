"""The one place where quantiles are computed. Nearest rank, as InfluxQL's PERCENTILE does."""

import itertools
import math
from collections.abc import Sequence
from functools import lru_cache

CONFIDENCE = 0.95


def nearest_rank(values: Sequence[float], q: float) -> float:
    """The smallest value with at least a share `q` (0 < q <= 1) of all values at or below it.

    Raises ValueError without values or with q outside (0, 1].
    """
    if not values or not 0 < q <= 1:
        raise ValueError("nearest_rank wants values and 0 < q <= 1")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(q * len(ordered) - 1e-9) - 1)]


def jitter(round_trips: Sequence[float]) -> float:
    """Mean absolute difference between neighbours, in the unit of `round_trips`; 0 for fewer than two."""
    steps = [abs(b - a) for a, b in itertools.pairwise(round_trips)]
    return sum(steps) / len(steps) if steps else 0.0


def half_width(values: Sequence[float]) -> float:
    """Half of the interval that holds their mean 95 times of 100, in their unit; 0 for fewer than two.

    1.96 * SD / sqrt(n / 2): neighbours of a series are not independent, so half of them count (facts:
    measurement.md 1.4).
    """
    n = len(values)
    if n < 2:  # noqa: PLR2004 - one has no spread
        return 0.0
    mean = math.fsum(values) / n
    variance = math.fsum((value - mean) ** 2 for value in values) / n
    return 1.96 * math.sqrt(variance) / math.sqrt(n / 2)


def bounded_quantile(n: int, confidence: float = CONFIDENCE) -> float:
    """The quantile for which the minimum of `n` independent tests is a lower bound: 1-(1-q)^n = confidence.

    n=10 gives 0.259, n=29 gives 0.098 (order statistics; facts: targets.md 3.4).
    """
    if n < 1:
        raise ValueError("bounded_quantile wants at least one test")
    return float(1 - (1 - confidence) ** (1 / n))


@lru_cache(maxsize=4096)  # a district asks for the same few numbers of tests again and again
def bound_rank(n: int, q: float, confidence: float = CONFIDENCE) -> int:
    """The largest k whose k-th smallest of `n` tests is a lower bound of the `q` quantile; 0 if none is.

    P(X_(k) <= x_q) = P(Binomial(n, q) >= k) must be at least `confidence`.
    """
    below = 0.0
    for k in range(n + 1):
        # By logarithms: from about a thousand tests on, the coefficients are larger than any float.
        ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        below += math.exp(ways + k * math.log(q) + (n - k) * math.log1p(-q))
        if 1 - below < confidence - 1e-12:
            return k
    return n
