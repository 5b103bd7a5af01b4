"""What is cut into pieces is judged whole as well: a value with slashes in a path, a parameter sent in halves."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import pytest

from .asking import FORM, Site
from .mentions import FENCED, MENTIONS

BLOCK = {"mode": "block"}
CUT = (
    "1/**/UNION/**/SELECT/**/password/**/FROM/**/users", "1'/*!50000UnIoN*//*!50000SeLeCt*/1,2,3-- -",
    "1' UNION/*\n*/SELECT 1-- ", "1/*a/b*/union/*c*/select 1,2", "x' or/**/1/**/=/**/1-- ", "; /???/c?t /???/p??s??",
    "|/???/b?n/n?t??t", "x;c\\at /e\\tc/pas\\swd", ";wh\\oami /a", "\n/bin/ls -al\n", "&& /bin/ping -c 1 a.b",
    "$( /usr/bin/id )/x", "php://filter/convert.base64-encode/resource=index.php", "php:/filter/read=x/resource=y",
    "expect://id", "data://text/plain;base64,PD9waHA=", "phar://a/b.phar", "zip://a.zip#b", "file:///etc/hosts",
    "x\r\nLocation: http://evil.example/", "x\nHTTP/1.1 200 OK\n\n<html>", "x\r\nSet-Cookie: a=b/c",
    "a\r\nRefresh: 0;url=https://evil.example/x",
)  # fmt: skip


@pytest.mark.parametrize("folder", ["", "p/", "api/v1/items/"])
def test_an_attack_with_slashes_is_found_in_a_path(folder: str) -> None:
    site = Site(None, threats=BLOCK)
    assert [value for value in CUT if site.ask(f"/{folder}{value}", lawful=False).code != 403] == []
    assert len(CUT) == 23


PATHS = (
    "R&D/ls", "rock&roll/top/date", "a;v=1/cat/id", "cats;dogs/find/x", "R&D/2024/id/5", "a|b/ls", "q&a/sort/time",
    "a/**/b/*.js", "src/*/test/*.py", "x/*/y", "O'Brien/or/Smith", "it's/union/select/5", "d'Arcy/and/1",
    "(a)/select/from/b", "1/or/2", "5/and/6", "a=b/or/c=d", "proxy/https://example.org/a/b.html",
    "go/http://a.example/x?",
    "web/2024/https://a.example/etc/x", "urn:isbn:1/a", "time/12:30/x y", "c++/c#/f#", "50%/off; now/sale",
    "x--y/z -- a",
    "who's/who", "a,b;c/d,e;f", "[draft]/x", "{id}/x/{name}", "wiki/Main_Page;x/Talk:A/B", "tel:+1 (555)/x",
    "a&b/c d/e&f",
    "files/a (1)/b; c/d", "ls & id/x", "$100/month", "mail:a@b.c/x", "tag/C# & F#/top", "maps/@52.5,13.4,12z/data=!3m1",
)  # fmt: skip


def test_ordinary_paths_pass() -> None:
    site = Site(None, threats=BLOCK)
    assert [path for path in PATHS if site.ask(f"/p/{path}", lawful=False).code != 200] == []
    assert len(PATHS) == 38


def test_code_in_a_fence_passes_in_a_path_too() -> None:
    site = Site(None, threats=BLOCK)
    assert [text for text in FENCED if site.ask(f"/notes/{text}", lawful=False).code != 200] == []
    assert len(FENCED) == 33
    # What is no more in a fence is looked at, and what only attacks do in one as well.
    script = "/```\n<script>alert(document.cookie)</script>\n```"
    for path in ("/```a```;cat /etc/passwd", "/```;cat /etc/passwd", script):
        assert site.ask(path, lawful=False).code == 403


HALVES = (
    ("1 UNION/*", "*/SELECT 1,2,3"), ("-1 union/*", "*/select/*", "*/null,null"), ("1' or '", "1'='1"),
    ("<scr", "ipt src=//x.example>"), ("<img src=x one", "rror=alert(1)>"), ("1;wait", "for delay '0:0:5'"),
    ("x;c", "at /etc/passwd"), ("1' union/*", "x", "*/select 1-- "),
)  # fmt: skip


@pytest.mark.parametrize("kind", ["query", "form"])
def test_a_parameter_in_halves_is_put_together(kind: str) -> None:
    site, missed = Site(None, threats=BLOCK), []
    for halves in HALVES:
        sent = urlencode([("a", "1"), *(("q", half) for half in halves), ("b", "x y")])
        if kind == "query":
            answer = site.ask("/", query=sent)
        else:
            answer = site.ask("/", "POST", sent.encode(), CONTENT_TYPE=FORM)
        missed += [halves] if answer.code != 403 else []
    assert missed == []
    assert len(HALVES) == 8


REPEATED = (
    ("O'Brien", "D'Arcy"), ("it's", "5 o'clock"), ("C#", "F#", "C++"), ("R&D", "Q&A"), ("a|b", "c|d"), ("<5", ">10"),
    ("a;b", "c;d"), ("price>5", "name='x'"), ("'a'", "'b'"), ('"a"', '"b"', '"c"'), ("(a)", "(b)"), ("a/b", "c/d"),
    ("../a.png", "../b.png"), ("x=1", "y=2"), ("50%", "100%"), ("a*", "b*"), ("/a", "/b"),
    ("https://a.example/", "https://b.example/?c=d"),
    ("{\"a\": 1}", "{\"b\": 2}"), ("[1]", "[2]"), ("AT&T", "id"), ("rock 'n' roll", "drum & bass"), ("a--b", "c--d"),
    ("l'or", "d'argent"), ("#1", "#2"), ("1/2", "3/4"), ("$5", "$10"), ("a^b", "c^d"), ("x_y", "z!"),
    ("don't", "won't", "can't"),
    ("select one", "union (a)"), ("status:open", "author:\"ann b\""),
)  # fmt: skip


def test_a_parameter_that_repeats_is_no_attack() -> None:
    site = Site(None, threats=BLOCK)
    wrongly = [one for one in REPEATED if site.ask("/", query="&".join(f"t={quote(part)}" for part in one)).code != 200]
    assert wrongly == []
    assert len(REPEATED) == 32


def test_no_segment_hides_in_what_is_spoken_of() -> None:
    site = Site(None, threats=BLOCK)
    texts = [text for texts in MENTIONS.values() for text in texts if "/" not in text and "\n" not in text]
    assert [text for text in texts if site.ask(f"/p/{text}/x", lawful=False).code != 200] == []
    assert len(texts) > 100
