"""A small Flask shop that knows nothing of wsgi_guard but the pool it may find in the environ."""

import hashlib
import time

from flask import Flask, abort, jsonify, request

app = Flask(__name__)

PRODUCTS = [
    {"id": 1, "name": "teapot", "cents": 2400},
    {"id": 2, "name": "cup", "cents": 900},
    {"id": 3, "name": "spoon", "cents": 450},
]
ORDERS: list[dict] = []


@app.get("/")
def index():
    return "<h1>Teashop</h1><p>Try /api/products, /slow, /boom.</p>"


@app.get("/api/products")
def products():
    word = request.args.get("q", "")
    limit = request.args.get("limit", 10, type=int)
    return jsonify([p for p in PRODUCTS if word in p["name"]][:limit])


@app.post("/api/orders")
def order():
    lines = request.get_json()["lines"]
    ORDERS.append({"id": len(ORDERS) + 1, "lines": lines})
    return jsonify(ORDERS[-1]), 201


@app.post("/login")
def login():
    if request.form.get("password") != "correct horse":
        abort(401)
    return "welcome"


@app.post("/upload")
def upload():
    photo = request.files["photo"]
    return jsonify(name=photo.filename, sha256=hashlib.sha256(photo.read()).hexdigest())


@app.get("/time")
def clock():
    pool = request.environ.get("wsgi_guard.pool")
    if pool is None:
        return {"source": "this process", "time": time.ctime()}
    with pool.connection() as connection:
        return {"source": "PostgreSQL", "time": str(connection.execute("select now()").fetchone()[0])}


@app.get("/slow")
def slow():
    time.sleep(0.5)
    return "at last"


@app.get("/boom")
def boom():
    stock = {"teapot": 0}
    return f"{100 / stock['teapot']:.0f} per teapot"
