"""When the dates of a server's certificate count: only where NTP holds this machine's clock.

A box without a battery in its clock starts at the date that it wrote down last, which may be a year old and
looks like any other. Where nobody sets the clock it would find every newer certificate not good yet, and so
never get to whoever could tell it the time. All else about the certificate counts: who signed it, for whom.
"""

import ssl

from firstbell.report import Stamp

_NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python has no name for."""


def unknown(stamp: Stamp) -> bool:
    """Whether this machine does not know the date, whatever its clock shows."""
    return not stamp.synchronised


def overlook(context: ssl.SSLContext, *, dates: bool) -> None:
    """Let `context` believe a certificate whose time is not now; or, with `dates` False, no more."""
    flags = context.verify_flags & ~_NO_CHECK_TIME
    context.verify_flags = ssl.VerifyFlags(flags | (_NO_CHECK_TIME if dates else 0))
