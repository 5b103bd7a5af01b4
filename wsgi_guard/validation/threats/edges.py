"""Where an attack may show in one of many short texts: at the ends of it, and what is too frequent in long ones.

Texts stand between `\\x02` and `\\x01`. As in `spots`, a place is no finding: it only has a text looked at.
"""

from __future__ import annotations

from .spots import kind, kinds

_METHODS = r"(?:get|post|head|put|delete|options)"
_WORDS = {
    "shell": (
        "invoke-", "powershell", "passwd", "shadow", "alias ", "!-", "<(", ">(", "jndi", "iex", "iwr", "irm",
        "wget ", "curl ", " -c ", "system(", "system (",
    ),
    "place": (
        "wp-content", "wp-config", "proc/", "backup.", ".sql", ".inc", ".log", "/dump.", "root/", "id_rsa", "ldap:",
        "usr/", "opt/", "home/", "sys/", "dev/", "winnt", "windows/", "htpasswd", "web.config", "server-status", "var/",
        ".svn/", ".git/", ".aws/", ".ssh/", "\u2215", "\u2216", "0x2f", "0x5c", "./.", ".../",
    ),
    "script": ("+adw-", "reflect.", "new function", "throw", "}[", "`${",
               ".queryselector", ".getelement"),
    "parted": ("/*",), "header": ("\u560a",), "catalogue": ("v$",), "case": ("elt(", "elt (", "make_set", "iif("),
}  # fmt: skip


def _behind(length: int) -> str:
    """What looks back from a dollar over so many signs, letters behind perhaps a space, to one that parts commands.

    A look back has to have one length."""
    return rf"(?<=[;|&][\sa-z][a-z]{{{length - 1}}}\$)"


_LOOKS = (
    kind("line", ("if",), r"\x02\s{0,3}@?if[\s/]"),
    kind("line", ("for",), r"for\s+(?:/[dflr]|%)"),
    kind("line", ("sh",), r"sh\s-c\s"),
    kind("line", ("cat", "tac", "head", "tail", "less", "more", "type", "dir", "del", "tree"),
         r"\x02[$;|&\s]{0,4}(?:cat|tac|head|tail|less|more|type|dir|del|tree)\s"),
    kind("encoded", ("=",), r"=\x01"),
    kind(
        "number", ("or", "and", "union", "||", "&&", "order", "group", "having", ";"),
        r"\x02[\s(+~!;){'\"-]{0,9}+\d[\d.e]{0,20}+[\s)'\"]{0,4}+(?:x?or|and|union|\|\||&&|order|group|having|;)",
    ),
    kind(
        "quote", ("'", '"'),
        r"(?:'|\")(?=[\s)xoahrlinbumpdscgw|&;#=<>?/+*^%!-])[\s)]{0,3}+(?:(?:x?or|and|having|r?like|in|is|not|regexp"
        r"|between|union|limit|order|group|procedure|mod|div|sounds|collate|as|where)\b|[|&;#=<>?/+*^%-]|!=)",
    ),
    kind("opened", (";", "|", "&"), r"\x02[\"')+]{0,2}+\s?+[;|&]"),
    kind("opened", ("+",), r"\+(?<=[;|&]\+)", r"\+[;|&]"),
    kind("opened", ("$",), rf"\$(?<=[;|&\sa-z]\$)(?:(?<=[;|&]\$)|{'|'.join(map(_behind, range(1, 6)))})"),
    kind("globbed", ("[",), r"/\w{0,5}\[[!^]?[\w?/]{1,12}\]"),
    kind("brace", ("{",), r"\{[\w/-]{0,12}+,[\w/-]{0,12}[,}]"),
    kind("tag", ("<",), r"<:", r"\n\s*<(?:html|script|body|!doctype|svg|img)"),
    kind("style", ("style",), r"style\s?>[^<]{0,60}[@=]\\"),
    kind("called", ("(",), r"\([\s]?\x01"),
    kind("header", ("\n",), rf"\n[ \t]?(?:[a-z-]{{3,30}}[\r\t ]{{0,4}}:|{_METHODS} )"),
    kind("header", ("\r",), rf"\r[ \t]?(?:[a-z-]{{3,30}}[\r\t ]{{0,4}}:|{_METHODS} )"),
    kind("header", ("http",), rf"\x02{_METHODS} http", r"https?\?\x01"),
    kind("filter", (")",), r"\)(?=[\s|&!(])\s?+(?:[|&!]\s?[()]|\(\s?[|&!])"),
    kind("filter", ("\\",), r"\\2[89a]", r"\\29"),
    kind("climb", ("..",), r"\x02/?\.\.[/\\]"),
    kind("hidden", ("/.",), r"/\.[a-z]"),
    kind("subquery", ("select",), r"\(\s{0,3}select", r"select\s[a-z_]{2,16}\s?\("),
    kind("escape", ("\\",), r"\\(?:x|u\{?0{0,4})3[ce]", r"\x02[a-z]{1,4}\\[a-z]"),
    kind("parted", ("'", '"'), r"\x02[a-z]{1,6}['\"]{1,2}[a-z]"),
    kind("line", ("or",), r"\x02\s?x?or\s"),
    kind("line", ("\n",), r"\x02\n"),
    kind("substitution", ("`", "$("), r"(?:`|\$\()\s?echo\b"),
    kind("template", ("${",), r"\$\{\s?(?:phpinfo|system|passthru|shell_exec)"),
    kind("remote", ("://",), r"\?\x01", r"/(?:c99|r57|shell|cmd|evil)"),
)  # fmt: skip
EDGES = kinds(_WORDS, _LOOKS)
