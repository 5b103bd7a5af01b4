"""Commands of Windows: the grammar of cmd.exe's `if` and `for`, and what PowerShell is told on a command line. Pure."""

from __future__ import annotations

from .rules import rule

_NOT = r"(?:(?:/i|not) ){0,2}"
_SIDE = r"(?:\"[^\"]{0,60}\"|\([^()]{0,60}\)|\[[^\]]{0,60}\]|[^ =\"(]{1,60})"
RULES = (
    # A shell's reading has no backslash in front of a name.
    rule(
        "drive", 5, 60, ("dir ", "type ", "del ", "tree "),
        r"^[$ ]?(?:[;|&]{1,2} ?)?(?:dir|type|del|tree) (?:/\w )?[c-f]:(?:[\\/%\w]|$)",
    ),
    rule(
        "cmd", 5, 80, ("cmd", "comspec", "systemroot", "systemdrive", "windir"),
        r"(?:^|[;|&\"'\\/(=]) ?cmd(?:\.exe)?\"? ?/[a-z]\b|%(?:comspec|systemroot|systemdrive|windir)%[\\/ ]?",
    ),
    rule(
        "powershell", 6, 110,
        ("powershell", "pwsh", "-object", "invoke-", "iex", "iwr", "irm", ".download", "start-process",
         "set-execution"),
        r"(?:^|[;|&\"'\\/]) ?(?:powershell|pwsh)(?:\.exe)? (?:-|\$|\(|\"|iex|invoke)",
        r"\b(?:invoke-(?:webrequest|restmethod|expression|command|item|wmimethod)|iwr|irm|iex) ?"
        r"(?:\(|-\w|['\"$(]|https?://|\w{1,20} -)",
        r"\bnew-object (?:system\.)?net\.(?:webclient|sockets)|\.download(?:string|file)\(|\bstart-process -?[\w'\"]",
        r"\bset-executionpolicy \w",
    ),
    rule(
        "windows-if", 6, 170, ("exist ", "defined ", "errorlevel ", "cmdextversion "),
        rf"^@?if ?{_NOT}(?:(?:exist|defined) (?:\"[^\"]{{1,80}}\"|\S{{1,80}}) ?\(?@?\w"
        r"|(?:errorlevel|cmdextversion) \d{1,5} ?\(?\w)",
    ),
    rule(
        "windows-if", 5, 210, ("==", " equ", " neq", " lss", " leq", " gtr", " geq"),
        rf"^@?if ?{_NOT}{_SIDE} ?(?:==={{0,1}}|\b(?:equ|neq|lss|leq|gtr|geq)\b) ?{_SIDE} ?\(?@?"
        r"(?!then\b|return\b|\{|:|&&|\|\|)(?:[\w.]{2}|$)(?![^\n]{0,200}[;{}:]$)",
    ),
    # a loop of cmd.exe: for /f "options" %a in (set) do command
    rule(
        "windows-for", 6, 510, ("for ",),
        r"(?<!\w)for (?:/[dflr] [^%()]{0,200}+)?(?:%{1,2}[a-z\[]\w{0,20}|/[dflr] \S{1,20}) ?in ?\([^()]{0,200}+\) ?do"
        r" [\w(@]",
    ),
)  # fmt: skip
