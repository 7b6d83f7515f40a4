"""Dicts, lists and plain values as YAML: all that provisioning files need, and no library for it."""

import json
from collections.abc import Iterator, Mapping, Sequence

Value = str | int | float | bool | None | Mapping[str, "Value"] | Sequence["Value"]


def dump(value: Mapping[str, Value], comment: str) -> str:
    """A document under a line of comment; texts are always in double quotes, as JSON has them."""
    return "\n".join([f"# {comment}", *_mapping(value, "")]) + "\n"


def _mapping(value: Mapping[str, Value], indent: str) -> Iterator[str]:
    for key, inner in value.items():
        yield from _entry(f"{indent}{key}:", inner, indent)


def _sequence(value: Sequence[Value], indent: str) -> Iterator[str]:
    for inner in value:
        if isinstance(inner, Mapping) and inner:
            first, *others = _mapping(inner, f"{indent}  ")
            yield f"{indent}- {first.lstrip()}"
            yield from others
        else:
            yield from _entry(f"{indent}-", inner, indent)


def _entry(head: str, value: Value, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        yield head
        yield from _mapping(value, f"{indent}  ")
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        yield head
        yield from _sequence(value, f"{indent}  ")
    else:
        yield f"{head} {json.dumps(value, ensure_ascii=False)}"
