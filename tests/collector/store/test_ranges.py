"""Ranges say the same as sets of numbers."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from collector.store.ranges import ranges_of, size, union, without

_RANGES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 8)).map(lambda pair: (pair[0], sum(pair))))


def numbers(ranges: list[tuple[int, int]]) -> set[int]:
    """The numbers in ranges, one by one."""
    return {number for first, last in ranges for number in range(first, last + 1)}


@given(_RANGES, _RANGES)
def test_union_and_without_are_those_of_sets(
    some: list[tuple[int, int]], others: list[tuple[int, int]]
) -> None:
    """Union, difference and size agree with sets, and no two ranges touch."""
    assert numbers(union(some + others)) == numbers(some) | numbers(others)
    assert numbers(without(some, others)) == numbers(some) - numbers(others)
    merged = union(some)
    assert size(merged) == len(numbers(some))
    assert all(left[1] + 1 < right[0] for left, right in pairwise(merged))


def test_ranges_of_rising_numbers() -> None:
    """Neighbours fall together, others don't."""
    assert ranges_of([1, 2, 3, 7, 9, 10]) == [(1, 3), (7, 7), (9, 10)]
    assert ranges_of([]) == []
