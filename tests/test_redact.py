"""No secret survives, in whatever shape it is planted; what is left is bounded, printable and stable."""

from __future__ import annotations

import base64
import json
import re
import string
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.pace import seconds
from wsgi_guard.redact import DATA_LIMIT, MARK, Redactor, one_line, plain_text

REDACTOR = Redactor()

WORDS = string.ascii_letters + string.digits
# Nothing a form, an URL or a command line would have to escape.
MARKS = "!#$*+-./:;=?@_~|^,%\\()[]{}`<>"

plain = st.text(WORDS, min_size=8, max_size=60)
hard = st.builds(
    lambda first, middle, last: first + middle + last,
    st.sampled_from(WORDS), st.text(WORDS + MARKS, min_size=6, max_size=40), st.sampled_from(WORDS),
)  # fmt: skip
anything = st.text(st.characters(codec="utf-8"), min_size=8, max_size=40).map(lambda text: f"k{text}z")
around = st.text(st.characters(codec="utf-8"), max_size=30)


def jwt(secret: str) -> str:
    parts = [b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"1"}', secret.encode()]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def basic(secret: str) -> str:
    return base64.b64encode(f"user:{secret}".encode()).decode()


Shape = tuple[str, Callable[[str], str], st.SearchStrategy[str]]
SHAPES: list[Shape] = [
    ("form field", lambda s: f"user=bob&password={s}&x=1", hard.filter(lambda s: "&" not in s)),
    ("form field behind a prefix", lambda s: f"a=b&db_master_Passwd2={s}", hard),
    ("short name", lambda s: f"pwd={s} host=db", hard),
    ("json", lambda s: json.dumps({"user": "bob", "password": s, "x": [1]}), anything),
    ("compact json", lambda s: json.dumps({"apiKey": s, "x": [1]}, separators=(",", ":")), anything),
    ("json list", lambda s: json.dumps({"tokens": [1, [s], {"a": s}], "x": [1]}), anything),
    ("json unescaped", lambda s: json.dumps({"secret": s}, ensure_ascii=False), anything),
    ("json in json", lambda s: json.dumps(json.dumps({"secret": s, "x": "y"})), anything),
    ("python dict", lambda s: repr({"access_key": s, "user": "bob"}), anything),
    ("parsed form", lambda s: repr({"password": [s], "user": ["bob"]}), anything),
    ("bytes", lambda s: repr({"password": s.encode()}), anything),
    ("keyword argument", lambda s: f"connect(host='h', password={s!r})", anything),
    ("authorization header", lambda s: f"Authorization: Bearer {s}", hard),
    ("basic header", lambda s: f"authorization: basic {s}", plain.map(basic)),
    ("own scheme", lambda s: f"Authorization: Custom {s} more", hard),
    ("cookie header", lambda s: f"Cookie: a=1; sid={s}; b=2", hard),
    ("set-cookie header", lambda s: f"Set-Cookie: id={s}; Path=/; HttpOnly", hard),
    ("environ", lambda s: repr({"HTTP_COOKIE": f"a={s}; b=1", "PATH_INFO": "/"}), anything),
    ("custom header", lambda s: f"X-Api-Key: {s}", hard),
    ("bearer in text", lambda s: f"sent Bearer {s} to the server", plain),
    ("basic in text", lambda s: f"sent basic {s} to the server", plain.map(basic)),
    ("url", lambda s: f"postgresql://app:{s}@db.example:5432/shop?x=1", plain),
    (
        "url with quoted password",
        lambda s: f"redis://:{quote(s, safe='')}@cache/0",
        hard.filter(lambda s: "%" not in s),
    ),
    ("url with raw password", lambda s: f"amqp://app:x{s}@mq/v", st.text(WORDS + "!$*+-._~:/#?", min_size=8)),
    ("url with @ in it", lambda s: f"amqp://app:{s}@mq/v?a=b@c", st.text(WORDS + "!$*+-._~:@", min_size=8)),
    ("sentry dsn", lambda s: f"https://{s}@o1.ingest.sentry.io/42", plain),
    ("url with a token", lambda s: f"https://{s}@git.example/x.git", st.text(WORDS, min_size=12, max_size=50)),
    ("jwt", jwt, plain),
    ("aws key", lambda s: f"AKIA{s}", st.text(string.ascii_uppercase + string.digits, min_size=16, max_size=16)),
    ("github token", lambda s: f"ghp_{s}", st.text(WORDS, min_size=36, max_size=36)),
    ("slack token", lambda s: f"xoxb-{s}", st.text(WORDS, min_size=24, max_size=24)),
    ("stripe key", lambda s: f"sk_live_{s}", st.text(WORDS, min_size=24, max_size=24)),
    ("slack webhook", lambda s: f"https://hooks.slack.com/services/T0/B0/{s}", st.text(WORDS, min_size=24)),
    ("private key", lambda s: f"-----BEGIN RSA PRIVATE KEY-----\n{s}\n-----END RSA PRIVATE KEY-----", plain),
    ("private key cut short", lambda s: f"-----BEGIN OPENSSH PRIVATE KEY-----\n{s}", plain),
    ("private key in repr", lambda s: repr(f"-----BEGIN PRIVATE KEY-----\n{s}\n-----END PRIVATE KEY-----\n"), plain),
    ("sql detail", lambda s: f"DETAIL:  Key (password)=({s}) already exists.", plain),
    ("command line", lambda s: f"pg_dump --db-password {s} shop", hard),
    ("libpq string", lambda s: f"host=db user=app password='{s}' dbname=x", plain),
    ("encoded form", lambda s: urlencode({"next": f"/?password={s}"}), plain),
    ("encoded json", lambda s: quote_plus(json.dumps({"user": "b", "password": s})), plain),
    ("encoded url", lambda s: "to=" + quote(f"postgres://app:{s}@db/x", safe=""), plain),
    ("twice encoded", lambda s: quote(quote(f"token={s}", safe=""), safe=""), plain),
    ("base64 in a url", lambda s: "q=" + quote(base64.b64encode(f"password={s}".encode()).decode(), safe=""), plain),
    ("base64 in a url, unaligned", lambda s: "q=a%2F" + quote(basic(f"token={s}"), safe="") + "%3D&x=1", plain),
    ("encoded jwt", lambda s: "q=" + quote(f"x {jwt(s)}"), plain),
]


