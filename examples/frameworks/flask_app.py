"""A Flask app under its production settings."""

from flask import Flask, jsonify, request

from wsgi_guard import rate_limit

application = Flask(__name__)


@application.get("/")
def hello():
    return "hello"


@application.get("/limited")
@rate_limit("strict")
def limited():
    return "within the limit"


@application.get("/boom")
def boom():
    raise LookupError("the shelf is empty")


@application.get("/db")
def database():
    with request.environ["wsgi_guard.pool"].connection() as connection:
        return str(connection.execute("select 1").fetchone())


@application.post("/orders")
def order():
    return jsonify(request.environ["wsgi_guard.validated"]["body"])
