"""Time of requests made to be slow, against `json.loads` of an ordinary JSON document of the same size.

    python benchmarks/crafted.py [--sizes 65536 1048000] [--places json ...] [--every 10] [--most 30]

Every unit, a sign, word or beginning of what some rule or decoder looks for, is repeated up to the size in every place
a request has, also with numbers between so that nothing repeats itself. Printed are the slowest: the ratio at each
size, and the growth of time from the first size to the last, in units of the growth of the size (1 is linear).
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from time import thread_time
from typing import Any
from urllib.parse import quote_plus

import apps
from overhead import request_of

from wsgi_guard import Guard

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
# What servers let through of a request line or a header; beyond that no application sees it.
LINE = 16 * 1024
UNITS = (
    # signs
    "'", '"', "`", "(", ")", "[", "]", "{", "}", "<", ">", ";", ",", "|", "&", "=", "/", "\\", "%", "#", "-", "*", "+",
    "$", ".", ":", "!", "?", "@", "^", "~", "_", "\x00", "\t", "\n", "\r\n", " ", "a", "1", "\u00e9", "\uff1c",
    "\u2474",
    "\u0301", "\ufdfa",
    # escapes
    "%25", "%2525", "%252525", "%3c", "%u003c", "%c0%ae", "%e0%80%ae", "&lt;", "&lt", "&#60;", "&#x3c;", "&amp;", "&a",
    "&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "&ampamp;", "&#", "&notit;", "\\u003c", "\\x3c", "\\74", "+adw-", "\\u00",
    # SQL
    "'or'", "' or ", "' or 1=1 ", "'='", "''", "'''", "\"\"", "' and '", "1 or ", "' (", "') ", "1)", "1;", "a'b ",
    "union ", "union select ", "select ", "select from ", "(select ", "/*", "*/", "/**/", "/*!", "--", "-- \n", "#\n",
    "waitfor ", "sleep(", "xp_", "char(", "char(1)+", "concat(", "0x41", "@@", "::", ".e", "case ", "if(1",
    "_", "order by ",
    "group by ", "having ", "declare @", "exec ", "insert into ", "; drop ", "or 1=", "||", "&&", "\u2019 or ",
    "\u2019or\u2019",
    # markup and scripts
    "<a ", "<a", "<img ", "< ", "<svg/", "<svg onload=", "<style", "<script", "<script>", "</", "<!--", "<?",
    "<x:", "<a on",
    "<a href=", "<a xmlns=", "<meta ", "<form ", "<link ", "<object ", "<set ", "style=", "on", "onerror", "onerror=",
    " onerror=", "\"onerror=", " on=", "on=", "onabc =", "javascript:", "java\tscript:", "data:", "script", "script:",
    "alert(", "alert", "eval(", "document.", "document.cookie", "location", "function", "constructor", "[]",
    "[](", "].",
    "this[", "import(", "=alert", ")alert", "expression(", "url(", "xmlns", "<a b=c onclick",
    # shells
    ";cat", "; cat ", ";id", "| id", "|", "&id", "\nid", "\ncat ", "`id`", "`id ", "$(", "$(id", "${", "${a",
    "{{", "{cat,",
    "cmd ", "$ifs", "${ifs}", "a''", "c''at", "\\a", "a^b", "$@", "[a]", "/?", "/???", "/bin/", "bin/",
    "/dev/", "-c", "-c ",
    "sh -c", "a=b;$a", "if ", "for ", "alias ", "system(", "/*/", "~/", "$a ", ";a=", "sudo ", ";sudo ", "|sudo env ",
    # paths and LDAP
    "../", "..\\", "..%2f", "..;/", ".../", "/./", "//", "etc/", "/etc/", "proc/1", "var/", "a/../", "a/b/../",
    "c:/", "http://",
    "php:", "file:/", "web-inf/", ".git/", "/.", ".php", "*)", ")(", "*)(", ")(a", "(|", "(&", "objectclass ",
    "objectclass=",
    "objectclass=*",
    # headers, documents, whatever
    "\r\nset-cookie", "\nlocation:", "http/1", "0,", "1e1", "a.b@c.", "eyJhbGciOi", "[{", "]]>", "<![CDATA[", "word ",
    "word, word. ", "don't ", "x=1&", "a:b;", "key: value\n", "SELECT a FROM b WHERE c = 'd';\n", "f(x) { return; }\n",
    "<p class=\"a\">b</p>", "$(document).ready(function(){", "../a/b.png ", "echo $PATH | grep bin\n",
)  # fmt: skip


def text_of(unit: str, size: int) -> str:
    return unit * (size // len(unit) + 1)


def strings(unit: str, size: int) -> Any:
    each = len(json.dumps(unit, ensure_ascii=False).encode()) + 2
    return [unit] * (size // each)


def document(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def one_string(unit: str, size: int) -> bytes:
    each = len(json.dumps(unit, ensure_ascii=False).encode()) - 2
    return document({"a": unit * (size // each)})


def varied(unit: str, size: int) -> bytes:
    """One string in which nothing repeats itself."""
    each = len(json.dumps(unit, ensure_ascii=False).encode()) + 3
    return document({"a": "".join(f"{unit}{number}" for number in range(size // each))})


def numbered(unit: str, size: int) -> bytes:
    """Many strings, each another."""
    each = len(json.dumps(unit * 4, ensure_ascii=False).encode()) + 8
    return document([f"{unit * 4}{number}" for number in range(size // each)])


def names(unit: str, size: int) -> bytes:
    each = len(json.dumps(unit, ensure_ascii=False).encode()) + 12
    return document({f"{unit}{number}": 1 for number in range(size // each)})


def form(unit: str, size: int) -> bytes:
    quoted = quote_plus(unit)
    return b"a=" + (quoted * (size // len(quoted))).encode()


def raw(unit: str, size: int) -> bytes:
    return b"a=" + text_of(unit.replace("&", "%26"), size).encode()[:size]


def fields(unit: str, size: int) -> bytes:
    item = f"a={quote_plus(unit)}&"
    return (item * (size // len(item))).encode()


def part(name: str, text: bytes) -> bytes:
    return b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), text)


def multipart(unit: str, size: int) -> bytes:
    return part("a", text_of(unit, size).encode()[:size]) + b"--x--\r\n"


def parts(unit: str, size: int) -> bytes:
    one = part("a", unit.encode())
    return one * (size // len(one)) + b"--x--\r\n"


def xml(unit: str, size: int) -> bytes:
    item = f"<a>{unit.replace('<', '&lt;')}</a>"
    return ("<r>" + item * (size // len(item)) + "</r>").encode()


def lines(unit: str, size: int) -> bytes:
    each = json.dumps(unit, ensure_ascii=False).encode() + b"\n"
    return each * (size // len(each))


def plain(unit: str, size: int) -> bytes:
    return text_of(unit, size).encode()[:size]


BODIES: dict[str, tuple[str, Callable[[str, int], bytes]]] = {
    "json": (JSON, one_string), "json varied": (JSON, varied),
    "json many": (JSON, lambda unit, size: document(strings(unit, size))),
    "json numbered": (JSON, numbered), "json names": (JSON, names),
    "json broken": (JSON, lambda unit, size: document(strings(unit, size))[:-1]), "form": (FORM, form),
    "form raw": (FORM, raw), "form many": (FORM, fields), "multipart": (MULTIPART, multipart),
    "multipart many": (MULTIPART, parts),
    "lines": ("application/x-ndjson", lines), "xml": ("application/xml", xml), "text": ("text/plain", plain),
}  # fmt: skip
LINES = {
    "query": lambda text: {"QUERY_STRING": f"a={quote_plus(text)}"[:LINE]},
    "query raw": lambda text: {"QUERY_STRING": "a=" + text.encode().decode("latin-1").replace("&", "%26")[:LINE]},
    "path": lambda text: {"PATH_INFO": "/" + text.encode().decode("latin-1")[:LINE]},
    "header": lambda text: {"HTTP_X_NOTE": text.encode().decode("latin-1")[:LINE]},
    "cookie": lambda text: {"HTTP_COOKIE": text.encode().decode("latin-1")[:LINE]},
    "referer": lambda text: {"HTTP_REFERER": "https://a/b?" + text.encode().decode("latin-1")[:LINE]},
}  # fmt: skip


def requests(place: str, unit: str, size: int) -> Callable[[Any], Any]:
    if place in BODIES:
        kind, make = BODIES[place]
        return lambda app: request_of(app, "POST", make(unit, size), CONTENT_TYPE=kind)
    keys = LINES[place](text_of(unit, LINE))
    return lambda app: request_of(app, "GET", **keys)


def took(ready: Callable[[], Callable[[], Any]], rounds: int, text: str) -> tuple[float, float]:
    """What a request takes, and what reading `text` takes in turns with it: both share the machine's moods."""
    best = reading = 1e9
    for _ in range(rounds):
        request = ready()
        reading = min(reading, timed(lambda: json.loads(text)), timed(lambda: json.loads(text)))
        best = min(best, timed(request))
        reading = min(reading, timed(lambda: json.loads(text)))
    return best, reading