def fragments(secret: str) -> list[str]:
    """Every five characters in a row: a secret that survives in part has survived."""
    return [secret[at : at + 5] for at in range(len(secret) - 4)]


def survivors(secret: str, text: str, surroundings: str) -> list[str]:
    return [part for part in fragments(secret) if part in text and part not in surroundings]


@pytest.mark.parametrize(("shape", "secrets"), [shape[1:] for shape in SHAPES], ids=[shape[0] for shape in SHAPES])
def test_planted_secret_never_survives(shape: Callable[[str], str], secrets: st.SearchStrategy[str]) -> None:
    @given(secrets, around, around)
    def check(secret: str, before: str, after: str) -> None:
        text = f"{before}\n{shape(secret)}\n{after}"
        surroundings = f"{before}\n{shape('')}\n{after} {jwt('')} {MARK}"
        left = REDACTOR.text(text)
        assert survivors(secret, left, surroundings) == []
        if shape is jwt:
            assert survivors(jwt(secret), left, surroundings) == []

    check()


def test_shapes_are_all_tried() -> None:
    assert len(SHAPES) == 46


@given(st.text(string.printable, min_size=12, max_size=40), st.sampled_from(["", "a", "a/"]))
def test_known_value_never_survives_base64_in_a_url(secret: str, before: str) -> None:
    coded = quote(base64.b64encode(secret.encode()).decode(), safe="")
    assert coded[:16] not in REDACTOR.knowing([secret]).text(f"see {quote(before)}?q={coded} there")


