"""What secrets look like inside free text, and what the text is without them.

Each function takes a text and returns it with one kind of secret replaced by MARK. Every pattern is anchored on a
literal or on the start of a run and never goes back over it, so that the time is linear for any text.
"""

from __future__ import annotations

import re
from collections.abc import Callable

MARK = "[redacted]"

_TOKEN = re.compile(
    r"-----BEGIN[A-Za-z0-9 +%\\]{0,60}?KEY[\s\S]*?(?:-----END[A-Za-z0-9 +%\\]{0,60}?KEY(?: BLOCK)?-----|\Z)"
    r"|eyJ[\w-]{10,}+(?:\.[\w-]*+){0,4}"  # JSON in base64url: JWT, JWE, signed cookies
    r"|A(?:KIA|SIA|ROA|IDA|BIA|CCA|GPA|NPA)[A-Z0-9]{16,}+"  # AWS key ids
    r"|gh[pousr]_\w{20,}+|github_pat_\w{20,}+|glpat-[\w-]{16,}+|npm_\w{30,}+|pypi-[\w-]{30,}+"
    r"|xox[a-z]-[\w-]{10,}+|hooks\.slack\.com/services/[\w/]++"
    r"|[sr]k_(?:live|test)_\w{10,}+|sk-[\w-]{20,}+|AIza[\w-]{30,}+|SG\.[\w.-]{20,}+|whsec_[\w+/=]{16,}+"
)
_SCHEME = re.compile(
    r"(?i:(?<![a-z_])(bearer)(?:[ \t+]{1,4}|%20|:[ \t]{0,4}))([^\s\"',;<>]{6,}+)"
    r"|(?i:(?<![a-z_])(basic)(?:[ \t+]{1,4}|%20|:[ \t]{0,4}))(?=[a-z]{0,64}[A-Z0-9=/+])([\w+/=%-]{6,}+)"
)
_DIGITS = re.compile(r"(?<!\d)\d{3,}+(?:[ -]\d{3,}+)*+")
_RUN = re.compile(r"[^\s\"'<>]*+")

# name, what may close it, then a separator; or --name and a space.
_PAIR = re.compile(
    r"(?<![\w.-])(?:([\w.-]++)(?:\\{0,3}[\"'`\])]|%22|%27|%5[Dd]){0,3}[ \t]{0,4}(?:=>|:=|==|[=:]|%3[AaDd])[ \t]{0,4}"
    r"|(--[\w-]++)[ \t]{1,4}(?=[^\s=:-]))"
)
_HEADERS = ("cookie", "authorization")
_LINE = re.compile(r"[^\r\n]*+")
_ESCAPED = re.compile(r"(?P<slashes>\\{1,7})[\"'](?:(?!(?<!\\)(?P=slashes)[\"'])[\s\S])*+")
_QUOTED = re.compile(r"(?P<prefix>[bBrRuUfF]{0,2})(?:\"(?:[^\"\\]|\\[\s\S])*+|'(?:[^'\\]|\\[\s\S])*+)")
_BRACKETS = re.compile(r"\"(?:[^\"\\]|\\[\s\S])*+\"?|'(?:[^'\\]|\\[\s\S])*+'?|[\[\](){}]")
_BARE = re.compile(
    r"(?i:(?:bearer|basic|digest|token|apikey|negotiate|ntlm|oauth)(?:[ \t+]{1,4}|%20))?"
    r"[^\s&]*[^\s&\"'\])}>,;.:`]"
)
_MORE = re.compile(r"[^\s&,;)}\]\"'>.:`=][^\s&\"'=:]*+")
_HARMLESS = frozenset({"None", "null", MARK})


def tokens(text: str) -> str:
    """Private keys, JWTs, the keys of well-known services, and what follows Bearer or Basic."""
    text = _TOKEN.sub(MARK, text)
    lowered = text.lower()
    if "bearer" in lowered or "basic" in lowered:
        text = _SCHEME.sub(lambda found: f"{found[1] or found[3]} {MARK}", text)
    return text


def urls(text: str) -> str:
    """The password in `scheme://user:password@host`, and a user that is a token itself, as in a Sentry DSN."""
    if "://" not in text or "@" not in text:
        return text
    first, *rest = text.split("://")
    return "://".join([first, *(_authority(part) for part in rest)])


