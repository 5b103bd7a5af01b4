"""Path traversal and file inclusion: a path that climbs above its start, or a known file with an anchor."""

from __future__ import annotations

import re

from .budget import Budget
from .evidence import Hit, better, hit
from .files import KNOWN
from .normalise import for_path
from .rules import REACH, Rules, places, rule
from .words import holds

# Paths have one of these; so have most URLs, and the rules their own words.
HINTS = ("/", "\\", "..", "%2f", "%5c", "0x2", "u22", "\x00", "%00", "expect:", "php:", "data:", "http")

_UP = r"(?:\.\.;?/|\.\.%(?:25){0,4}2f/?)"
CLIMBS = Rules(
    rule(
        "climbs", 6, REACH, ("..",),
        rf"(?:^|[=:,;|&\s\"'/(>]){_UP}{{2,}}|^{_UP}{{1,40}}[\w.-]{{1,80}}/?(?:\x00|$)|^/?{_UP}{{1,40}}(?:\.\.)?$"
        rf"|^/\.\.$",
        rf"^{_UP}[\w.~-]+/|^/{_UP}+\w|^file:/{{0,2}}{_UP}|^\w{{0,9}}:?/{{1,2}}{_UP}",
    ),
)  # fmt: skip
ON_TEXT = Rules(
    rule(
        "disguised", 6, 250, ("..", "0x2e", "\\x2e", "u002e", "&#46;", "%2e", "\\x2f"),
        r"\.\.\.\.(?<!\.\.\.\.\.)\.{0,96}/+\.\.|\.\.\./\./\.|\.\.\.//?\.{3}/+[\w.]|\.\.\.\.//",
        r"\.\./{0,2}(?:%(?:25){0,9}(?:2f|5c)|0x2f|0x5c|\\x2f|\\x5c|u2215|u2216|%(?:c0|c1|e0))",
        r"(?:0x2e|\\x2e|\\u002e|%u002e|&#46;|%2e)(?:0x2e|\\x2e|\\u002e|%u002e|&#46;|%2e)?[./]?(?:0x2e|\\x2e|0x2f|0x5c|/|%2f|%5c)|0x5c0x2e\.",
        r"\.\.(?:\?|\|\||\ufffd{1,3})/?\.{2}|^\.{2}[\x01-\x1f \x7f]/\.{2}|\.\./ \.\./|/\.{2};/|^\.\|\./",
    ),
    rule(
        "wrapper", 6, 140, (":/", "php:", "expect:", "data:", "\\\\\\\\"),
        r"(?:^|[=\"'(\s,;:|])(?:php:/{0,2}(?:filter|input|stdin|fd|memory|temp|output)|expect:/{0,2}\w|jar:(?:file"
        r"|https?):"
        r"|(?:zip|phar|glob|rar|ogg|ssh2(?:\.\w{2,6})?|zlib|bzip2|compress\.\w{1,8}|jar|netdoc|gopher|dict|ldap"
        r"|local_file"
        r"|view-source):/{1,3}[\w.%/~-]|data://|data:(?:text/x-php|[\w/;=-]{0,30},(?:pd9w|<\?))"
        r"|file:/{1,3}(?:[a-z]:/(?:windows|winnt|boot\.ini|inetpub|autoexec)|localhost/|etc/|proc/|var/|windows/"
        r"|usr/|home/"
        r"|root/|tmp/|\.\.|[\w/.-]{0,40}(?:passwd|shadow|\.ini|\.conf|\.key))|\\\\\\\\[\w.-]{1,60}\\\\)",
    ),
    # A share of another machine is everyday in an office; a script there, or one over the web, is not.
    rule(
        "share", 5, 200, ("\\\\",),
        r"^\\{2,4}[\w.-]{1,60}\\{1,2}[^\n]{0,120}\.(?:php\d?|phtml|jspx?|inc|dll|hta|sct)$",
        r"^\\{2,4}(?:[\w.-]{1,60}@(?:ssl|\d{2,5})|[?.]\\{1,2}(?:unc|globalroot))",
    ),
    rule("share", 3, 200, ("\\\\",), r"^\\{2,4}[\w.-]{1,60}\\{1,2}[\w$ .-]{1,60}"),
    rule("nul", 5, 70, ("\x00", "%00"), r"\x00(?<=[\w./-]\x00)(?:$|[\w.])|%00(?<=[\w./-]%00)(?:$|[\w.])"),
    rule(
        "remote-file", 5, REACH, ("://", "http", "ftp"),
        r"^(?:https?|ftps?)://(?:\d{1,3}(?:\.\d{1,3}){3}|[\w.-]{1,80})/[^\s?]{0,80}\.(?:php\d?|txt|inc)\?+$",
        r"^(?:https?|ftps?):?/{0,2}\?$|^https?://[^\s?]{1,100}(?:/(?:c99|r57|shell|cmd|evil)\w{0,9}\.(?:txt|php|gif))",
    ),
)  # fmt: skip
# Folders, then more steps up than these; a path that comes back to where it started is a path.
_FOLDERS = re.compile(rf"(?:^|[=:\s\"'])/?((?:(?!\.\.)[\w.%~-]{{1,60}}/){{1,12}})({_UP}{{1,40}})[\w.~]")
# What looking for folders costs for a character.
_FOLDER = 40
# What pages and sources link to: of these a step or two up is everyday.
_HARMLESS = re.compile(
    r"(?:\.\./){1,2}(?:[\w-]{1,40}/){0,5}[\w.-]{1,60}\.(?:png|jpe?g|gif|svg|webp|ico|css|s[ac]ss|less|m?[jt]sx?|vue|md"
    r"|html?|woff2?|pdf|py|rb|go|rs)"
)
# A file is asked for by its path; who has words around it, and no other sign than those of prose, speaks of it.
_MENTION = re.compile(r"[\w ~/.,:;@!?'\"()\[\]\n-]*+")
_WORDS = re.compile(r"(?:^|[ \n(\"'])[a-z]{2,20}[.,:;!?)\"']?(?: |\n|$)")
_SENTENCE = 2_000


def find(text: str, budget: Budget) -> Hit | None:
    """The strongest evidence in decoded, lower-case `text`; None when there is none."""
    if not holds(text, HINTS):
        return None
    best = ON_TEXT.strongest(text, budget)
    view = for_path(text.strip())
    climb = CLIMBS.strongest(view, budget)
    if ".." in view:
        climb = better(climb, _above(view, budget))
        if climb is not None and _HARMLESS.fullmatch(view):
            climb = climb._replace(score=3)
    known = KNOWN.strongest(view, budget)
    if known is not None and " " in view and _MENTION.fullmatch(view[:_SENTENCE]) and _WORDS.search(view):
        known = known._replace(score=3)
    return better(better(best, climb), known)


def _above(view: str, budget: Budget) -> Hit | None:
    """A path that leaves the folder it starts in."""
    for start, end in places(view, ("../",), REACH, budget):
        budget.spend((end - start) * _FOLDER)
        for found in _FOLDERS.finditer(view, start, end):
            if found[2].count("..") > found[1].count("/"):
                return hit("folder-climbs", 6, view, found.start(), found.end())
    return None
