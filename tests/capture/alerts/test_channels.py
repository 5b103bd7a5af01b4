"""Each channel against a real receiver: what arrives, and what is refused."""

from __future__ import annotations

import base64
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.capture.conftest import Lines
from tests.live.servers import ROOT
from wsgi_guard.capture.alerts.notice import Sender, message
from wsgi_guard.capture.channels.email import Email
from wsgi_guard.capture.channels.slack import Slack, escaped
from wsgi_guard.capture.channels.webhook import Webhook, signature
from wsgi_guard.capture.channels.wire import DeliveryError
from wsgi_guard.errors import ConfigurationError
from wsgi_guard.settings import load
from wsgi_guard.settings.secret import Secret
from wsgi_guard.settings.sections import EmailSection, WebhookSection

from .making import event, notice
from .receivers import Hook, Mail, Proxy, certificate, text_of

ONE = message([notice(title="it broke", event=event(), count=3, total=7)])


def email(mail: Mail, ca: Path | None, **more: object) -> Email:
    settings = mail.settings(password=Secret("pw"))
    settings["recipients"] = tuple(settings["recipients"])
    return Email(EmailSection(**{**settings, **more}), str(ca) if ca else None)


def test_mail_arrives_by_verified_tls_and_login(mail: Mail, tls: tuple[Path, Path]) -> None:
    email(mail, tls[0]).deliver(ONE, 5.0)
    [(recipients, letter, session)] = mail.inbox.wait(1)
    assert recipients == ["ops@shop.example", "dev@shop.example"]
    assert session.ssl is not None
    assert session.authenticated
    assert letter["Subject"] == "[wsgi_guard] first: ERROR other: it broke"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert "error id: " + "0" * 32 in text_of(letter)
    assert "count: 3 since the last message, 7 in all" in text_of(letter)


SHOP = Sender("shop", "staging", "web-1")


def test_messages_say_whose_they_are() -> None:
    check = message([notice(title="health check 'disk' fails")])
    digest = message([notice(title="one", event=event()), notice(title="two")])
    lone = ONE._replace(sender=SHOP)
    assert lone.text().splitlines()[0] == lone.subject() == "shop: first: ERROR other: it broke"
    assert check._replace(sender=SHOP).text().splitlines()[-1] == "from: shop (staging) on web-1"
    assert digest._replace(sender=SHOP).subject() == "shop: digest: 2 alerts, the gravest ERROR"
    assert digest._replace(sender=SHOP).text().splitlines()[1] == "from: shop (staging) on web-1"
    assert check._replace(sender=Sender(host="web-1")).text().splitlines()[::2] == [
        "first: ERROR other: health check 'disk' fails", "from: app on web-1",
    ]  # fmt: skip


def test_certificate_of_nobody_is_refused(mail: Mail) -> None:
    with pytest.raises(DeliveryError, match="SSLCertVerificationError"):
        email(mail, None).deliver(ONE, 5.0)
    assert mail.inbox.now() == []


def test_wrong_password_is_told_without_it(mail: Mail, tls: tuple[Path, Path]) -> None:
    with pytest.raises(DeliveryError, match="SMTPAuthenticationError: 535") as caught:
        email(mail, tls[0], password=Secret("xyzzy-wrong")).deliver(ONE, 5.0)
    assert "xyzzy" not in str(caught.value)


def test_local_server_may_be_without_tls_a_demand_may_not() -> None:
    mail = Mail()
    try:
        email(mail, None, password=None).deliver(ONE, 5.0)
        assert len(mail.inbox.wait(1)) == 1
        with pytest.raises(DeliveryError):
            email(mail, None, password=None, security="starttls").deliver(ONE, 5.0)
    finally:
        mail.close()


def test_goodbye_is_said_and_a_stale_recipient_is_told(lines: Lines) -> None:
    mail = Mail(refuses="gone@shop.example")
    try:
        email(mail, None, password=None, recipients=("gone@shop.example", "ops@shop.example")).deliver(ONE, 5.0)
        [(recipients, _, _)] = mail.inbox.wait(1)
        assert recipients == ["ops@shop.example"]
        assert [record.getMessage() for record in lines.records] == [
            "the mail server does not take alerts for 'gone@shop.example': 550"
        ]
        assert mail.quits.wait(1) == ["QUIT"]
    finally:
        mail.close()


