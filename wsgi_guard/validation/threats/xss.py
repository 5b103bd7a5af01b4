"""Cross-site scripting: markup that executes. Any tag, comment or style that does not is no evidence."""

from __future__ import annotations

import re

from .normalise import for_markup, without_controls

HINTS = ("<", "&", "\\", "script", "on", "(", "=", "`", "data:")

_CALL = r"(?:alert|confirm|prompt|eval|fetch|import|atob|settimeout|setinterval|document\.(?:write|cookie|location)|window\.(?:open|location)|location)"
RULES = (
    ("script-tag", re.compile(r"<[\s/]*(?:[a-z]{1,10}:)?script\b")),
    ("event-attribute", re.compile(r"<[a-z!/?%][^<>]*?[\s/\"'\x0c]on[a-z]{3,25}\s*=")),
    ("event-breakout", re.compile(r"(?:^|[\"'`])[\s/]*(?:autofocus[\s/=\w\"']{0,40})?\bon(?:error|load|click|focus|blur|mouse\w{1,8}|key\w{1,6}|pointer\w{1,8}|toggle|wheel|animation\w{1,10}|transition\w{1,10}|begin|start|drag\w{0,6}|paste|copy|cut|input|change|submit|begin|end|show|resize|scroll\w{0,3}|auxclick|dblclick|contextmenu|beforeinput|canplay)\s*=")),
    ("script-scheme", re.compile(r"(?:^|[=\"'(,])(?:java|vb|live)script:|(?:^|[=\"'])data:(?:text/html|text/xml|image/svg\+xml|application/xhtml)[,;]")),
    ("active-tag", re.compile(r"<\s*(?:iframe|object|embed|applet|base|frameset|portal)\b[^<>]*\b(?:src|srcdoc|data|code|href)\s*=|<\s*(?:meta)\b[^<>]*http-equiv\s*=\s*[\"']?(?:refresh|set-cookie)|<\s*(?:animate|set|handler|use|foreignobject|isindex|xss)\b[^<>]*=|<\?xml-stylesheet|<!entity\b|<\s*link\b[^<>]*\bstylesheet|<\s*style\b[^<>]*>[^<]{0,2000}(?:@import|expression\s*\(|javascript:|-moz-binding)")),
    ("style-script", re.compile(r"style\s*=[^<>]{0,200}(?:expression\s*\(|-moz-binding|behaviou?r\s*:\s*url)")),
    ("script-breakout", re.compile(rf"[\"'`\])}};]\s*[;,)+\-*/|&?:]{{1,6}}\s*(?:\(?\s*)?{_CALL}\s*[(`=]|\$\{{\s*{_CALL}\s*[(`]|\[\s*[\"'](?:constructor|alert|eval)[\"']\s*\]\s*[(`]|constructor\s*\(\s*[\"'`]{_CALL}")),
    ("bare-call", re.compile(r"^[\s;(]*(?:alert|confirm|prompt)\s*[(`]\s*(?:\d{1,9}|[\"'/`]|document\.|string\.|this\b|window\b)")),
)  # fmt: skip


def find(text: str) -> str | None:
    """The name of the first rule that matches decoded, lower-case `text`; None when none does."""
    view = for_markup(text)
    compact = without_controls(view)
    for name, pattern in RULES:
        if pattern.search(compact if name == "script-scheme" else view):
            return name
    return None
