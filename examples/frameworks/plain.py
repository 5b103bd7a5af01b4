"""A WSGI app without a framework."""

import json

from wsgi_guard import rate_limit


@rate_limit("strict")
def limited():
    return "within the limit"


def boom():
    raise LookupError("the shelf is empty")


def database(environ):
    with environ["wsgi_guard.pool"].connection() as connection:
        return str(connection.execute("select 1").fetchone())


def order(environ):
    return json.dumps(environ["wsgi_guard.validated"]["body"])


def application(environ, start_response):
    match environ["PATH_INFO"]:
        case "/":
            text = "hello"
        case "/limited":
            text = limited()
        case "/boom":
            text = boom()
        case "/db":
            text = database(environ)
        case "/orders":
            text = order(environ)
        case _:
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"not found"]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]
