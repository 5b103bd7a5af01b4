"""The app of the live tests under the settings of the folder that the server runs in."""

from __future__ import annotations

from wsgi_guard import Guard

from .apps import app

application = Guard(app)
