"""Cross-site scripting: markup that executes. Any tag, comment or style that does not is no evidence."""

from __future__ import annotations

from . import markup, scripts
from .budget import Budget
from .evidence import Hit, better, hit
from .normalise import for_markup, for_script, without_controls
from .rules import Rules
from .words import holds

# Each rule needs one of these once references and escapes are undone, and `&`, `+`, `%` or a backslash may become any.
HINTS = ("<", "&", "\\", "script", "on", "(", "`", "data:", "+a", "document.", "window.", "[", "\xbc", "url(")
# What an ampersand costs, an escape or a reference by number, and a character of each further reading.
_AMPERSAND, _ESCAPE, _READ = 150, 500, 20
RULES = Rules(*markup.RULES, *scripts.RULES)


def find(text: str, budget: Budget) -> Hit | None:
    """The strongest evidence in decoded, lower-case `text`; None when there is none."""
    if not holds(text, HINTS):
        return None
    budget.spend(text.count("&") * _AMPERSAND + text.count("&#") * _ESCAPE + text.count("\\") * _ESCAPE)
    view = for_markup(text)
    best = RULES.strongest(view, budget, 0)
    if best is not None and best.score > 5:
        return best
    for other, inside in for_script(text, view):
        budget.spend(len(other) * _READ)
        best = better(best, (markup.INSIDE if inside else RULES).strongest(other, budget, 0))
        best = better(best, _hidden_scheme(other, view))
    return better(best, _hidden_scheme(text, view))


def _hidden_scheme(text: str, view: str) -> Hit | None:
    """A scheme that shows once characters are left out which browsers leave out too."""
    if "javascript:" in view:
        return None
    plain = without_controls(text)
    at = plain.find("javascript:")
    return hit("hidden-scheme", 6, plain, at, at + 40, 0) if at >= 0 else None
