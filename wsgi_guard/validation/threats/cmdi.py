"""Command injection: a separator or substitution, then a known command with an argument or an end.

A command's name alone is no evidence.
"""

from __future__ import annotations

import re

from .normalise import for_shell
from .rules import first_match

HINTS = (";", "|", "&", "`", "$", "\n", "{", "/bin/", "/dev/", "cmd", "powershell", "()", "%")

_COMMAND = (
    r"(?:/?(?:usr/)?(?:local/)?s?bin/)?(?:cat|ls|id|whoami|wget|curl|nc|ncat|netcat|bash|sh|zsh|ksh|dash|csh|ping6?|uname|sleep"
    r"|python[23]?|perl|ruby|php|lua|node|rm|mv|cp|ps|netstat|ifconfig|ip|nslookup|dig|host|telnet|ssh|ftp|tftp|awk|sed|head|tail"
    r"|tac|nl|more|less|od|xxd|base64|chmod|chown|kill|pwd|env|printenv|set|dir|type|net|systeminfo|tasklist|ipconfig|ver|echo"
    r"|printf|touch|mkdir|find|grep|which|getent|mail|nohup|sudo|su|crontab|iptables|useradd|passwd|mount|df|w|hostname"
    r"|powershell|cmd|certutil|bitsadmin|regsvr32|rundll32|wmic|timeout|start|reboot|shutdown|halt)(?:\.exe)?"
)
_ARGUMENT = r" (?:-{1,2}[a-z]|/|~|\.{1,2}/|\$|\d|https?:|[\"'][^\"']|[\w-]{1,60}\.[a-z]|[>&|<])"
_END = r" ?(?:$|[;|&`)<>#\n]|\d?>)"
RULES = (
    ("after-separator", re.compile(rf"(?:;|&&|\|\||\$\(|<\(|\n) ?\(?\{{? ?{_COMMAND}(?:{_ARGUMENT}|{_END})")),
    ("after-pipe", re.compile(rf"[|&] ?{_COMMAND}(?: (?:-{{1,2}}[a-z]|/[a-z]|~/|\d{{1,3}}\b|https?:)| ?$| ?[;&|] ?$)")),
    ("substitution", re.compile(
        rf"` ?{_COMMAND}(?: (?:-{{1,2}}[a-z]|/|https?:|\d)[^`\n]{{0,200}})?` ?$"
        rf"|\$\( ?{_COMMAND}\b|\$\{{[^}}]{{0,40}}:-? ?{_COMMAND}\b"
    )),
    ("shell-path", re.compile(
        r"(?:[;|&`$(<>]|^) ?/(?:usr/)?s?bin/[a-z0-9]{1,12}\b(?: (?:-|/)| ?$)|/bin/(?:ba)?sh -[ci]\b|/dev/(?:tcp|udp)/"
    )),
    ("shellshock", re.compile(r"\(\) ?\{ ?[:_a-z]")),
    ("brace-expansion", re.compile(r"\{(?:cat|ls|wget|curl|ping|nc|id|bash|sh|echo),[^}\s]{1,100}\}")),
    ("windows", re.compile(
        r"(?:^|[;|&\"']) ?(?:cmd(?:\.exe)? ?/[ck]\b|powershell(?:\.exe)? -(?:e|enc|nop|w|command|c|ep)\b)"
    )),
    # a loop of cmd.exe: for /f "options" %a in (set) do command
    ("windows-loop", re.compile(
        r"(?<!\w)for (?:/[dflr] [^%()]{0,200}+)?%{1,2}[a-z\[] ?in ?\([^()]{0,200}+\) ?do [\w(@]"
    )),
)  # fmt: skip


def find(text: str) -> str | None:
    """The name of the first rule that matches decoded, lower-case `text`; None when none does."""
    if not any(hint in text for hint in HINTS):
        return None
    return first_match(RULES, for_shell(text))
