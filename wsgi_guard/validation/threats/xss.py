"""Cross-site scripting: markup that executes. Any tag, comment or style that does not is no evidence."""

from __future__ import annotations

import re

from .normalise import for_markup, without_controls
from .rules import first_match

# Each rule holds one of these once references and escapes are undone, and `&` or a backslash may become any of them.
HINTS = ("<", "&", "\\", "script:", "on", "(", "`", "data:")

_CALL = (
    r"(?:alert|confirm|prompt|eval|fetch|import|atob|settimeout|setinterval|document\.(?:write|cookie|location)"
    r"|window\.(?:open|location))"
)
_EVENT = (
    r"on(?:error|load\w{0,8}|click|focus\w{0,3}|blur|mouse\w{1,8}|key\w{1,6}|pointer\w{1,12}|toggle|wheel"
    r"|animation\w{1,10}|transition\w{1,10}|begin|end|start|finish|bounce|drag\w{0,6}|drop|paste|copy|cut|input|change"
    r"|submit|reset|show|resize|scroll\w{0,3}|auxclick|dblclick|contextmenu|before\w{1,12}|canplay\w{0,8}|select\w{0,6}"
    r"|search|hashchange|page\w{4}|popstate|message|storage|unload|abort|play\w{0,4}|pause|seeked|timeupdate"
    r"|touch\w{1,6}|invalid|close|cancel)"
)
RULES = (
    ("script-tag", re.compile(r"<[ /]*+(?:[a-z]{1,10}:)?script(?:[ />]|$)")),
    ("event-attribute", re.compile(r"<[a-z!/?%][^<>]{0,2000}?[ /\"'`]on[a-z]{3,25} ?=")),
    ("event-breakout", re.compile(
        rf"(?:^|[\"'`>])[ /]{{0,20}}(?:\w{{1,20}}(?: ?= ?[\w\"']{{0,20}})?[ /]{{1,4}}){{0,3}}{_EVENT} ?= ?[^ =]"
    )),
    ("script-scheme", re.compile(
        r"[=\"'`(,](?:java|vb|live)script:|^(?:java|vb|live)script:[^(=`/]{0,60}[(=`/]"
        r"|(?:^|[=\"'`])data:(?:text/html|text/xml|image/svg\+xml|application/xhtml)[,;+]"
    )),
    ("active-tag", re.compile(
        r"< ?(?:iframe|object|embed|applet|base|frame|isindex)\b[^<>]{0,2000}?"
        r"(?:\bsrcdoc ?=|\b(?:src|data|code|href|action|formaction) ?= ?[\"']?(?:(?:java|vb)script|data):)"
        r"|< ?meta\b[^<>]{0,500}?http-equiv ?= ?[\"']?(?:refresh|set-cookie)"
        r"|< ?(?:animate|set|handler|foreignobject)\b[^<>]{0,500}?"
        r"(?:attributename|onbegin|to|values) ?= ?[\"']?(?:javascript|href|xlink|on)"
        r"|< ?use\b[^<>]{0,500}?href ?= ?[\"']?data:|<\?xml-stylesheet\b[^<>]{0,500}?javascript"
        r"|<!entity\b[^<>]{0,500}?(?:system|script)"
        r"|< ?(?:a|form|button|input|math|area|link|svg|img|body|table|td|bgsound)\b[^<>]{0,2000}?"
        r"= ?[\"']?(?:java|vb)script:"
    )),
    ("style-script", re.compile(
        r"style ?[=>][^<>]{0,200}?(?:expression ?\(|-moz-binding|behaviou?r ?: ?url|javascript:)"
    )),
    ("script-breakout", re.compile(
        rf"[\"'`)\]}}] ?(?:[;,+*/|&?:-] ?){{1,4}}\(?{_CALL} ?[(`=]|\$\{{ ?{_CALL} ?[(`]"
        rf"|[\"'](?:constructor|alert|eval)[\"'] ?\] ?[(`]|constructor ?\( ?[\"'`]{_CALL}"
    )),
    ("bare-call", re.compile(
        r"^[ ;(]{0,9}(?:alert|confirm|prompt) ?[(`] ?(?:\d{1,9} ?[)`]|[\"'/`]|document\.|string\.|this\b|window\b)"
    )),
)  # fmt: skip


def find(text: str) -> str | None:
    """The name of the first rule that matches decoded, lower-case `text`; None when none does."""
    if not any(hint in text for hint in HINTS):
        return None
    view = for_markup(text)
    return first_match(RULES, view, {"script-scheme": without_controls(view)})