def readied(place: str, unit: str, size: int, mode: str) -> Callable[[], Callable[[], Any]]:
    """Makes a request of a guard that has answered another one."""
    make = requests(place, unit, size)
    if place in BODIES:
        app = guarded(mode)
        return lambda: make(app)

    def afresh() -> Any:
        # What was found innocent in headers and paths is remembered: nothing is measured twice.
        app = guarded(mode)
        request_of(app, "GET", QUERY_STRING="a=%27b%27%3B", PATH_INFO="/c")()
        return make(app)

    return afresh


def timed(act: Callable[[], Any]) -> float:
    begin = thread_time()
    act()
    return thread_time() - begin


def ordinary(size: int) -> str:
    return json.dumps([apps.DOCUMENT] * (size // 458))


def guarded(mode: str) -> Any:
    settings = {"validation": {"threats": {"mode": mode, "scan": "2 MiB"}}}
    return Guard(apps.bare, {**settings, "log": {"access": False}}, only=("validation",))


Row = tuple[str, str, list[float], list[float]]


def rows(
    places: list[str], sizes: list[int], rounds: int, mode: str, units: tuple[str, ...]
) -> Iterator[Row]:  # fmt: skip
    """Place, unit, and for each size the time and the ratio."""
    for place in places:
        print(f"{place} ...", flush=True)
        for unit in units:
            each = [
                took(readied(place, unit, size, mode), rounds, ordinary(size if place in BODIES else LINE))
                for size in sizes
            ]
            yield place, unit, [time for time, _ in each], [time / reading for time, reading in each]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64 * 1024, 256 * 1024, 1024 * 1024 - 512])
    parser.add_argument("--places", nargs="+", default=[*BODIES, *LINES])
    parser.add_argument("--mode", default="shadow", help="shadow goes on behind a finding, block does not")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--every", type=int, default=1, help="take each n-th unit only")
    parser.add_argument("--most", type=int, default=30, help="rows to print")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    given = parser.parse_args()
    logger = logging.getLogger("wsgi_guard")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    found = []
    units = UNITS[:: given.every]
    for place, unit, times, ratios in rows(given.places, given.sizes, given.rounds, given.mode, units):
        growth = times[-1] / times[0] / (given.sizes[-1] / given.sizes[0])
        found.append((max(ratios), place, unit, ratios, growth if place in BODIES else 1))
    found.sort(reverse=True, key=lambda row: row[0])
    print(f"{len(units)} units in {len(given.places)} places")
    print(f"{'place':14} {'unit':34}" + "".join(f"{size:>10,}" for size in given.sizes) + "    growth")
    for _, place, unit, ratios, growth in found[: given.most]:
        print(f"{place:14} {unit!r:34.34}" + "".join(f"{ratio:10.1f}" for ratio in ratios) + f"{growth:10.2f}")
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
