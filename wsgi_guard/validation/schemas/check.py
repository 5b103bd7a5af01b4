"""One schema, ready to judge values: built once at start, used by every request."""

from __future__ import annotations

from itertools import islice
from operator import itemgetter
from typing import Any

from .fast import Fits
from .keywords import Steps, TooComplex
from .messages import Violation, steps, violation
from .walk import subschemas

# Errors looked at before they are sorted and cut to what is shown, so the work on a bad document is bounded.
_GATHERED = 100
# What the quick engine refuses and jsonschema would let pass; the quick one was chosen to decide.
UNTOLD: Violation = {"pointer": "", "message": "does not fit the schema", "keyword": "schema"}
TOO_DEEP: Violation = {"pointer": "", "message": "is too deep or too complex to be checked", "keyword": "$ref"}


class Check:
    """Judges values by one schema. `fits` is a quicker judge, which decides; then `validator` says what is wrong."""

    __slots__ = ("_fits", "_names", "_steps", "_validator")

    def __init__(self, validator: Any, steps: Steps, names: frozenset[str], fits: Fits | None = None) -> None:
        self._validator = validator
        self._fits = fits
        self._steps = steps
        self._names = names

    def violations(self, value: Any, size: int) -> list[Violation]:
        """All that is wrong with `value` (at most a hundred looked at), sorted by place; `size` bounds its members."""
        fits = None if self._fits is None else self._fits(value)
        if fits:
            return []
        self._steps.allow(size)
        try:
            errors = list(islice(self._validator.iter_errors(value), _GATHERED))
        except (TooComplex, RecursionError):
            return [TOO_DEEP]
        if not errors:
            return [] if fits is None else [UNTOLD]
        # Places whose pointers are too long may share one, and what is wrong there is told once.
        found: dict[tuple[str, str, str], tuple[Any, Violation]] = {}
        for error in errors:
            told = violation(error, self._names)
            place = (steps(error.absolute_path), told["message"], told["keyword"])
            found.setdefault((told["pointer"], told["message"], told["keyword"]), (place, told))
        return [told for _, told in sorted(found.values(), key=itemgetter(0))]


def property_names(schema: Any) -> frozenset[str]:
    """Every property name that a document mentions; all others are the client's own."""
    found: set[str] = set()
    for _, part in subschemas(schema):
        for keyword in ("properties", "dependentSchemas", "dependentRequired"):
            found.update(part.get(keyword, ()))
        found.update(part.get("required", ()))
    return frozenset(found)
