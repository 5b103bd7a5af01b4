"""Command injection: a separator or substitution, then a known command with an argument or an end.

A command's name alone is no evidence.
"""

from __future__ import annotations

import re

from . import disguise
from .budget import Budget
from .commands import EVERYDAY, REVEALING, SURE, WORDS
from .evidence import Hit, better, hit
from .shell import Command, commands, for_shell
from .shellsigns import RULES
from .words import holds

HINTS = (
    ";", "|", "&", "`", "$", "\n", "\r", "{", "(", "[", "+", "%", "bin/", "dev/", "etc/", "/?", " /", " -", "http",
    "cmd", "powershell", "if ", "if/", "for ", "alias ",
    "\\", "!-",
)  # fmt: skip

# What follows a command when a shell is meant.
_SHELLISH = re.compile(
    r"[\"']?(?: ?[<>]{1,3}&? ?[\w/&.$-]| ?\$[\w({@*]| -{1,2}[a-z\d]| \+[a-z]| /[\w?*.]?| ~/?| \.{1,2}/?(?:\w|$| )"
    r"| (?:https?|ftp)://| [\"'$`(%]"
    r"| [\w.-]{1,60}\.[a-z]{2,5}\b| \d{1,3}(?:\.\d{1,3}){3}| \d{1,6}(?: ?$| ?[;|&`)\n#])| [a-z]:[\\/]|[\\/][\w*?]"
    r"|,[^ ,}]{1,60}\}| ?<<<?| \*)"
)
_END = re.compile(r"[\"']?(?: ?$| ?[;|&`)<>#\n}]| ?\d?>|\x00|\\)")
_FLAG = re.compile(r" -| /")
_STRONG = re.compile(r"[\"']?(?: ?[<>]{1,3}&? ?[/&$-]| -{1,2}[a-z\d]| /\w| (?:https?|ftp)://| \$\(| [\"'$])")
# What stands around a command is words and paths, and not signs only.
_TIDY = re.compile(r"^[\w \n.:/@'\"?*=;|&,)<>~-]*+$")
_SPACED = re.compile(r"[\"']?(?: |$|[<>,/\\$]|[;|&`)\n}]{1,2}(?: |$|[a-z/\"'`}]))")
# A host, a number, or the end of a quotation: what a command line holds before an injected command.
_HOST = re.compile(r"[\w-]\.[\w-]|\d$|[\"')]$")
_REOPENED = re.compile(r" ?(?:[;|&]{1,2} ?[\"']|#)$")
# What follows code that a text quotes: its next word, link or column.
_GOES_ON = re.compile(r"[.,:;)]?(?:\s[\w\[(*|]|$)")
_IN_WORDS = re.compile(r"[.,:;)]? \w")
_IN_SENTENCE = re.compile(r"[.,:;)]? [a-z]{2,20},? [\w\[(*]")
_EMPHASIS = re.compile(r"(?:^|[\s(])([*_]{1,3})$")
_WORD = re.compile(r"[\"']? [\w@.-]")
# What is told a command whose name begins lines of traces and lists as well.
_TOLD = re.compile(r" -{1,2}[a-z]|/etc/\w|/dev/|/bin/\w|https?://|\|\s?(?:ba)?sh\b")
# Files and devices that are named to a shell by nobody who means well.
_LOOT = re.compile(r"/etc/\w|/dev/(?:tcp|udp|null)|/bin/\w|/proc/self|/var/log|\.ssh/|id_rsa|\|\s?(?:ba)?sh\b"
    r"|-e /bin|https?://|ftp://|\bpasswd\b")
# In the query languages of log viewers these follow a `|` as well.
_PIPED = frozenset({
    "head", "tail", "sort", "top", "join", "find", "where", "uniq", "dir", "set", "id", "date", "time", "type",
    "host", "users", "last", "file", "path", "user", "test", "start", "source", "groups", "info", "title", "color",
    "print", "uname", "tr",
})  # fmt: skip
_COMMANDS = SURE | WORDS | {"sudo"}
# What a command between backticks is worth that a text seems to quote.
_CODE = 4
# What a character costs to read as a shell does, and to weigh a command.
_VIEWED, _WEIGHED = 40, 4_000


