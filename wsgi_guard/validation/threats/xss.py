"""Cross-site scripting: markup that executes. Any tag, comment or style that does not is no evidence."""

from __future__ import annotations

from . import markup, scripts
from .evidence import Hit, better, hit
from .normalise import for_markup, for_script, without_controls
from .rules import Budget, strongest

# Each rule needs one of these once references and escapes are undone, and `&`, `+`, `%` or a backslash may become any.
HINTS = ("<", "&", "\\", "script", "on", "(", "`", "data:", "+a", "document.", "window.", "[", "\xbc", "url(")
RULES = (*markup.RULES, *scripts.RULES)


def find(text: str, budget: Budget) -> Hit | None:
    """The strongest evidence in decoded, lower-case `text`; None when there is none."""
    if not any(hint in text for hint in HINTS):
        return None
    view = for_markup(text)
    best = strongest(view, RULES, budget, 0)
    if best is not None and best.score > 5:
        return best
    for other, inside in for_script(text, view):
        best = better(best, strongest(other, markup.INSIDE if inside else RULES, budget, 0))
        best = better(best, _hidden_scheme(other, view))
    return better(best, _hidden_scheme(text, view))


def _hidden_scheme(text: str, view: str) -> Hit | None:
    """A scheme that shows once characters are left out which browsers leave out too."""
    if "javascript:" in view:
        return None
    plain = without_controls(text)
    at = plain.find("javascript:")
    return hit("hidden-scheme", 6, plain, at, at + 40, 0) if at >= 0 else None
