"""[validation.threats]: what looks like an attack, and what is done about it."""
# ruff: noqa: RUF009  (option, table and listed make nothing but dataclass fields)

from __future__ import annotations

from dataclasses import dataclass

from .fields import THREATS, listed, option, table

MODES = ("block", "shadow", "off")


@dataclass(frozen=True, slots=True)
class ExcludeSection:
    """[[validation.threats.exclude]]: where not to look for what."""

    path: str = option("", "template", "path template", required=True)
    part: str | None = option(
        None, "choice", "part of the request; absent = all",
        choices=("path", "query", "body", "form", "files", "headers", "cookies"),
    )
    pointer: str | None = option(None, "pointer", "JSON pointer or field name as /name; absent = all")
    classes: tuple[str, ...] = option((), "choices", "threat classes; absent = all", choices=THREATS)


def _mode() -> str | None:
    return option(None, "choice", "this class alone; absent = validation.threats.mode", choices=MODES)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class ModesSection:
    """[validation.threats.modes]: the mode of one class of attack."""

    sqli: str | None = _mode()
    xss: str | None = _mode()
    cmdi: str | None = _mode()
    traversal: str | None = _mode()
    ldap: str | None = _mode()
    header: str | None = _mode()


@dataclass(frozen=True, slots=True)
class ThreatsSection:
    """[validation.threats]: what looks like an attack."""

    mode: str | None = option(None, "choice", "block answers 403; absent = guard.defaults", choices=MODES)
    modes: ModesSection = table(ModesSection)
    level: int = option(1, "count", "1 acts on what is nearly certain, 2 on what is likely, 3 on hints", low=1, high=3)
    detect: int | None = option(
        None, "count", "a higher level whose findings are only told; absent = level", low=1, high=3
    )
    scan: int = option(128 * 1024, "bytes", "bodies up to this size are inspected")
    beyond: str = option("pass", "choice", "larger bodies pass (counted) or are refused", choices=("pass", "refuse"))
    classes: tuple[str, ...] = option(THREATS, "choices", "threat classes to look for", choices=THREATS)
    exclude: tuple[ExcludeSection, ...] = listed(ExcludeSection)
