"""The keyword `x-validator`: a function of the app's own that says whether a value is right.

A function that returns False or raises ValueError refuses the value. Whatever else it raises is its own fault: the
request ends there, since a check that failed must not pass for one that was made.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from jsonschema.exceptions import ValidationError

from wsgi_guard.errors import ConfigurationError, Unchecked
from wsgi_guard.settings import resolve_target

log = logging.getLogger("wsgi_guard")

SLOW = 0.1
"""Seconds; a whole request through all layers takes a thousandth of it."""
QUIET = 60.0
"""Seconds between two lines about one slow validator."""

# Keywords that look at the value alone and lead nowhere.
_BESIDE = frozenset({
    "const", "enum", "exclusiveMaximum", "exclusiveMinimum", "format", "maxItems", "maxLength", "maxProperties",
    "maximum", "minItems", "minLength", "minProperties", "minimum", "multipleOf", "pattern", "required", "type",
})  # fmt: skip


class Validators:
    """The functions of `[validation.validators]` by name. Raises ConfigurationError for those that cannot be had."""

    def __init__(self, targets: Mapping[str, str]) -> None:
        self._functions: dict[str, Callable[[Any], Any]] = {}
        self._told: dict[str, float] = {}
        problems = []
        for name, target in targets.items():
            try:
                self._functions[name] = resolve_target(target)
            except ValueError as error:
                problems.append(f"validation.validators.{name}: {error}")
        if problems:
            raise ConfigurationError(problems)

    @classmethod
    def named(cls, names: Iterable[str]) -> Validators:
        """Validators that are declared and refuse every value, for a look at schemas without the app's own modules."""
        found = cls({})
        found._functions = dict.fromkeys(names, lambda value: False)
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._functions

    def keyword(self, validator: Any, name: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
        """As jsonschema calls what stands behind a keyword. Raises Unchecked.

        The function is only asked about values that fit what is said beside it: it need not know that a text may be a
        number.
        """
        beside = {keyword: said for keyword, said in schema.items() if keyword in _BESIDE}
        if beside and not validator.evolve(schema=beside).is_valid(instance):
            return
        begin = time.perf_counter()
        try:
            refused = self._functions[name](instance) is False
        except ValueError:
            refused = True
        except Exception as error:
            raise Unchecked(f"validator {name!r} failed") from error
        took = time.perf_counter() - begin
        if took > SLOW and begin - self._told.get(name, begin - QUIET) >= QUIET:
            self._told[name] = begin
            log.warning("validator %r took %.0f ms for one value; all of the request waits for it", name, took * 1000)
        if refused:
            yield ValidationError("is refused")
