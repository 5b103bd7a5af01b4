"""How many days a certificate has left: that of a TLS endpoint, or the first to end of those in a PEM file.

Reads the dates alone: who signed it is for those to judge who connect, and an expired one must be seen too.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from wsgi_guard.deadline import Line, within
from wsgi_guard.settings.fields import Threshold

from .decide import FAIL, PASS, Reading
from .der import validity

# Public authorities renew at a third of a lifetime of 90 days; a week is the time to do it by hand.
WARNS = (Threshold("days_left", "<", 21),)
FAILS = (Threshold("days_left", "<", 7),)
BLOCK = re.compile("-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\\s]{1,100000}-----END CERTIFICATE-----")
LARGEST = 1024 * 1024  # bytes read of a PEM file
DAY = 86400.0


def endpoint(url: str) -> Callable[[float], Reading]:
    """A check of what a server shows; `url` is https:// or tls://host:port, port 443 unless it says."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    return lambda timeout: judge([shown(host, port, timeout)], time.time())


def file(path: str) -> Callable[[float], Reading]:
    """A check of a PEM file, which may hold a chain and a key too."""

    def run(timeout: float) -> Reading:
        import ssl

        with open(path, encoding="ascii", errors="replace") as pem:
            blocks = BLOCK.findall(pem.read(LARGEST))
        if not blocks:
            return Reading(FAIL, "no certificate in the file")
        return judge([ssl.PEM_cert_to_DER_cert(block) for block in blocks], time.time())

    return run


def shown(host: str, port: int, timeout: float) -> bytes:
    """The certificate of a server, as DER. Raises OSError."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    def look(line: Line) -> bytes:
        with context.wrap_socket(line.open(host, port), server_hostname=host) as server:
            return server.getpeercert(binary_form=True) or b""

    return within(timeout, look)


def judge(certificates: list[bytes], now: float) -> Reading:
    """By the one that ends first; ValueError for what is no certificate."""
    spans = [validity(der) for der in certificates]
    begins, ends = max(begin for begin, _ in spans), min(end for _, end in spans)
    observed = {"days_left": round((ends - now) / DAY, 1)}
    if begins > now:
        return Reading(FAIL, "not valid yet", observed)
    return Reading(FAIL, "expired", observed) if ends <= now else Reading(PASS, "", observed)
