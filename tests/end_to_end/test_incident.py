"""The runbook's worst page, walked through: the authority's key leaked, and every box gets a card again."""

import shutil
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from agent import enrol
from agent.enrol import OutOfReachError
from agent.identity import AUTHORITIES, Identity
from collector.identity import authority
from collector.identity.registrar import Registrar
from collector.web.access import Slowness
from firstbell.enrolment import Granted
from tests.collector.web.site import parts_of, serving
from tests.collector.workbench import Bench
from tests.end_to_end.test_enrol import Site


def believed(site: Site, certificate: Path) -> bool:
    """Whether a server that goes by the district's file of authorities would let this certificate in."""
    argv = ["openssl", "verify", "-CAfile", str(site.folder / "ca" / "ca.pem"), str(certificate)]
    return subprocess.run(argv, check=False, capture_output=True).returncode == 0


def let_in(site: Site, box: Identity, authorities: Path) -> None:
    """By a card of its own that bears these authorities."""
    card = site.card("lincoln-1", automatic=True)
    word = enrol.ask(card, box, enrol.tls_of(card, authorities, box, site.stamp()))
    assert isinstance(word, Granted)
    assert box.take(word)


def test_after_the_authoritys_key_leaked_nothing_of_the_old_one_is_believed(tmp_path: Path) -> None:
    """Neither the box's certificate by a server, nor, once the box has its new card, the old authority by the box."""
    with closing(Bench(tmp_path)) as made:
        site = Site(tmp_path, made)
        parts = parts_of(made)
        with serving(
            parts._replace(registrar=site.registrar), site.tokens, Slowness(site.pause), tls=tmp_path
        ) as site.port:
            let_in(site, Identity(tmp_path / "box"), tmp_path / "ca")
        before = tmp_path / "box" / "box.pem"
        assert believed(site, before)

        shutil.move(tmp_path / "ca", tmp_path / "leaked")
        signs = authority.make(tmp_path, "Example", time.time_ns())  # noqa: TID251 - the clients' clock is the machine's
        site.registrar = Registrar(made.journal, signs, made.clock)
        site.registrar.publish()
        server, key = signs.for_server(["localhost"], made.clock.now_ns())
        (tmp_path / "cert.pem").write_text(server.pem, encoding="ascii")
        (tmp_path / "key.pem").write_text(key, encoding="ascii")
        assert not believed(site, before)

        with serving(
            parts._replace(registrar=site.registrar), site.tokens, Slowness(site.pause), tls=tmp_path
        ) as site.port:
            box = Identity(tmp_path / "box")
            with pytest.raises(OutOfReachError, match="certificate verify failed"):
                let_in(site, box, tmp_path / "leaked")
            let_in(site, box, tmp_path / "ca")
        assert believed(site, before)
        kept = (tmp_path / "box" / AUTHORITIES).read_text(encoding="ascii")
        assert kept == (tmp_path / "ca" / "ca.pem").read_text(encoding="ascii")
        assert (tmp_path / "leaked" / "ca.pem").read_text(encoding="ascii") not in kept