def readable(left: str) -> str:
    """What a reader makes of all base64 in a text, wherever in a run he begins."""
    runs = re.findall(r"[A-Za-z0-9+/]{4,}", left.replace(MARK, " "))
    cuts = [run[at : at + (len(run) - at) // 4 * 4] for run in runs for at in range(4)]
    return " ".join(base64.b64decode(cut).decode("ascii", "ignore") for cut in cuts)


@given(st.lists(plain, min_size=2, max_size=5, unique=True), st.text(string.ascii_letters, max_size=3))
def test_known_values_never_survive_in_base64_of_them_all(secrets: list[str], before: str) -> None:
    coded = base64.b64encode(json.dumps([before, *secrets]).encode()).decode()
    left = REDACTOR.knowing(secrets).text(f"see {coded} there")
    assert [secret for secret in secrets if survivors(secret, readable(left), readable(f"see {MARK} there"))] == []


def card(digits: str) -> str:
    total = sum(int(d) for d in digits[-2::-2]) + sum(2 * int(d) - 9 * (int(d) > 4) for d in digits[::-2])
    return digits + str(-total % 10)


numbers = st.builds(
    lambda first, rest: card(first + rest), st.sampled_from("23456"), st.text("0123456789", min_size=12, max_size=17)
)


@given(numbers, st.sampled_from(["", " ", "-"]), st.text("abc .,:/", max_size=5), st.text("abc .,:/", max_size=5))
def test_card_numbers_never_survive(number: str, gap: str, before: str, after: str) -> None:
    grouped = (
        gap.join(number[at : at + 4] for at in range(0, len(number) - 4, 4)) + gap + number[-(len(number) % 4 or 4) :]
    )
    if sum(character.isdigit() for character in grouped) != len(number) or len(number) % 4 in (1, 2):
        grouped = number
    assert number not in REDACTOR.text(before + grouped + after).replace(gap or "-", "")
    assert MARK in REDACTOR.text(before + grouped + after)


@pytest.mark.parametrize("number", ["1700000000000", "4111111111111112", "20240102030405", "411111111111"])
def test_other_numbers_stay(number: str) -> None:
    assert REDACTOR.text(f"at {number}") == f"at {number}"


FRAGMENTS = [
    "password", "token", "=", ":", " ", '"', "'", "[", "]", "(", ")", "{", "}", "\\", "&", ",", "\n", "%3D", "%22",
    "abc", "Bearer ", "basic ", "Cookie: ", "authorization", "://", "@", "eyJhbGciOiJIUzI1", ".", "4111111111111111",
    "--secret ", "x=1", "postgres://u:p@h", MARK, "AKIAIOSFODNN7EXAMPLE", "-----BEGIN PRIVATE KEY-----", "%", "%25",
    "é", "None",
]  # fmt: skip


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join))
def test_redacting_twice_changes_nothing(text: str) -> None:
    once = REDACTOR.text(text)
    assert REDACTOR.text(once) == once


HARMLESS = [
    "division by zero",
    "'NoneType' object has no attribute 'id'",
    "invalid literal for int() with base 10: 'abc'",
    "http://localhost:8080/path?mail=a@b.example",
    "connection to server at \"10.0.0.1\", port 5432 failed: Connection refused",
    "password authentication failed for user \"bob\"",
    "2024-05-01T10:11:12.123456+00:00 took 12.5 ms",
    "the basic idea of a bearer",
    "git@github.com:owner/name.git",
    "ssh://git@github.com/owner/name",
    "id 550e8400-e29b-41d4-a716-446655440000 not found",
    "password=None",
    "100% of 20%",
    "shipping: 3, opinion: good, monkey: yes",
]  # fmt: skip


def test_harmless_texts_stay_as_they_are() -> None:
    assert len(HARMLESS) == 14
    assert [REDACTOR.text(text) for text in HARMLESS] == HARMLESS


def test_what_surrounds_a_secret_stays() -> None:
    assert (
        REDACTOR.text("connect(user='bob', password='x', port=1)") == f"connect(user='bob', password='{MARK}', port=1)"
    )
    assert REDACTOR.text("GET /?token=abc&page=2 HTTP/1.1") == f"GET /?token={MARK}&page=2 HTTP/1.1"
    assert REDACTOR.text("postgres://app:pw@db:5432/x") == f"postgres://app:{MARK}@db:5432/x"


NAMES = [
    ("password", True), ("PASSWORD", True), ("db_password_2", True), ("X-Api-Key", True), ("apiKey", True),
    ("api key", True), ("HTTP_AUTHORIZATION", True), ("Set-Cookie", True), ("sessionid", True), ("dbPwd", True),
    ("csrfmiddlewaretoken", True), ("user.pwd", True), ("DSN", True), ("pin", True), ("card_number", True),
    ("shipping", False), ("opinion", False), ("passenger", False), ("authors", False), ("name", False), ("", False),
    ("key", False), ("monkey", False), ("email", False), ("compass", False),
]  # fmt: skip


def test_names_are_judged_by_their_words() -> None:
    assert len(NAMES) == 25
    assert [(name, REDACTOR.secret_name(name)) for name, _ in NAMES] == NAMES


def test_own_names_are_added() -> None:
    own = Redactor(["IBAN", "x-customer-id", "nin"])
    assert own.text("iban=DE123 my-iban: DE4 x_customer_id=7 nin=9 running=1") == (
        f"iban={MARK} my-iban: {MARK} x_customer_id={MARK} nin={MARK} running=1"
    )
    assert own.data({"Customer IBAN": "DE12", "password": "x"}) == {"Customer IBAN": MARK, "password": MARK}


