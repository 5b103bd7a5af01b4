"""The texts that bytes may stand for, when a header names a charset or the bytes look like one. For looking only.

Codecs are taken from a list: asking Python for a name of the client's choice would import and remember it, and some of
its codecs need time that grows with the square of the length.
"""

from __future__ import annotations

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
_IGNORED = str.maketrans("", "", "-_: .'\"")


def codec(charset: str) -> str | None:
    """Python's name of the codec for a declared charset; None for UTF-8, for none and for one that is not known."""
    return _FAMILIES.get(charset.lower().translate(_IGNORED))


def readings(data: bytes, charset: str) -> list[str]:
    """`data` as UTF-8, and as what else it may be: never empty, what cannot be decoded replaced."""
    found = [data.decode("utf-8", "replace")]
    declared = codec(charset)
    # Python's json.loads guesses these from the place of zero bytes (RFC 4627, 3), and so do apps that call it.
    guessed = detect_encoding(data) if b"\0" in data[:4] or data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    for name in (declared, guessed):
        if name is not None and not name.startswith("utf-8"):
            text = data.decode(name, "replace")
            if text not in found:
                found.append(text)
    return found
