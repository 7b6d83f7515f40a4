"""A real box whose one probe finds what a nonce says, and which writes down elsewhere what it measured.

Everything from the runner to the broker is the product's. What is not: the probe, the clocks (from a file,
so that a test can turn them), and the truth log around `Spool.put`.
"""

import json
import logging
import secrets
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from agent import app, lifeline
from agent.config import BoxSettings, BrokerSettings, ClockSettings, ProbesSettings, Settings, UplinkSettings
from agent.machine.machine import Machine
from agent.spool import Spool
from agent.spool.schema import SpoolWriteError
from firstbell import catalogue
from firstbell.report import Draft, Finding, Stamp
from tests.chaos.clocks import FileClock
from tests.chaos.points import put_in
from tests.oracle import truth
from tests.oracle.truth import TruthLog


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a box is told: who it is, where its things lie, how often it measures how many findings.

    With `measures` false it only sends what it has. `broker` and `uplink` are more of these tables. `exact` says that nothing but its own clock speaks of its
    times as long as that is right.
    """

    name: str
    folder: Path
    truth: Path
    clock: Path
    port: int
    password: str = ""
    every_s: float = 0.2
    findings: int = 20
    measures: bool = True
    spool_max_mb: int = 1024
    ask_time_after_s: float = 0.0
    exact: bool = True
    broker: dict[str, Any] = {}
    uplink: dict[str, Any] = {}

    @property
    def spool(self) -> Path:
        """Its spool's file."""
        return self.folder / "spool.db"

    def text(self) -> str:
        """As it stands on the box's command line."""
        return msgspec.json.encode(self, enc_hook=str).decode()

    def settings(self) -> Settings:
        """As the product wants them."""
        off = ("host", "internet") if self.measures else ("host", "internet", "latency")
        word = "box.password" if self.password else ""
        return Settings(
            box=BoxSettings(name=self.name, spool_max_mb=self.spool_max_mb, timezone="UTC"),
            broker=BrokerSettings(
                port=self.port,
                username=self.name if self.password else "",
                password_file=word,
                reconnect_s=(1, 2),
                **self.broker,
            ),
            uplink=UplinkSettings(**self.uplink),
            clock=ClockSettings(ask_time_after_s=self.ask_time_after_s),
            probes=ProbesSettings(off=off, first_now=True),
            targets=(),
        )


class Driver:
    """The probe of one process, and its truth log."""

    def __init__(self, plan: Plan, clock: FileClock) -> None:
        self._plan, self._clock = plan, clock
        self._token = f"{plan.name}.{secrets.token_hex(4)}"
        self._puts = count(1)
        self._log = TruthLog(plan.truth / f"{self._token}.jsonl")
        self._owed = False

    def measure(self, _machine: Machine, _memory: dict[str, Any]) -> Sequence[Finding]:
        """One turn of the probe."""
        put = next(self._puts)
        found = [truth.finding(truth.nonce(self._token, put, i)) for i in range(self._plan.findings)]
        return msgspec.convert(found, list[Finding])

    def started(self, epoch: str) -> None:
        """The spool is open."""
        self._log.write("start", token=self._token, agent=self._plan.name, epoch=epoch)

    def watch(self) -> None:
        """Write down what goes into the spool from here on, before and after."""
        original = Spool.put

        def put(spool: Spool, drafts: Sequence[Draft]) -> None:
            if not drafts or drafts[0].probe == "box":
                original(spool, drafts)
                return
            number = int(str(drafts[0].readings["nonce"]).rsplit("-", 2)[1])
            self._log.write("intent", **self._intent(drafts[0].stamp, len(drafts)), put=number)
            try:
                original(spool, drafts)
            except SpoolWriteError:
                self._owed = True
                self._log.write("unstored", token=self._token, put=number)
                raise
            epoch, last = self._last()
            # What a box owes to say for itself comes right behind, and takes a number.
            self._log.write(
                "stored", token=self._token, put=number, epoch=epoch, last=None if self._owed else last
            )
            self._owed = False

        put_in(Spool, "put", put)

    def _intent(self, stamp: Stamp, number: int) -> dict[str, Any]:
        true_ns, exact = self._clock.truth(stamp)
        exact = exact and self._plan.exact
        return {"token": self._token, "count": number, "true_ns": true_ns, "exact": exact}

    def _last(self) -> tuple[str, int]:
        with closing(sqlite3.connect(self._plan.spool, timeout=10)) as db:
            epoch, last = db.execute("SELECT epoch, last_seq FROM epochs ORDER BY n DESC LIMIT 1").fetchone()
        return str(epoch), int(last)


def main(plan_text: str) -> None:
    """Be a box until SIGTERM, or until stdin ends."""
    plan = msgspec.json.decode(plan_text, type=Plan, dec_hook=lambda kind, word: kind(word))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.Formatter.converter = time.gmtime
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    lifeline.hold()
    if plan.password:
        (plan.folder / "box.password").write_text(plan.password, encoding="utf-8")
    clock = FileClock(plan.clock)
    machine = replace(Machine.real(), clock=clock)
    put_in(Machine, "real", lambda: machine)
    # Faster than any settings allow: a second is the least for a real box.
    catalogue.PROBES["latency"] = catalogue.PROBES["latency"]._replace(every_s=plan.every_s)
    driver = Driver(plan, clock)
    with app.running(plan.settings(), plan.folder, {"latency": driver.measure}) as box:
        driver.started(box._spool.epoch)
        driver.watch()
        sys.stdout.write(json.dumps({"ready": True}) + "\n")
        sys.stdout.flush()
        box.run(stop)
