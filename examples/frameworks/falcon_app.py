"""A Falcon app under its production settings."""

import falcon

from wsgi_guard import rate_limit


class Hello:
    def on_get(self, req, resp):
        resp.text = "hello"


class Limited:
    @rate_limit("strict")
    def on_get(self, req, resp):
        resp.text = "within the limit"


class Boom:
    def on_get(self, req, resp):
        raise LookupError("the shelf is empty")


class Database:
    def on_get(self, req, resp):
        with req.env["wsgi_guard.pool"].connection() as connection:
            resp.text = str(connection.execute("select 1").fetchone())


class Orders:
    def on_post(self, req, resp):
        resp.media = req.env["wsgi_guard.validated"]["body"]


application = falcon.App()
application.add_route("/", Hello())
application.add_route("/limited", Limited())
application.add_route("/boom", Boom())
application.add_route("/db", Database())
application.add_route("/orders", Orders())
