"""The formats with letters beyond ASCII: `idn-hostname`, `idn-email`, `iri`, `iri-reference`.

Python has no tables of IDNA 2008, but RFC 5892 derives them from properties that `unicodedata` knows; only the joining
types of letters are written down here, and those of Arabic alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from unicodedata import bidirectional, category, combining, name, normalize

# RFC 5892 2.6: what the derivation alone would get wrong.
_VALID = frozenset("\u00df\u03c2\u06fd\u06fe\u0f0b\u3007")
_INVALID = frozenset("\u0640\u07fa\u302e\u302f\u3031\u3032\u3033\u3034\u3035\u303b")
_LETTERS = frozenset({"Ll", "Lu", "Lo", "Nd", "Lm", "Mn", "Mc"})
# Old Hangul jamo (2.9), what is ignored when text is compared (2.7) and two blocks of symbols (2.8), as far as the
# categories let them through.
_IGNORED = re.compile(
    "[\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7fb\u034f\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\u20d0-\u20ff"
    "\U0001d100-\U0001d24f\U000e0100-\U000e01ef]"
)
_INDIC, _EXTENDED_INDIC = re.compile("[\u0660-\u0669]"), re.compile("[\u06f0-\u06f9]")
# Arabic letters that do not join the one behind them.
_UNJOINED = re.compile(
    "[\u0621-\u0625\u0627\u0629\u062f-\u0632\u0648\u0671-\u0677\u0688-\u0699\u06c0\u06c3-\u06cb\u06cd\u06cf\u06d2\u06d3\u06d5]"
)
_DOTS = re.compile("[.\u3002\uff0e\uff61]")
_LDH = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.I)
# RFC 3987 2.2; private characters only stand in a query.
_UCS = re.compile(
    "[\u00a0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef"
    + "".join(f"{chr(plane << 16)}-{chr((plane << 16) + 0xFFFD)}" for plane in range(1, 14))
    + "\U000e1000-\U000efffd]"
)
_PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]")
_BEYOND_ASCII = re.compile("[\u00a0-\U0010ffff]")


def plain_uri(text: str) -> str:
    """An IRI reference as a URI reference that is right when the IRI is: an escape for each character beyond ASCII."""
    head, sign, query = text.partition("?")
    return _UCS.sub("%20", head) + sign + _UCS.sub("%20", _PRIVATE.sub("%20", query))


def plain_local(text: str) -> str:
    """The part of an address ahead of the `@` (RFC 6531 3.3) as one of ASCII that is right when it is."""
    return _BEYOND_ASCII.sub("a", text)


def is_idn_hostname(text: str) -> bool:
    """RFC 5890 2.3.2.3: labels of letters in IDNA 2008, or of ASCII; 253 characters in all once encoded."""
    if len(text) > 253:
        return False
    labels = _DOTS.split(text)
    encoded = [_encoded(label) for label in labels]
    if None in encoded or len(".".join(filter(None, encoded))) > 253:
        return False
    spelled = [_spelled(label) for label in labels]
    return not any(_is_right_to_left(label) for label in spelled) or all(map(_fits_bidi, spelled))


def _encoded(label: str) -> str | None:
    """The label in ASCII, None when it is none."""
    if label.isascii():
        if not _LDH.fullmatch(label):
            return None
        if label[:4].lower() == "xn--":
            return label if _is_alabel(label) else None
        return None if label[2:4] == "--" else label
    if not _is_ulabel(label):
        return None
    found = "xn--" + label.encode("punycode").decode()
    return found if len(found) <= 63 else None


def _is_alabel(label: str) -> bool:
    spelled = _spelled(label)
    return not spelled.isascii() and _is_ulabel(spelled) and _encoded(spelled) == label.lower()


def _spelled(label: str) -> str:
    """A label of ASCII that stands for another, in its own letters."""
    if label[:4].lower() != "xn--":
        return label
    try:
        return label[4:].lower().encode("ascii").decode("punycode")
    except UnicodeError:
        return label


def _is_ulabel(label: str) -> bool:
    """RFC 5891 4.2.3."""
    if len(label) > 63 or normalize("NFC", label) != label:
        return False
    if label[0] == "-" or label[-1] == "-" or label[2:4] == "--" or category(label[0])[0] == "M":
        return False
    if _INDIC.search(label) and _EXTENDED_INDIC.search(label):
        return False
    return all(_is_allowed(label, at) for at in range(len(label)))


def _is_allowed(label: str, at: int) -> bool:
    char = label[at]
    if char in _CONTEXT:
        return _CONTEXT[char](label, at)
    if char in _VALID or char in "-abcdefghijklmnopqrstuvwxyz0123456789":
        return True
    if char in _INVALID or _IGNORED.match(char) or category(char) not in _LETTERS:
        return False
    return normalize("NFKC", normalize("NFKC", char).casefold()) == char


def _joins(label: str, at: int) -> bool:
    return at > 0 and combining(label[at - 1]) == 9  # a virama


def _joins_or_parts(label: str, at: int) -> bool:
    if _joins(label, at):
        return True
    before, after = label[:at].rstrip(_MARKS), label[at + 1 :].lstrip(_MARKS)
    return _is_arabic(before[-1:]) and _is_arabic(after[:1]) and not _UNJOINED.match(before[-1:])


# Arabic marks, through which letters join.
_MARKS = "".join(map(chr, range(0x64B, 0x660)))


def _is_arabic(char: str) -> bool:
    return char != "" and bidirectional(char) == "AL"


def _script(char: str) -> str:
    return name(char, "").partition(" ")[0]


_CONTEXT: dict[str, Callable[[str, int], bool]] = {
    "\u200c": _joins_or_parts,
    "\u200d": _joins,
    "\u00b7": lambda label, at: label[at - 1 : at] == "l" == label[at + 1 : at + 2],
    "\u0375": lambda label, at: _script(label[at + 1 : at + 2] or " ") == "GREEK",
    "\u05f3": lambda label, at: at > 0 and _script(label[at - 1]) == "HEBREW",
    "\u05f4": lambda label, at: at > 0 and _script(label[at - 1]) == "HEBREW",
    "\u30fb": lambda label, at: any(
        _script(char) in ("HIRAGANA", "KATAKANA", "CJK") for char in label if char != "\u30fb"
    ),
}
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
_IN_LEFT = frozenset({"L", "EN", "ES", "CS", "ET", "ON", "BN", "NSM"})
_IN_RIGHT = frozenset({"R", "AL", "AN", "EN", "ES", "CS", "ET", "ON", "BN", "NSM"})


def _is_right_to_left(label: str) -> bool:
    return any(bidirectional(char) in _RIGHT_TO_LEFT for char in label)


def _fits_bidi(label: str) -> bool:
    """RFC 5893 2: a label of a name that has letters written from right to left."""
    kinds = [bidirectional(char) for char in label]
    ends = [kind for kind in kinds if kind != "NSM"][-1:]
    if kinds[0] == "L":
        return _IN_LEFT.issuperset(kinds) and ends[0] in ("L", "EN")
    if kinds[0] not in ("R", "AL"):
        return False
    mixed = "EN" in kinds and "AN" in kinds
    return _IN_RIGHT.issuperset(kinds) and ends[0] in ("R", "AL", "EN", "AN") and not mixed
