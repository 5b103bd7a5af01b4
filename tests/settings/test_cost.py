"""Loading stays cheap by what it does not do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# Modules that only a file, a message or a slice needs.
LATE = ("tomllib", "difflib", "jsonschema", "decimal", "redis", "psycopg", "sentry_sdk", "wsgi_guard.settings.describe")
SCRIPT = f"""
import sys
from wsgi_guard.settings import load
load({{}}, environ={{"REDIS_URL": "redis://h", "PATH": "/bin"}})
print([name for name in {LATE!r} if name in sys.modules])
"""


def test_loading_without_a_file_imports_little(empty_folder: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", SCRIPT]
    environ = {"PYTHONPATH": str(root)}
    done = subprocess.run(command, cwd=empty_folder, env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
