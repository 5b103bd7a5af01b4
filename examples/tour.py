"""A tour of real requests to the guarded shop: each is printed with what the guard decided and why.

`python tour.py URL LOG`: exits 1 if any answer was not as promised. LOG is the server's log, where the guard's JSON
lines tell the reasons that a client is not told.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

SHARED = bool(os.environ.get("REDIS_URL"))
# The login rule allows 10 in 5 minutes; without Redis each of the two workers counts by itself.
LOGINS = 11 if SHARED else 21


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        found = json.loads(self.body) if "json" in self.headers.get("content-type", "") else {}
        return found if isinstance(found, dict) else {}


@dataclass
class Step:
    says: str
    method: str
    target: str
    expects: tuple[int, ...]
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    repeat: int = 1


def json_step(says: str, target: str, expects: int, value: Any) -> Step:
    return Step(says, "POST", target, (expects,), json.dumps(value).encode(), {"Content-Type": "application/json"})


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
UPLOAD = (
    b'--tea\r\nContent-Disposition: form-data; name="photo"; filename="cup.png"\r\nContent-Type: image/png\r\n\r\n'
    + bytes(range(256)) * 40
    + b"\r\n--tea--\r\n"
)
ADMIN = {"Authorization": f"Bearer {os.environ.get('SHOP_ADMIN_TOKEN', '')}"}

STEPS = [
    Step("a page", "GET", "/", (200,)),
    Step("a query that fits its schema", "GET", "/api/products?limit=2&q=p", (200,)),
    Step("a query that does not", "GET", "/api/products?limit=many", (400,)),
    json_step("an order", "/api/orders", 201, {"lines": [{"product": 1}], "email": "ada@example.org"}),
    json_step("an order with two mistakes", "/api/orders", 400, {"lines": [{"product": "teapot", "quantity": 0}]}),
    Step("JSON that is cut off", "POST", "/api/orders", (400,), b'{"lines": [', {"Content-Type": "application/json"}),
    Step("an order as plain text", "POST", "/api/orders", (415,), b"two cups", {"Content-Type": "text/plain"}),
    json_step("the same order path, written oddly", "/api//orders/", 400, {}),
    Step("an injection in a search", "GET", "/?q=1%27%20UNION%20SELECT%20password%20FROM%20users--", (403,)),
    Step("O'Brien, who is no attack", "GET", "/?name=O%27Brien", (200,)),
    Step("an upload", "POST", "/upload", (200,), UPLOAD, {"Content-Type": "multipart/form-data; boundary=tea"}),
    Step("a login", "POST", "/login", (200,), b"password=correct+horse", FORM),
    Step("a slow page", "GET", "/slow", (200,)),
    Step("the time, from the pool if there is one", "GET", "/time", (200,)),
    Step("a page that raises", "GET", "/boom", (500,)),
    Step("is it alive", "GET", "/livez", (200,)),
    Step("is it ready", "GET", "/readyz", (200,)),
    Step("is it well", "GET", "/health", (200,)),
    Step("how well, asked by nobody", "GET", "/health/detailed", (401,)),
    Step("how well, asked by the operator", "GET", "/health/detailed", (200,), None, ADMIN),
    Step("guessing passwords until the limit", "POST", "/login", (429,), b"password=guess", FORM, LOGINS),
]


def send(url: str, step: Step) -> Answer:
    request = urllib.request.Request(url + step.target, step.body, step.headers, method=step.method)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return Answer(response.status, lowered(response.headers), response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, lowered(error.headers), error.read())


def lowered(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def send_until(url: str, step: Step) -> tuple[Answer, int]:
    """The first answer that is as promised, or the last one, and how many requests it took."""
    answer, sent = send(url, step), 1
    while answer.status not in step.expects and sent < step.repeat:
        answer, sent = send(url, step), sent + 1
    return answer, sent


def reasons(answer: Answer, log: list[dict[str, Any]]) -> list[str]:
    """What the guard said to the client, and what it wrote to its log about the same request."""
    told = []
    document = answer.document
    if "detail" in document:
        told.append(document["detail"])
    for error in document.get("errors", []):
        told.append(f"{error['pointer'] or '/'}: {error['message']}")
    if "checks" in document:
        told.append(", ".join(f"{name} {found[0]['status']}" for name, found in document["checks"].items()))
    if "x-error-id" in answer.headers:
        told.append(f"error id {answer.headers['x-error-id']}")
    for line in log:
        # Lines of the access log tell the answer that is shown already.
        if "message" in line and line.get("request_id") == answer.headers.get("x-request-id"):
            told.append(f"log: {line['message'].splitlines()[0]}")
    if not told and "ratelimit" in answer.headers:
        told.append(f"passed, RateLimit {answer.headers['ratelimit']}")
    return told or ["passed"]


def read_log(path: str) -> list[dict[str, Any]]:
    lines = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith("{"):
                lines.append(json.loads(line))
    return lines


def wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url + "/readyz", timeout=2):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise SystemExit(f"the shop did not become ready within 30 seconds at {url}") from None
            time.sleep(0.1)


def main(url: str, log_path: str) -> int:
    wait_until_ready(url)
    wrong = 0
    for step in STEPS:
        answer, sent = send_until(url, step)
        good = answer.status in step.expects
        wrong += not good
        times = f" (request {sent})" if step.repeat > 1 else ""
        print(f"{'ok ' if good else 'NOT'} {answer.status}  {step.method} {step.target}  -- {step.says}{times}")
        if not good:
            print(f"         promised {step.expects}")
        for reason in reasons(answer, read_log(log_path)):
            print(f"         {reason}")
    print(f"\n{len(STEPS) - wrong} of {len(STEPS)} answers as promised")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:3]))
