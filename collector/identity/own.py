"""The certificates of the district's own servers and programs: renewed from their middle on, told in time.

They lie in the data folder: the collector's own beside the settings, the pages' in `web/`, the broker's in
`broker/`, each with its key beside it. Whose authority is somebody else's is not renewed here, but told of.
The key stays, so that the new certificate takes the old one's place in one step.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from collector.identity import authority
from collector.identity.authority import Authority, AuthorityError, NoAuthorityError

NS = 10**9
DAY_NS = 86_400 * NS
FOLDERS = (".", "web", "broker")
TOLD_DAYS = 30
"""A certificate that ends so soon should have been renewed long ago: something keeps it from that."""


class Own(NamedTuple):
    """A certificate in the data folder. `ours`: this district's authority signed it, and signs the next."""

    path: Path
    begins_ns: int
    ends_ns: int
    ours: bool

    def due(self, now_ns: int) -> bool:
        """Whether the next one is to be signed here."""
        return self.ours and now_ns >= (self.begins_ns + self.ends_ns) // 2


class Seen(NamedTuple):
    """A look at all of them. `troubles` are sentences about what somebody has to do something about."""

    found: list[Own]
    renewed: list[Own]
    troubles: list[str]


def seen(
    folder: Path, named: Sequence[str], now_ns: int, *, renews: bool = False, every: bool = False
) -> Seen:
    """Look at each certificate; with `renews` the next ones are signed where they are due, or `every` one."""
    look = Seen([], [], [])
    signs = None
    with _telling(look):
        signs = authority_in(folder)
    for path in paths(folder, named):
        with _telling(look, f"{path}: "):
            look.found.append(_look(path, signs))
            if signs and renews and look.found[-1].ours and (every or look.found[-1].due(now_ns)):
                _renew(look, signs, now_ns, every=every)
    look.troubles.extend(_troubles(look.found, signs, now_ns))
    return look


def authority_in(folder: Path) -> Authority | None:
    """The district's authority; None where it has none of its own. Raises AuthorityError."""
    try:
        return Authority(folder)
    except NoAuthorityError:
        return None


@contextmanager
def _telling(look: Seen, what: str = "") -> Iterator[None]:
    try:
        yield
    except AuthorityError as error:
        look.troubles.append(f"{what}{error}")


def paths(folder: Path, named: Sequence[str] = ()) -> list[Path]:
    """The files of certificates in the data folder `folder`, and those that the settings name."""
    found = {path for each in FOLDERS for path in (folder / each).glob("*.pem") if _has_key(path)}
    return sorted(found | {folder / name for name in named if name})


def _look(path: Path, signs: Authority | None) -> Own:
    pem = _text(path)
    if signs is None:
        return Own(path, 0, authority.ends_ns_of(pem), ours=False)
    return Own(path, *_said(signs, pem))


def _renew(look: Seen, signs: Authority, now_ns: int, *, every: bool) -> None:
    """Sign the certificate after the last one found, in its place."""
    old = look.found[-1]
    issued = signs.anew(_text(old.path), now_ns)
    # Near its authority's end the next one would end with the old one: again and again, for nothing.
    if issued.ends_ns < old.ends_ns + DAY_NS and not every:
        return
    try:
        authority.write(old.path, issued.pem.encode(), old.path.stat().st_mode & 0o777)
    except OSError as error:
        raise AuthorityError(f"the next one can't be written: {error.strerror or error}") from error
    look.found[-1] = Own(old.path, *_said(signs, issued.pem))
    look.renewed.append(look.found[-1])


def _troubles(found: Sequence[Own], signs: Authority | None, now_ns: int) -> list[str]:
    """The authority's comes first, then whatever ends first."""
    told = [_trouble(each, now_ns) for each in sorted(found, key=lambda own: own.ends_ns)]
    return [each for each in [_authoritys(signs, now_ns), *told] if each]


def _authoritys(signs: Authority | None, now_ns: int) -> str:
    if signs is None or signs.ends_ns > now_ns + authority.RENEW_DAYS * DAY_NS:
        return ""
    if signs.ends_ns <= now_ns:
        return (
            f"The certificate authority ended on {day(signs.ends_ns)}, and no box is let in any more: "
            "`firstbell authority make --follow` makes the next, and each box needs a new card."
        )
    return (
        f"The certificate authority ends on {day(signs.ends_ns)}, and what it signs ends with it: "
        "`firstbell authority make --follow` now makes the next, and boxes follow by themselves."
    )


def _trouble(own: Own, now_ns: int) -> str:
    if own.ends_ns > now_ns + TOLD_DAYS * DAY_NS:
        return ""
    when = f"{'ended' if own.ends_ns <= now_ns else 'ends'} on {day(own.ends_ns)}"
    if own.ours:
        return f"{own.path} {when} and was not renewed: `firstbell authority renew` does it, or says why not."
    return f"{own.path} {when}: put the next one there, of whoever gave you this one."


def day(ns: int) -> str:
    """As 2036-11-27."""
    return f"{datetime.fromtimestamp(ns // NS, UTC):%Y-%m-%d}"


def _said(signs: Authority, pem: str) -> tuple[int, int, bool]:
    held = signs.held(pem)
    return held.begins_ns, held.ends_ns, held.ours


def _has_key(path: Path) -> bool:
    return path.with_suffix(".key").exists()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "this is no certificate"
        raise AuthorityError(f"it can't be read: {why}") from error