def test_tls_from_the_first_byte_is_verified(tls: tuple[Path, Path]) -> None:
    mail = Mail(tls, implicit=True)
    try:
        email(mail, tls[0], security="tls", password=None).deliver(ONE, 5.0)
        assert len(mail.inbox.wait(1)) == 1
        with pytest.raises(DeliveryError, match="SSLCertVerificationError"):
            email(mail, None, security="tls", password=None).deliver(ONE, 5.0)
        assert len(mail.inbox.now()) == 1
    finally:
        mail.close()


def test_certificate_of_another_name_is_refused(mail: Mail, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "DNS:mail.other.example")
    other = Mail((cert, key), ("guard@shop.example", "pw"))
    try:
        with pytest.raises(DeliveryError, match="SSLCertVerificationError"):
            email(other, cert).deliver(ONE, 5.0)
    finally:
        other.close()


PASSWORDS: list[tuple[str, str, bool]] = [
    ("mail.example", "none", False),
    ("192.0.2.1", "none", False),
    ("127.0.0.1", "none", True),
    ("localhost", "none", True),
    ("::1", "none", True),
    ("mail.example", "starttls", True),
    ("mail.example", "auto", True),
]


@pytest.mark.parametrize(("server", "security", "starts"), PASSWORDS)
def test_no_password_goes_out_in_the_clear(server: str, security: str, starts: bool) -> None:
    table = {"server": server, "security": security, "sender": "a@b.example", "recipients": ["c@d.example"]}
    alerts = {"email": {**table, "password": "xyzzy-of-the-mail"}}
    if starts:
        load({"alerts": alerts}, environ={})
        return
    with pytest.raises(ConfigurationError, match="a password goes to a server") as caught:
        load({"alerts": alerts}, environ={})
    assert "xyzzy" not in str(caught.value)
    load({"alerts": {"email": table}}, environ={})


def test_subject_is_one_line_whatever_the_error_says() -> None:
    mail = Mail()
    try:
        bad = message([notice(title="a\r\nBcc: evil@x.example\r\n\r\nbody")])
        email(mail, None, password=None).deliver(bad, 5.0)
        [(recipients, letter, _)] = mail.inbox.wait(1)
        assert letter["Bcc"] is None
        assert len(recipients) == 2
    finally:
        mail.close()


def test_proxy_leads_to_a_server_whose_certificate_is_verified(tls: tuple[Path, Path]) -> None:
    hook = Hook(tls)
    proxy = Proxy(hook.server_port)
    url, via = Secret(f"https://localhost:{hook.server_port}/in"), Secret(f"http://bob:p%40ss@127.0.0.1:{proxy.port}")
    Slack(url, str(tls[0]), via).deliver(ONE, 5.0)
    assert len(hook.inbox.wait(1)) == 1
    [asked] = proxy.asked.wait(1)
    assert asked.startswith(f"CONNECT localhost:{hook.server_port} HTTP/1.1\r\nHost: localhost:{hook.server_port}\r\n")
    assert f"Proxy-Authorization: Basic {base64.b64encode(b'bob:p@ss').decode()}\r\n" in asked
    with pytest.raises(DeliveryError, match="SSLCertVerificationError"):
        Slack(url, None, via).deliver(ONE, 5.0)
    proxy.close()
    hook.close()


