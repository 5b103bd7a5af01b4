"""A Django project in one file, under its production settings (DEBUG off)."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from wsgi_guard import rate_limit

settings.configure(
    DEBUG=False,
    SECRET_KEY="for the example only: a real project reads it from a file or variable",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
)


def hello(request):
    return HttpResponse("hello")


@rate_limit("strict")
def limited(request):
    return HttpResponse("within the limit")


def boom(request):
    raise LookupError("the shelf is empty")


def database(request):
    with request.META["wsgi_guard.pool"].connection() as connection:
        return HttpResponse(str(connection.execute("select 1").fetchone()))


@csrf_exempt
def order(request):
    return JsonResponse(request.META["wsgi_guard.validated"]["body"])


urlpatterns = [
    path("", hello),
    path("limited", limited),
    path("boom", boom),
    path("db", database),
    path("orders", order),
]
application = get_wsgi_application()
