"""Path traversal and file inclusion: a path that climbs above its start, or a known file with an anchor."""

from __future__ import annotations

import re

from .normalise import for_path

HINTS = ("..", "/etc/", "\\", "://", "proc/self", "windows", "web-inf", "passwd", ".ini", ".ht", "/.", "%00", "\x00")

RULES = (
    ("climbs", re.compile(r"(?:^|[=:,;\s\"'])(?:file:/*|/)?[^/\s?&#]{0,60}/?(?:\.\.;?/){2,}|^/?(?:\.\.;?/)+[\w.-]|/(?:\.\.;?/){2,}|^(?:\.\.;?/)+$|/\.\.$")),
    ("disguised", re.compile(r"\.\.\.+//*\.|(?:\.{3,}/+){2,}|\.\.(?:%(?:25)*(?:2f|5c)|0x2f|0x5c)|(?:\.\./){1,}\.\./")),
    ("known-file", re.compile(
        r"(?:^|[/:=\"'\s])etc/(?:passwd|shadow|group|hosts|hostname|issue|motd|fstab|crontab|sudoers|ssh/|apache2?/|nginx/|httpd/|mysql/|my\.cnf|resolv\.conf|php)"
        r"|/?proc/(?:self|\d{1,7})/(?:environ|cmdline|fd|status|maps|cwd|root)|/?proc/(?:version|cpuinfo|mounts)\b"
        r"|(?:^|[/:])(?:windows|winnt)/(?:win\.ini|system32/|system\.ini|repair/|php\.ini)|\b(?:c|d):/(?:windows|winnt|boot\.ini|inetpub)|(?:^|/)boot\.ini\b"
        r"|(?:^|/)(?:web|meta)-inf/|/\.(?:ssh/|aws/credentials|git/(?:config|head)|svn/entries|htpasswd|htaccess|bash_history|env$)|/var/log/(?:apache2?|httpd|nginx|auth|syslog|messages|mail)"
    )),
    ("wrapper", re.compile(r"(?:^|[=\"'(\s])(?:php://(?:filter|input|stdin|fd|memory|temp)|expect://|zip://|phar://|glob://|file:/{2,3}(?:[a-z]:/|etc/|/etc/|/?proc/|/?var/|/?windows/)|compress\.\w{1,8}://|data://text/plain)")),
    ("nul", re.compile(r"[\w./-]\x00|%00")),
)  # fmt: skip


def find(text: str) -> str | None:
    """The name of the first rule that matches decoded, lower-case `text`; None when none does."""
    view = for_path(text)
    for name, pattern in RULES:
        if pattern.search(text if name == "nul" else view):
            return name
    return None
