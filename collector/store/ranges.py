"""Ranges of report numbers, both ends included. Pure."""

from collections.abc import Iterable

from firstbell.wire import Range


def ranges_of(numbers: Iterable[int]) -> list[Range]:
    """The fewest ranges that cover just `numbers`, which must rise."""
    return union((number, number) for number in numbers)


def union(ranges: Iterable[Range]) -> list[Range]:
    """The fewest ranges that cover the same numbers as `ranges`, in order."""
    merged: list[Range] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def without(ranges: Iterable[Range], holes: Iterable[Range]) -> list[Range]:
    """What is left of `ranges` when every number in `holes` is taken out, in order."""
    left = union(ranges)
    for low, high in union(holes):
        left = [
            piece
            for first, last in left
            for piece in ((first, min(last, low - 1)), (max(first, high + 1), last))
            if piece[0] <= piece[1]
        ]
    return left


def size(ranges: Iterable[Range]) -> int:
    """How many numbers lie in `ranges`, which must not overlap."""
    return sum(last - first + 1 for first, last in ranges)
