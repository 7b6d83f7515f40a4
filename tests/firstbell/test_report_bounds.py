"""Numbers in a report stay within what every store keeps."""

import pytest

from firstbell import wire
from firstbell.wire import ImpossibleError

_ROW = b'{"status":"ok","probe":"latency","at_ns":1,"duration_s":1.0,"clock":"ntp",%s}'
_EPOCH = b"0123456789abcdef"


@pytest.mark.parametrize(
    ("field", "why"),
    [
        (b'"readings":{"echoes_sent":1%s}' % (b"0" * 400), "whole number"),
        (b'"readings":{"new_metric":9223372036854775808}', "whole number"),
        (b'"clock_error_ms":-0.5', "clock_error_ms"),
        (b'"not_before_ns":-1', "not a time"),
        (b'"not_after_ns":9999999999999999999', "not a time"),
        (b'"opening":{"predecessor":null,"last_seq":4294967297}', "last_seq"),
        (b'"opening":{"predecessor":null,"last_seq":-1}', "last_seq"),
        (b'"opening":{"predecessor":"x"}', "predecessor"),
        (b'"opening":{"predecessor":null,"ended":"a b"}', "ended"),
        (b'"losses":[{"epoch":"%s","first":1,"last":4294967297,"reason":"x"}]' % _EPOCH, "ranges"),
        (b'"losses":[{"epoch":"%s","first":2,"last":1,"reason":"x"}]' % _EPOCH, "ranges"),
        (b'"losses":[{"epoch":"%s","first":1,"last":2,"reason":"\\n"}]' % _EPOCH, "reason"),
    ],
)
def test_a_number_beyond_its_bounds_is_impossible(field: bytes, why: str) -> None:
    """Each is refused by name, and none by a crash."""
    with pytest.raises(ImpossibleError, match=why):
        wire.read_report(_ROW % field)


def test_numbers_within_their_bounds_are_read() -> None:
    """The largest that may be are."""
    row = _ROW % (
        b'"readings":{"new_metric":9223372036854775807},'
        b'"opening":{"predecessor":"%s","last_seq":4294967296,"ended":"power"},'
        b'"losses":[{"epoch":"%s","first":1,"last":4294967296,"reason":"full"}]' % (_EPOCH, _EPOCH)
    )
    assert wire.read_report(row).readings == {"new_metric": 9223372036854775807}