def _authority(part: str) -> str:
    run = _RUN.match(part)
    end = run.end() if run else 0
    host = min((at for at in (part.find(mark, 0, end) for mark in "/?#") if at >= 0), default=end)
    user, colon, password = part[:host].partition(":")
    at = part.rfind("@", 0, host)
    if at < 0 and colon and not password.isdigit() and not user.startswith("["):
        at = part.rfind("@", 0, end)
    if at < 0:
        return part
    user, colon, _ = part[:at].partition(":")
    if colon:
        return f"{user}:{MARK}{part[at:]}"
    token = user != MARK and (len(user) >= 12 or "sentry" in part[at:end])
    return MARK + part[at:] if token else part


def cards(text: str) -> str:
    """Numbers of 13 to 19 digits, in one piece or in groups, that begin and check like a payment card's."""
    return _DIGITS.sub(_groups, text)


def _groups(found: re.Match[str]) -> str:
    text = found[0]
    if len(text) < 13:
        return text
    groups = [(group.start(), group.end()) for group in re.finditer(r"\d+", text)]
    kept, done, first = [], 0, 0
    while first < len(groups):
        last = _card(text, groups, first)
        if last is not None:
            kept.append(text[done : groups[first][0]])
            done, first = groups[last][1], last
        first += 1
    return MARK.join([*kept, text[done:]])


def _card(text: str, groups: list[tuple[int, int]], first: int) -> int | None:
    """Index of the last group of the longest card number that begins with group `first`."""
    digits, found = "", None
    for index in range(first, len(groups)):
        start, end = groups[index]
        if len(digits) + end - start > 19:
            break
        digits += text[start:end]
        if len(digits) >= 13 and digits[0] in "23456" and _checks(digits):
            found = index
    return found


def _checks(digits: str) -> bool:
    """ISO/IEC 7812-1 annex B, the Luhn formula."""
    odd = sum(int(digit) for digit in digits[::-2])
    even = sum(2 * int(digit) - 9 * (int(digit) > 4) for digit in digits[-2::-2])
    return (odd + even) % 10 == 0


def pairs(text: str, secret: Callable[[str], bool], *, literals: bool = False) -> str:
    """The value in `name=value`, `name: value`, `"name": [...]` or `--name value` where `secret(name)`.

    With `literals` only a quoted or numeric value goes; it is for source code, where the rest is no value.
    """
    kept, done = [], 0
    found = _PAIR.search(text)
    while found:
        at = found.end()
        name = found[1] or found[2]
        if secret(name):
            start, end = _value(text, at, name, literals)
            if end > start and text[start:end] not in _HARMLESS:
                kept += [text[done:start], MARK]
                done = end
            at = max(at, end)
        found = _PAIR.search(text, at)
    return "".join([*kept, text[done:]]) if kept else text


def _value(text: str, at: int, name: str, literals: bool) -> tuple[int, int]:
    """Where the value that begins at `at` starts and ends, its quotes left out; start == end means none."""
    escaped = _ESCAPED.match(text, at)
    if escaped:
        return escaped.end("slashes") + 1, escaped.end()
    quoted = _QUOTED.match(text, at)
    if quoted:
        more = _MORE.match(text, quoted.end() + 1)
        if more is None:
            return quoted.end("prefix") + 1, quoted.end()
        return at, max(more.end(), _bare(text, at, name))
    if literals:
        return at, _bare(text, at, "") if text[at : at + 1].isdigit() else at
    if text[at : at + 1] in ("[", "(", "{"):
        closed = _closed(text, at)
        more = _MORE.match(text, closed)
        return at, max(closed, more.end() if more else closed, _line(text, at, name))
    return at, _bare(text, at, name)


def _bare(text: str, at: int, name: str) -> int:
    """Where a value without quotes ends."""
    found = _BARE.match(text, at)
    return max(found.end() if found else at, _line(text, at, name))


def _line(text: str, at: int, name: str) -> int:
    """The end of the line for a header that may hold spaces, else `at`."""
    header = name.lower().endswith(_HEADERS) and text[at - 1 : at] in (" ", ":", "\t")
    found = _LINE.match(text, at) if header else None
    return found.end() if found else at


def _closed(text: str, at: int) -> int:
    """Behind the bracket that closes the one at `at`, else the end of the text."""
    depth = 0
    for token in _BRACKETS.finditer(text, at):
        if token[0] in "[({":
            depth += 1
        elif token[0] in "])}":
            depth -= 1
        if depth == 0:
            return token.end()
    return len(text)
