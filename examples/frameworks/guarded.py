"""The same guard around any of the six apps: `APP=flask_app gunicorn guarded:application`."""

import os
from importlib import import_module
from pathlib import Path

from wsgi_guard import Guard

FOLDER = Path(__file__).parent

application = Guard(import_module(os.environ["APP"]).application, FOLDER / "wsgi_guard.toml")
