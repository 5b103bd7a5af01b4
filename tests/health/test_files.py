"""Whether a place takes what is written to it, and how full it is."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from wsgi_guard.health import files
from wsgi_guard.health.decide import FAIL, PASS, WARN
from wsgi_guard.health.thresholds import judged


def test_folder_takes_a_file_and_keeps_none(tmp_path: Path) -> None:
    said = files.writable(str(tmp_path))(5.0)
    assert said.status == PASS
    assert 0 <= said.observed["free_percent"] <= 100
    assert list(tmp_path.iterdir()) == []


def test_file_is_left_as_it_is(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("a line")
    before = log.stat().st_mtime_ns
    assert files.writable(str(log))(5.0).status == PASS
    assert (log.read_text(), log.stat().st_mtime_ns) == ("a line", before)


def test_what_cannot_be_written_fails_and_says_why() -> None:
    said = files.writable("/proc")(5.0)
    assert said.status == FAIL
    assert said.cause.startswith("not writable: ")


def test_missing_place_raises() -> None:
    for check in (files.disk, files.writable):
        with pytest.raises(FileNotFoundError):
            check("/no/such/folder")(5.0)


# blocks (all, free, free for users), inodes (all, free for users), what is observed, status
ROOM = [
    ((1000, 600, 500), (100, 50), {"free_percent": 55.6, "free_inodes_percent": 50.0}, PASS),
    ((1000, 90, 90), (100, 50), {"free_percent": 9.0, "free_inodes_percent": 50.0}, WARN),
    ((1000, 500, 500), (100, 4), {"free_percent": 50.0, "free_inodes_percent": 4.0}, FAIL),
    ((1000, 50, 0), (100, 50), {"free_percent": 0.0, "free_inodes_percent": 50.0}, FAIL),
    ((1000, 500, 500), (0, 0), {"free_percent": 50.0}, PASS),
    ((0, 0, 0), (0, 0), {}, PASS),
]


def test_room_table_is_whole() -> None:
    assert len(ROOM) == 6


@pytest.mark.parametrize(("blocks", "inodes", "observed", "status"), ROOM)
def test_room_is_judged_by_blocks_and_inodes(
    blocks: tuple[int, int, int], inodes: tuple[int, int], observed: dict[str, float], status: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    found = SimpleNamespace(
        f_blocks=blocks[0], f_bfree=blocks[1], f_bavail=blocks[2], f_files=inodes[0], f_favail=inodes[1]
    )
    monkeypatch.setattr(os, "statvfs", lambda path: found)
    said = judged(files.disk("/data")(5.0), 0.0, files.WARNS, files.FAILS)
    assert (said.observed, said.status) == (observed, status)
