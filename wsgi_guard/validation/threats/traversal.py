"""Path traversal and file inclusion: a path that climbs above its start, or a known file with an anchor."""

from __future__ import annotations

import re

from .normalise import for_path
from .rules import first_match

HINTS = ("..", "/etc", "\\", "://", "proc/", "windows", "-inf", "etc/", "boot.ini", "/.", "%00", "\x00", "/var/log")

RULES = (
    ("climbs", re.compile(
        r"(?:^|[=:,;\s\"'/])(?:\.\.;?/){2,}|^(?:\.\.;?/)+[\w.-]+$|^/?(?:\.\.;?/)+(?:\.\.)?$|/\.\.$|^\.\.;?/\w+/"
    )),
    ("folder-climbs", re.compile(r"^/?[\w-]{1,60}/(?:\.\.;?/)+[\w.]")),
    ("disguised", re.compile(r"(?<!\.)\.{3,}+/\.{2}|\.\.(?:%(?:25){0,9}(?:2f|5c)|0x2f|0x5c)")),
    ("known-file", re.compile(
        r"(?:^|[/:=\"'\s])etc/(?:passwd|shadow|sudoers)\b"
        r"|^[\w:./-]{0,80}?/?etc/(?:group|hosts|hostname|issue|motd|fstab|crontab|ssh/|apache2?/|nginx/|httpd/|mysql/|my\.cnf"
        r"|resolv\.conf|php)[^\s]{0,80}$"
        r"|(?:^|[/:=\"'])proc/(?:self|\d{1,7})/(?:environ|cmdline|fd|status|maps|cwd|root)"
        r"|(?:^|/)proc/(?:version|cpuinfo|mounts)\b"
        r"|(?:^|[/:])(?:windows|winnt)/(?:win\.ini|system32/|system\.ini|repair/|php\.ini)"
        r"|^[cd]:/(?:windows|winnt|boot\.ini|inetpub)"
        r"|(?:^|/)boot\.ini\b|(?:^|/)(?:web|meta)-inf/"
        r"|/\.(?:ssh/|aws/credentials|git/(?:config|head)|svn/entries|htpasswd|htaccess|bash_history|env$)"
        r"|^/?var/log/(?:apache2?|httpd|nginx|auth|syslog|messages|mail)"
    )),
    ("wrapper", re.compile(
        r"(?:^|[=\"'(\s])(?:php://(?:filter|input|stdin|fd|memory|temp)|expect://|zip://|phar://|glob://"
        r"|file:/{1,3}(?:[a-z]:/|etc/|proc/|var/|windows/)|compress\.\w{1,8}://|data://text/plain)"
    )),
    ("nul", re.compile(r"[\w./-]\x00|%00")),
)  # fmt: skip


def find(text: str) -> str | None:
    """The name of the first rule that matches decoded, lower-case `text`; None when none does."""
    if not any(hint in text for hint in HINTS):
        return None
    # folding makes "php://" one slash, and takes NUL out
    return first_match(RULES, for_path(text), {"nul": text, "wrapper": text})
