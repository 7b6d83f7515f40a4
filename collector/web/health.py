"""Whether the collector does its work, in one look: for people, and for whoever restarts it."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from collector.clock import Clock
from collector.coordinator.coordinator import Coordinator
from collector.identity.registrar import Registrar
from collector.intake import Intake
from collector.letters import Letters
from collector.registry import Folder
from collector.store.errors import StoreError
from collector.store.journal import Journal
from collector.store.reads import Counts, Reads
from collector.store.writer import Writer
from firstbell.readiness.models import Targets


class LinkState(Protocol):
    """What is to be known of the connection to the broker."""

    received: int
    acknowledged: int
    outlived: int
    answered: int
    unsaid: int
    rebuilt: int
    oversized: int

    @property
    def connected(self) -> bool:
        """Whether the broker took us in and lets us hear the boxes."""

    def nudge(self, agent: str) -> bool:
        """Ask a box to run its cheap checks now; whether it could be said."""


class Parts(NamedTuple):
    """The collector's working parts, to look at. `folder` is where the journal lies.

    `folder_now` gives the district folder as it was loaded last: one without schools where there is none.
    `folder_trouble` says why what lies on the disk is not that; "" where it is. `simulated`: it is a demo,
    which needs no broker and has no box to ask. `program` is how `firstbell` is typed on this machine. A demo
    has no `coordinator`: nothing is tested there. `journal` takes down what operators decide.
    `influx_trouble` says why nothing goes to InfluxDB, "" while it does; None where none is named.
    `registrar` gives boxes their certificates, and `letters` takes what they bring by HTTPS; None where the
    district has no authority of its own. `certificates` says what is to be done about the district's own, in
    sentences; `backup_trouble` that the last good backup is old, "" where it isn't, or none are made.
    """

    writer: Writer
    intake: Intake
    reads: Reads
    link: LinkState
    clock: Clock
    folder: Path
    folder_now: Callable[[], Folder]
    folder_trouble: Callable[[], str]
    targets: Targets
    simulated: bool = False
    program: str = "firstbell"
    coordinator: Coordinator | None = None
    journal: Journal | None = None
    influx_trouble: Callable[[], str] | None = None
    registrar: Registrar | None = None
    certificates: Callable[[], Sequence[str]] = tuple
    letters: Letters | None = None
    backup_trouble: Callable[[], str] = lambda: ""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of /healthz. `ok` is all that has to hold; the rest says why it doesn't, or is worth a look.

    A demo (`simulated`) is well without a broker. `last_commit_age_s` is None before the first commit;
    `boxes`, `suspended_boxes`, `quarantine_rows` are None while the journal can't be read. `district_trouble`
    says why the district folder on the disk is not the one in use. `influx_trouble` says why nothing goes to
    InfluxDB (None where none is named), which is `influx_behind` reports behind (None before anything was
    tried): no reason not to be ok. Nor are `certificate_troubles`, what ends soon, or was not renewed, and
    `backup_trouble`, that the last good backup is old.
    """

    ok: bool
    simulated: bool
    broker_connected: bool
    journal_readable: bool
    journal_writable: bool
    trouble: str
    disk_full: bool
    disk_free_mib: float
    waiting_reports: int
    last_commit_age_s: float | None
    boxes: int | None
    suspended_boxes: int | None
    quarantine_rows: int | None
    unknown_versions: dict[str, str]
    district_trouble: str
    influx_trouble: str | None
    influx_behind: int | None
    certificate_troubles: tuple[str, ...]
    backup_trouble: str = ""


def look(parts: Parts) -> Health:
    """Look at every part once."""
    writer = parts.writer
    counts = counts_of(parts.reads)
    trouble = writer.complaint()
    last = writer.figures.last_commit_at
    return Health(
        ok=not trouble and counts is not None and (parts.link.connected or parts.simulated),
        simulated=parts.simulated,
        broker_connected=parts.link.connected,
        journal_readable=counts is not None,
        journal_writable=not trouble,
        trouble=trouble,
        disk_full=writer.disk_full,
        disk_free_mib=round(shutil.disk_usage(parts.folder).free / (1 << 20), 1),
        waiting_reports=writer.depth,
        last_commit_age_s=None if last is None else round(parts.clock.monotonic() - last, 3),
        boxes=counts.boxes if counts else None,
        suspended_boxes=counts.suspended if counts else None,
        quarantine_rows=counts.quarantine.rows if counts else None,
        unknown_versions=parts.intake.unknown_versions,
        district_trouble=parts.folder_trouble(),
        influx_trouble=parts.influx_trouble() if parts.influx_trouble else None,
        influx_behind=behind_of(parts.reads),
        certificate_troubles=tuple(parts.certificates()),
        backup_trouble=parts.backup_trouble(),
    )


def behind_of(reads: Reads) -> int | None:
    """How many reports InfluxDB is behind; None before anything was tried, or where nobody can say."""
    try:
        state = reads.shipped()
        return None if state is None else reads.facts_until() - state.arrival
    except StoreError:
        return None


def counts_of(reads: Reads) -> Counts | None:
    """The journal in figures; None while it can't be read."""
    try:
        return reads.counts()
    except StoreError:
        return None