def find(text: str, budget: Budget) -> Hit | None:
    """The strongest evidence in decoded, lower-case `text`; None when there is none."""
    if not holds(text, HINTS):
        return None
    budget.spend(len(text) * _VIEWED)
    view = for_shell(text.rstrip())
    best = better(RULES.strongest(view, budget), disguise.find(text, view, budget))
    if best is not None and best.score > 5:
        return best
    # What stands around a command, and its score.
    scores: dict[tuple[str, ...], int] = {}
    for command in commands(view):
        # What stands in front is looked at for fences.
        budget.spend(_WEIGHED + command.start // 3)
        best = _weigh(command, view, best, scores)
        if best is not None and best.score > 5:
            return best
    return best


def _weigh(command: Command, view: str, best: Hit | None, scores: dict[tuple[str, ...], int]) -> Hit | None:
    """What a command after a separator is worth where it stands, or `best` if that is more."""
    rest = view[command.end : command.end + 120]
    before = view[max(0, command.start - 200) : command.start]
    around = (before, command.sign, command.name, rest)
    score = scores.get(around)
    if score is None:
        score = scores[around] = _looted(command, rest, before)
    if score <= (0 if best is None else best.score):
        return best
    rule = "substitution" if command.sign[0] in "`$<>" else "after-separator"
    return better(best, hit(rule, score, view, command.start, command.end + 40))


def _looted(command: Command, rest: str, before: str) -> int:
    """A command's score, which is more where it is told files that nobody means well with."""
    score = _score(command, rest, before)
    if command.sign == "`" and score == _CODE and rest.partition("`")[2].strip(".,:;) "):
        # Words behind it too: whoever tells of a file tells of it in a sentence.
        return score
    return score + (score > 0 and _LOOT.search(rest.partition("\n")[0]) is not None)


def _score(command: Command, rest: str, before: str) -> int:
    shellish, ended = _SHELLISH.match(rest) is not None, _END.match(rest) is not None
    if len(command.name) < 4 and not (_SPACED.match(rest) and (_TIDY.search(before) or _LOOT.match(rest.lstrip()))):
        # A few letters between signs, as passwords have them.
        return 0
    # A separator that opens the value, or stands after a single word as a host or file name would.
    alone = not before.strip("'\" )")
    close = " " not in before.strip() and "\n" not in before
    if command.sign == "{":
        return 0
    if command.sign == "`":
        return _backtick(command, rest, before, alone or (close and not before.endswith(" ")))
    if command.sign[0] in "$<>":
        return 6 if shellish or ended or command.sure else 5 if alone or close else 4
    if command.sign == "\n":
        return _line(command, rest, shellish, ended, close)
    if _REOPENED.match(rest) and before.rstrip()[-1:] in ("'", '"') and before.count(before.rstrip()[-1:]) % 2:
        # It closes a quotation and opens the next.
        return 5
    if command.sign == "|" and command.name in _PIPED and not alone:
        host = close and ended and (_HOST.search(before) is not None or len(before) == 1)
        return 5 if host or (close and _FLAG.match(rest)) else 3 if close else 2
    if command.sign == "&" and not alone and not shellish:
        return 5 if command.sure and ended and close else 3
    host = close and _HOST.search(before) is not None
    if not (close or _STRONG.match(rest)) and command.sign == "&&" and before.split(None, 1)[0] in _COMMANDS:
        # Two lines of instructions, made one.
        return 4
    if shellish:
        return 6 if command.sure or alone or close else 5 if _STRONG.match(rest) else 4
    if command.sign == "|" and alone and rest.lstrip().startswith("|"):
        return 3
    if ended and command.name in REVEALING and not rest.strip(" ;|&#'\")"):
        return 6 if alone or close else 5
    if ended:
        return 6 if alone or (command.sure and close) else 5 if host or (command.sure and len(command.sign) > 1) else 3
    if _WORD.match(rest):
        return 5 if alone or host or (command.sure and (close or len(command.name) > 3)) else 2
    return 0


def _backtick(command: Command, rest: str, before: str, bare: bool) -> int:
    inside, closed, behind = rest.partition("`")
    if not closed:
        return 3
    if not inside.strip():
        return 2 if not bare else _CODE if _IN_WORDS.match(behind) else 6
    emphasis = _EMPHASIS.search(before)
    if _IN_SENTENCE.match(behind) or (emphasis is not None and behind.startswith(emphasis[1])):
        return _CODE
    if _SHELLISH.match(rest):
        # Apart from the words on both sides, as code is quoted in prose.
        return 6 if bare else _CODE if before.endswith((" ", "\n")) and _GOES_ON.match(behind) else 5
    return 5 if bare and (command.sure or command.name in ("echo", "exec", "eval")) else _CODE if bare else 2


def _line(command: Command, rest: str, shellish: bool, ended: bool, close: bool) -> int:
    """A line of its own: texts have lines, so it takes a value that is none otherwise."""
    if not close or (command.name in EVERYDAY and not _TOLD.search(rest.partition("\n")[0])):
        return 2
    if shellish or (ended and command.sure):
        return 6
    return 5 if ended else 2