def test_proxy_that_refuses_is_told_as_such(tls: tuple[Path, Path]) -> None:
    proxy = Proxy(9, b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
    section = WebhookSection(url=Secret("https://localhost/in"), proxy=Secret(f"http://127.0.0.1:{proxy.port}"))
    with pytest.raises(DeliveryError, match="the proxy answered 407"):
        Webhook(section, None).deliver(ONE, 5.0)
    proxy.close()


def test_proxy_is_asked_for_the_whole_address_of_a_plain_server(hook: Hook) -> None:
    # A server takes a whole address too (RFC 9112, 3.2.2), so it is its own proxy here.
    section = WebhookSection(url=Secret("http://nowhere.example:81/in?a=b"), proxy=Secret(hook.url))
    Webhook(section, None).deliver(ONE, 5.0)
    [(headers, _, _)] = hook.inbox.wait(1)
    assert headers["Host"] == "nowhere.example:81"


def test_slack_shows_text_as_it_is(hook: Hook) -> None:
    Slack(Secret(hook.url), None).deliver(message([notice(title="<!channel> & <http://x|y>")]), 5.0)
    [(_, told, _)] = hook.inbox.wait(1)
    assert "&lt;!channel&gt; &amp; &lt;http://x|y&gt;" in told["text"]
    assert len(escaped("x" * 100_000)) < 3_100


def test_webhook_is_signed(hook: Hook) -> None:
    section = WebhookSection(url=Secret(hook.url), secret=Secret("key-of-ours"))
    Webhook(section, None).deliver(ONE, 5.0)
    [(headers, told, body)] = hook.inbox.wait(1)
    expected = signature(b"key-of-ours", headers["X-WSGI-Guard-Timestamp"], body)
    assert headers["X-WSGI-Guard-Signature"] == f"sha256={expected}"
    assert headers["X-WSGI-Guard-Id"] == told["id"] == ONE.id
    assert told["alerts"][0]["error_id"] == "0" * 32


def test_receiver_of_the_manual_knows_what_is_genuine(hook: Hook) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(next(block for block in blocks if "def is_genuine" in block), names)  # noqa: S102  (our own manual)
    is_genuine = names["is_genuine"]
    Webhook(WebhookSection(url=Secret(hook.url), secret=Secret("key-of-ours")), None).deliver(ONE, 5.0)
    [(headers, _, body)] = hook.inbox.wait(1)
    assert is_genuine(b"key-of-ours", headers, body)
    assert not is_genuine(b"key-of-others", headers, body)
    assert not is_genuine(b"key-of-ours", headers, body + b" ")
    late = str(int(headers["X-WSGI-Guard-Timestamp"]) - 600)
    signed = f"sha256={signature(b'key-of-ours', late, body)}"
    old = {**headers, "X-WSGI-Guard-Timestamp": late, "X-WSGI-Guard-Signature": signed}
    assert not is_genuine(b"key-of-ours", old, body)


@pytest.mark.parametrize(("status", "final"), [(500, False), (404, True), (429, False), (302, False)])
def test_other_answers_are_failures(hook: Hook, status: int, final: bool) -> None:
    hook.status = status
    with pytest.raises(DeliveryError, match=f"answered {status}") as caught:
        Slack(Secret(hook.url), None).deliver(ONE, 5.0)
    assert caught.value.final is final


SPOKEN = {
    "nothing": b"",
    "a head": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4000\r\n\r\n",
    "the start of TLS": b"\x16\x03\x03\x40\x00",
}


@pytest.fixture(params=list(SPOKEN.values()), ids=list(SPOKEN))
def drip(request: pytest.FixtureRequest) -> Iterator[int]:
    """A server that sends a byte every 50 ms and never comes to an end."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        try:
            connection, _ = listener.accept()
            with connection:
                connection.send(request.param)
                while not over.wait(0.05):
                    connection.send(b"2")
        except OSError:
            return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    over.set()
    listener.close()
    thread.join(5)


@pytest.mark.parametrize("channel", ["email", "email by tls", "slack", "slack by tls"])
def test_dripping_server_is_cut_off(drip: int, channel: str) -> None:
    began = monotonic()
    # Who has said 200 has the message, whatever else it says.
    with suppress(DeliveryError):
        if channel.startswith("email"):
            security = "tls" if channel.endswith("tls") else "auto"
            section = EmailSection(
                server="127.0.0.1", port=drip, sender="a@b.example", recipients=("c@d.example",), security=security
            )
            Email(section, None).deliver(ONE, 0.5)
        else:
            scheme = "https" if channel.endswith("tls") else "http"
            Slack(Secret(f"{scheme}://127.0.0.1:{drip}/"), None).deliver(ONE, 0.5)
    assert monotonic() - began < 3
