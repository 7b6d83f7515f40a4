"""What boards were told is kept for one store at a time, and forgotten with it."""

import pytest

from collector.store.copied import Copied
from collector.store.errors import UnreadableError
from collector.store.outbox import Outbox
from tests.collector.workbench import Bench

STORE = "a bucket"


def test_what_was_noted_is_found_again(bench: Bench) -> None:
    """The last word at each place; nothing where it was taken away."""
    copied = Copied(bench.journal)
    copied.note(STORE, "Oak", {"one": "a", "two": "b", "three": ""})
    copied.note(STORE, "Oak", {"two": "c", "three": None})
    assert Copied(bench.journal).of(STORE, "Oak") == {"one": "a", "two": "c"}


def test_another_store_or_name_takes_its_place(bench: Bench) -> None:
    """Nothing of what stands elsewhere counts, or is kept for ever."""
    copied = Copied(bench.journal)
    copied.note(STORE, "Oak", {"one": "a"})
    assert copied.of(STORE, "Elm") == copied.of("another", "Oak") == {}
    copied.note(STORE, "Elm", {"two": "b"})
    assert (copied.of(STORE, "Oak"), copied.of(STORE, "Elm")) == ({}, {"two": "b"})


def test_a_note_is_taken_whole_or_not_at_all(bench: Bench) -> None:
    """What can't be noted takes nothing else away, and is told in words."""
    copied = Copied(bench.journal)
    copied.note(STORE, "Oak", {"one": "a"})
    with pytest.raises(UnreadableError, match="takes no note of what boards were told"):
        copied.note(STORE, "Oak", {"one": None, "two": b"no text"})  # type: ignore[dict-item]
    assert copied.of(STORE, "Oak") == {"one": "a"}


def test_a_bucket_that_takes_the_place_of_another_ends_its_words(bench: Bench) -> None:
    """As when it was made anew beside the one in use."""
    outbox, beside = Outbox(bench.journal), Outbox(bench.journal, "anew")
    outbox.begin(STORE, "", "Oak")
    beside.begin("the spare", "", "Oak")
    copied = Copied(bench.journal)
    copied.note(STORE, "Oak", {"one": "a"})
    outbox.take_over(beside.sink)
    assert copied.of(STORE, "Oak") == {}
    outbox.close()
    beside.close()


def test_a_sink_that_begins_anew_has_told_nothing(bench: Bench) -> None:
    """As when the bucket is made anew in place: what stood there was taken away."""
    outbox, copied = Outbox(bench.journal), Copied(bench.journal)
    outbox.begin(STORE, "", "Oak")
    copied.note(STORE, "Oak", {"one": "a"})
    Outbox(bench.journal, "another sink").begin("its bucket", "", "Oak")
    assert copied.of(STORE, "Oak") == {"one": "a"}
    outbox.begin(STORE, "", "Oak")
    assert copied.of(STORE, "Oak") == {}
    outbox.close()
