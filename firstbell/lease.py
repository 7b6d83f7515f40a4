"""Leave to load a line: what one heavy test may use of it, or why it may not run now."""

import msgspec


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """One test of one `kind` (its probe's name), which ends at whichever of the two bounds comes first.

    `max_bytes` counts both directions together.
    """

    kind: str
    max_bytes: int
    max_seconds: float


class Refusal(msgspec.Struct, frozen=True):
    """The test may not run now; `reason` is a sentence for people."""

    reason: str
