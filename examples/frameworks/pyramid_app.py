"""A Pyramid app under its production settings."""

from pyramid.config import Configurator
from pyramid.response import Response

from wsgi_guard import rate_limit


def hello(request):
    return Response("hello")


@rate_limit("strict")
def limited(request):
    return Response("within the limit")


def boom(request):
    raise LookupError("the shelf is empty")


def database(request):
    with request.environ["wsgi_guard.pool"].connection() as connection:
        return Response(str(connection.execute("select 1").fetchone()))


def order(request):
    return request.environ["wsgi_guard.validated"]["body"]


def main():
    config = Configurator()
    views = {"/": hello, "/limited": limited, "/boom": boom, "/db": database}
    for path, view in views.items():
        config.add_route(view.__name__, path)
        config.add_view(view, route_name=view.__name__)
    config.add_route("order", "/orders", request_method="POST")
    config.add_view(order, route_name="order", renderer="json")
    return config.make_wsgi_app()


application = main()
