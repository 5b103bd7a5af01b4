"""The texts that bytes may stand for, when a header names a charset or the bytes look like one. For looking only.

Codecs are taken from a list: asking Python for a name of the client's choice would import and remember it, and some of
its codecs need time that grows with the square of the length.
"""

from __future__ import annotations

import re
from json import detect_encoding

_FAMILIES = {
    "utf7": "utf-7", "utf16": "utf-16", "utf16le": "utf-16-le", "utf16be": "utf-16-be", "ucs2": "utf-16",
    "utf32": "utf-32", "utf32le": "utf-32-le", "utf32be": "utf-32-be", "ucs4": "utf-32",
    "latin1": "latin-1", "iso88591": "latin-1", "iso885915": "iso8859-15", "iso88592": "iso8859-2",
    "windows1250": "cp1250", "windows1251": "cp1251", "windows1252": "cp1252", "cp1250": "cp1250", "cp1251": "cp1251",
    "cp1252": "cp1252", "koi8r": "koi8-r", "shiftjis": "shift_jis", "sjis": "shift_jis", "eucjp": "euc_jp",
    "iso2022jp": "iso2022_jp", "iso2022kr": "iso2022_kr", "gbk": "gbk", "gb2312": "gb2312", "gb18030": "gb18030",
    "hzgb2312": "hz", "big5": "big5", "euckr": "euc_kr", "ibm037": "cp037", "cp037": "cp037", "ibm500": "cp500",
}  # fmt: skip
_MARKS = (b"\xff\xfe", b"\xfe\xff")
# What two bytes of printable ASCII are as one character, and how much of a text is asked for them.
_PAIR = re.compile("[" + "".join(f"{chr(high * 256 + 32)}-{chr(high * 256 + 126)}" for high in range(32, 127)) + "]")
_SAMPLE = 2_000
_IGNORED = str.maketrans("", "", "-_: .'\"")


def codec(charset: str) -> str | None:
    """Python's name of the codec for a declared charset; None for UTF-8, for none and for one that is not known."""
    return _FAMILIES.get(charset.lower().translate(_IGNORED))


def readings(data: bytes, charset: str) -> list[str]:
    """`data` as UTF-8, and as what else it may be: never empty, what cannot be decoded replaced.

    Zero bytes that are halves of characters of another reading are no characters of the first one.
    """
    narrow, others = data.decode("utf-8", "replace"), []
    for name in _wider(data, codec(charset)):
        text = data.decode(name, "replace").removeprefix("\ufeff")
        if text not in others:
            others.append(text)
    if "\0" in narrow and any(map(_is_wide_text, others)):
        narrow = narrow.replace("\0", "")
    return [narrow, *(text for text in others if text != narrow)]


def _wider(data: bytes, declared: str | None) -> list[str]:
    """The codecs of the declared charset and of what the bytes look like, UTF-8 left out."""
    found = [] if declared is None else [declared]
    if declared == "utf-16" and data[:2] not in _MARKS:
        # Without a mark it is big-endian (RFC 2781, 4.3); Python takes it for what the machine is.
        found = ["utf-16-be", "utf-16-le"]
    # Python's json.loads guesses these from the place of zero bytes (RFC 4627, 3), and so do apps that call it.
    if b"\0" in data[:4] or data[:2] in _MARKS:
        found.append(detect_encoding(data))
    return [name for name in found if not name.startswith("utf-8")]


def _is_wide_text(text: str) -> bool:
    """Whether text was read as it was meant: narrow text read in pairs is made of two letters of ASCII each."""
    sample = text[:_SAMPLE]
    narrow = sum(char < "\u0250" for char in sample)
    pairs = len(_PAIR.findall(sample))
    meant = 4 * narrow >= len(sample) or 4 * pairs <= 3 * (len(sample) - narrow)
    return meant and "\0" not in text and "\ufffd" not in text
