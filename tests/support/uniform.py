"""Is something spread evenly? Statistics with their limits: what chance alone exceeds once in a thousand times."""

import math
from collections import Counter


def chi_square(shares: list[float]) -> float:
    """Against evenness over ten bins: above 27.88 once in a thousand times (9 degrees of freedom)."""
    counts = Counter(int(share * 10) for share in shares)
    expected = len(shares) / 10
    return sum((counts[n] - expected) ** 2 / expected for n in range(10))


def ks_distance(shares: list[float]) -> float:
    """The greatest distance to the uniform distribution, times the root of n: above 1.95 in 0.1 %."""
    n = len(shares)
    steps = [max((k + 1) / n - share, share - k / n) for k, share in enumerate(sorted(shares))]
    return max(steps) * math.sqrt(n)
