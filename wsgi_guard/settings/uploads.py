"""[validation.uploads] as frozen values; see `sections.py`."""

from __future__ import annotations

from dataclasses import dataclass

from .fields import option

# Uploads stand on disk, not in memory, so they may be larger than other sizes here: a terabyte.
LARGEST = 1024**4


@dataclass(frozen=True, slots=True)
class UploadsSection:
    """[validation.uploads]: files in multipart bodies that a schema describes."""

    # A photograph from a telephone has 3 to 8 MB; Spring Boot takes 10 MB a request, PHP 20 files.
    max_file: int = option(10 * 1024**2, "bytes", "largest file; more is 413", high=LARGEST)
    max_request: int = option(
        50 * 1024**2, "bytes", "largest multipart body where files are described; more is 413", high=LARGEST
    )
    max_files: int = option(20, "count", "most files of a request; more is 413")
    # Django keeps 2.5 MB of an upload in memory, Werkzeug 500 KiB.
    spool: int = option(512 * 1024, "bytes", "what is kept in memory of a body; more goes to a temporary file")
    mismatch: str = option(
        "refuse", "choice", "a file whose content does not fit its name or declared type: refuse, or report and pass",
        choices=("refuse", "report"),
    )
