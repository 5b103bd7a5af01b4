"""SQL injection: a value that ends the literal it stands in and goes on in grammar.

Words alone are no evidence: "select ... from" in prose, `--`, `;` and O'Brien pass.
"""

from __future__ import annotations

import re

from .normalise import for_sql

# No rule can match without one of these; a proven superset is what keeps ordinary text cheap.
HINTS = ("'", '"', "=", "union", "--", "#", "/*", ";", "(", "`", "||", "<", ">")

_OPERAND = r"(?:[('\"`@ ]*[\w.%-]*['\"`) ]*)"
RULES = (
    ("union-select", re.compile(
        r"(?:['\")\d]|null|-) ?union(?: all| distinct)? ?\(? ?select\b|"
        r"\bunion(?: all| distinct)? ?\(? ?select (?:[\d'\"@*(]|null\b|concat|char ?\(|[\w.]+ ?(?:,|from\b))"
    )),
    ("tautology", re.compile(
        rf"['\"`)] ?\)* ?(?:or|and|xor|\|\||&&|div|mod) ?(?:not )?{_OPERAND}(?:=|<>|!=|<|>|\blike\b|\bbetween\b|\bin ?\(|\bis (?:not )?null)"
    )),
    ("numeric-tautology", re.compile(
        r"(?:^|[= (])-?\d{1,9}\)* (?:or|and|xor|\|\||&&|having) (?:not )?\(*['\"]?[\w.]{1,20}['\"]? ?(?:=|<>|<|>|like) ?['\"]?[\w.]{1,20}['\"]?"
        r" ?(?:--|#|;|\)|$)"
    )),
    ("boolean", re.compile(r"['\"`]\)* ?(?:or|and|\|\||&&) ?\(*(?:true|false|\d{1,9}|not \d)\)* ?(?:--|#|;|/\*|$)")),
    ("comment-end", re.compile(r"[\w)%]['\"]\)* ?(?:--|#|;--|;%00|/\*)[ -]*$")),
    ("stacked", re.compile(
        r"(?:['\")\d] ?|^);+ ?(?:drop|truncate|alter|create|grant|revoke) (?:table|database|schema|user|view|index|procedure|role|login|all)\b|"
        r"['\")\d];+ ?(?:insert into|update \w{1,60} set|delete from|exec(?:ute)?\b|declare @|shutdown\b|select\b|waitfor\b)"
    )),
    ("timing", re.compile(
        r"\bwaitfor delay ?['\"]|(?:['\")\d;|,] ?|\b(?:and|or|select|xor|when|then|if) ?)\(*(?:select ?\(? ?)?"
        r"(?:pg_sleep|sleep|benchmark|dbms_lock\.sleep|dbms_pipe\.receive_message|randomblob) ?\("
    )),
    ("error-function", re.compile(r"\b(?:extractvalue|updatexml|xmltype|utl_inaddr\.get_host_\w{1,10}|utl_http\.request|exp ?\( ?~|xp_cmdshell|xp_dirtree|load_file|sys_exec|sys_eval) ?[(']")),
    ("catalogue", re.compile(
        r"\b(?:from|join|into|,) ?\(?(?:information_schema\.|sysobjects\b|sys\.(?:tables|objects|databases)|pg_catalog\.|sqlite_master\b|mysql\.user\b|all_tables\b|user_tables\b|v\$version)|"
        r"@@(?:version|datadir|hostname|servername)\b"
    )),
    ("subquery", re.compile(r"['\")\d=<>,|] ?(?:and|or|\|\||in|=|<|>|,|\+|-|\*|exists)? ?\( ?select .{0,200}?\b(?:from|case|count|char|ascii|substr|concat)\b")),
    ("order-by-probe", re.compile(r"(?:['\")]|^-?\d{1,9}\)*) ?(?:order|group) by \d{1,4}(?: ?,\d{1,4})* ?(?:--|#|;|$)")),
    ("outfile", re.compile(r"\binto (?:out|dump)file ?['\"]")),
    ("concatenation", re.compile(r"['\"] ?(?:\|\||\+) ?(?:\(?select\b|(?:chr|char|ascii|cast|concat|utl_\w{1,20}) ?\()")),
)  # fmt: skip


def find(text: str) -> str | None:
    """The name of the first rule that matches decoded, lower-case `text`; None when none does."""
    view = for_sql(text)
    for name, pattern in RULES:
        if pattern.search(view):
            return name
    return None