def test_source_keeps_what_is_no_literal() -> None:
    code = "token = login(request, password=form.password, secret='x', pin=1234, key=b'y')"
    assert REDACTOR.code(code) == (
        f"token = login(request, password=form.password, secret='{MARK}', pin={MARK}, key=b'y')"
    )
    assert REDACTOR.code("engine = create_engine('postgres://a:b@h/d')").endswith(f"a:{MARK}@h/d')")


@given(plain, st.integers(0, 130), st.sampled_from(["password={}", "postgres://u:{}@h", "x {}"]))
def test_cut_leaves_no_part_of_a_secret(secret: str, at: int, shape: str) -> None:
    secret = secret if shape != "x {}" else jwt(secret)
    text = "." * at + " " + shape.format(secret) + " " + "." * 5000
    left = REDACTOR.text(text, 100)
    assert survivors(secret, left, shape.format("")) == []
    assert len(left) < 150


def test_cut_says_how_much_is_missing() -> None:
    assert REDACTOR.text("a" * 30, 10).endswith("... [20 more characters]")


LONG = {
    "eyJ": "eyJ", "urls": "a://", "urls with passwords": "a:b@://", "pairs": "=password", "brackets": "password=([{",
    "groups of digits": "123-", "digits": "4", "keys": "-----BEGIN KEY", "escapes": "%41", "bearer": "bearer ",
    "escaped quotes": '\\"password\\":\\"', "words": "a", "options": "--a ", "quotes": "'password':'", "dashes": "-",
    "colons": "token:", "slashes": "\\",
}  # fmt: skip


@pytest.mark.parametrize("piece", LONG.values(), ids=LONG.keys())
def test_time_grows_with_the_length_only(piece: str) -> None:
    def act(text: str) -> str:
        return REDACTOR.text(text, len(text))

    # Eight times the text: a quadratic pattern would take 64 times as long.
    assert seconds(act, piece, 64_000) < 40 * max(seconds(act, piece, 8_000), 0.001)


def test_huge_texts_cost_as_much_as_their_limit() -> None:
    begun = time.perf_counter()
    assert len(REDACTOR.text("password=x " * 1_000_000)) < 9_000
    assert time.perf_counter() - begun < 1


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=9) | st.integers(), inner, max_size=5),
    max_leaves=20,
)


@given(values)
def test_data_becomes_plain_json(value: Any) -> None:
    json.dumps(REDACTOR.data(value), allow_nan=False)


@given(values, plain)
def test_data_hides_planted_secrets(value: Any, secret: str) -> None:
    planted = {"a": [value, {"user": {"Password": secret}}, f"token={secret}"], "cookie": {"x": [secret]}}
    left = json.dumps(REDACTOR.data(planted))
    assert survivors(secret, left, f"user Password token= cookie {MARK} {json.dumps(REDACTOR.data([value]))}") == []


WIDE: dict[str, Any] = {
    "items": [""] * 1_000_000,
    "none": [None] * 1_000_000,
    "lists": [[] for _ in range(100_000)],
    "text": "x" * 10_000_000,
    "texts": ["x" * 10_000] * 1_000,
    "names": {f"name{number}": number for number in range(100_000)},
    "number": 10**5_000,
}


@pytest.mark.parametrize("value", WIDE.values(), ids=WIDE.keys())
def test_data_is_bounded(value: Any) -> None:
    assert len(json.dumps(REDACTOR.data(value))) < 2 * DATA_LIMIT


def test_deep_and_circular_data_end() -> None:
    circle: dict[str, Any] = {}
    circle["again"] = circle
    assert "<dict>" in json.dumps(REDACTOR.data(circle))


def test_numbers_that_could_be_cards_are_hidden() -> None:
    assert REDACTOR.data([4111111111111111, 12, 1.5, float("inf"), True]) == [MARK, 12, 1.5, "inf", True]


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no")


class Sly(str):
    def __getitem__(self, key: Any) -> str:
        raise RuntimeError("no")

    def __str__(self) -> str:
        return self


def test_hostile_objects_break_nothing() -> None:
    assert plain_text(Hostile()) == "<unprintable Hostile>"
    assert type(plain_text(Sly("x"))) is str
    assert REDACTOR.data({"a": Hostile()}) == {"a": "<unprintable Hostile>"}


@given(st.text(st.characters(codec=None)))
def test_one_line_is_one_printable_line(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    line.encode("utf-8")
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in line)


def test_one_line_shows_what_it_escaped() -> None:
    assert one_line("a\r\nb\x1b[31m\u202e\ud800é") == r"a\r\nb\x1b[31m\u202e\ud800é"
