"""The vocabulary of copies and roll-ups: whole, and in nobody else's way."""

from firstbell import copies, points
from firstbell.catalogue import METRICS, PROBES
from firstbell.copies import COPIES, STATE_RANKS
from firstbell.readiness.verdict import State


def test_every_state_has_a_rank_and_no_other() -> None:
    """The ranks are those of the verdicts' states, each once, the worst first and ready through being the best."""
    assert set(STATE_RANKS) == {state.value for state in State}
    assert sorted(STATE_RANKS.values()) == list(range(len(State)))
    worst_first = [State.NOT_READY, State.JUST_SHORT, State.READY_UNTIL, State.READY_THROUGH]
    ranks = [STATE_RANKS[state.value] for state in worst_first]
    assert ranks == sorted(ranks)
    assert (ranks[0], ranks[-1]) == (0, len(State) - 1)


def test_no_copy_takes_a_probes_place() -> None:
    """A copy and a probe never share a measurement, and copies have tags that points may have."""
    assert not COPIES.keys() & PROBES.keys()
    assert all(set(copy.tags) <= set(points.TAGS) for copy in COPIES.values())


def test_a_tag_and_a_field_never_share_a_name() -> None:
    """InfluxDB 3 keeps both as columns of one table."""
    for copy in COPIES.values():
        names = [*copy.tags, *copy.kinds()]
        assert len(names) == len(set(names)), copy.name
        assert len(copy.kinds()) == len(copy.fields), copy.name


def test_a_roll_up_has_four_fields_for_each_number() -> None:
    """Mean, least, most and count of each number, and how the reports ended; texts and yes-or-no have none."""
    found = dict(copies.rollups())
    assert len(found) == len(PROBES) * len(copies.SPANS)
    for probe in PROBES.values():
        numbers = [name for name in probe.metrics if METRICS[name].kind not in ("bool", "text", "address")]
        counts = {*copies.STATUS_COUNTS, *(f"count_{name}" for name in numbers)}
        amounts = {f"{how}_{name}" for how in ("mean", "min", "max") for name in numbers}
        wanted = dict.fromkeys(counts, "int") | dict.fromkeys(amounts, "float")
        assert found[f"{probe.name}_1h"] == found[f"{probe.name}_1d"] == wanted
    assert {"mean_battery_pct", "count_battery_pct"} <= found["power_1d"].keys()
