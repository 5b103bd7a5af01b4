"""Text read as SQL: one letter for each token, the alphabet in which `sqlgrammar` is written. Pure.

    1 number or constant   s string   S string that does not end   v name   f function   F a database's function
    & or, and, ||   O comparison by sign   o comparison by word   a arithmetic   T cast   ! not   U union   E select
    B order, group   b by   H having   k other clause   d all, distinct   D statement   c comment   ( ) , ;   x other
"""

from __future__ import annotations

import re
from itertools import islice
from typing import NamedTuple

# An injection shows its grammar early: so many characters are read from where it may start, and so many tokens.
WINDOW = 400
_TOKENS = 60
_TOKEN = re.compile(
    r"(?P<c>--.*+|#(?!>).*+|/\*.*+)"
    r"|(?P<s>'[^'\\]*+(?:(?:''|\\.)[^'\\]*+)*+(?:'|$)|\"[^\"\\]*+(?:(?:\"\"|\\.)[^\"\\]*+)*+(?:\"|$))"
    r"|(?P<n>0x[0-9a-f]++|\d++(?:\.\d*+)?(?:e[+-]?\d++|e(?![a-z_]))?)"
    r"|(?P<w>@{0,2}[a-z_\x80-\U0010ffff][\w$]*+(?:\.{1,2}[a-z_][\w$]*+)*+|`[^`]*+`?|@@[\w.]*+|\[[\w ]*+\])"
    r"|(?P<o><=>|<>|!=|<=|>=|:=|==|<@|@>|\?[|&]?|@[@?]|#>>?|~\*?|[=<>])"
    r"|(?P<l>\|\||&&)"
    r"|(?P<t>::)"
    r"|(?P<a>->>?|[-+*/%^|&])"
    r"|(?P<g>!)"
    r"|(?P<p>[(),;{}])"
    r"|(?P<x>[^\s])",
    re.S,
)
_LETTER = {"c": "c", "n": "1", "o": "O", "l": "&", "a": "a", "g": "!", "t": "T", "x": "x"}
_BRACES = {"{": "(", "}": ")"}
_WORDS = {
    **dict.fromkeys(("or", "and", "xor"), "&"),
    **dict.fromkeys((
        "like", "rlike", "regexp", "between", "in", "is", "sounds", "glob", "ilike", "similar", "collate", "escape",
        "isnull", "notnull", "overlaps", "match", "to",
    ), "o"),
    **dict.fromkeys(("div", "mod"), "a"),
    **dict.fromkeys(("null", "true", "false"), "1"),
    **dict.fromkeys(("all", "distinct", "distinctrow"), "d"),
    **dict.fromkeys((
        "from", "where", "into", "limit", "procedure", "as", "when", "then", "case", "join", "offset", "using",
        "returning", "values", "fetch",
    ), "k"),
    **dict.fromkeys(("union", "intersect", "except", "minus"), "U"),
    **dict.fromkeys((
        "drop", "insert", "update", "delete", "create", "alter", "truncate", "exec", "execute", "declare", "shutdown",
        "waitfor", "begin", "call", "copy", "grant", "revoke", "merge", "replace", "use", "backup", "restore",
        "vacuum", "analyze", "attach", "load", "do", "set", "rename",
    ), "D"),
    "select": "E", "not": "!", "order": "B", "group": "B", "by": "b", "having": "H",
}  # fmt: skip
# Functions whose call inside a value waits, reads files, or is the tool of blind injection.
STRONG = frozenset({
    "pg_sleep", "pg_sleep_for", "sleep", "benchmark", "extractvalue", "updatexml", "load_file", "randomblob",
    "receive_message", "get_host_name", "get_host_address", "request", "xmltype", "group_concat", "concat_ws",
    "make_set", "elt", "pg_read_file", "lo_import", "pg_ls_dir", "dblink", "openrowset", "opendatasource",
    "opendatafile", "sqlite_version", "sqlite_compileoption_get", "load_extension", "httpuritype", "drithsx", "sn",
    "fn_md5", "json_extract", "json_value", "database_to_xml", "query_to_xml", "generate_series", "regexp_substring",
    "getpgusername", "current_setting", "xpath", "sys_eval", "sys_exec", "name_const", "geometrycollection",
    "polygon", "multipoint", "multilinestring", "linestring", "multipolygon", "st_latfromgeohash",
    "st_longfromgeohash", "gtid_subset", "exp", "bin_to_uuid", "unlikely", "likelihood", "likely", "find_in_set",
    "quote_literal", "string_agg", "listagg", "unhex", "inet_aton", "is_srvrolemember", "has_dbaccess", "db_name",
    "user_name", "host_name", "suser_name", "schema_name", "object_id", "col_name", "chr", "char", "ascii", "substr",
    "substring", "mid", "ord", "hex", "concat", "convert", "cast", "iif", "ifnull", "nullif", "coalesce", "exists",
    "xp_cmdshell", "crypt_key", "spatialtype", "row_count", "rownum", "glob", "bit_count", "instr", "position",
    "unicode",
})  # fmt: skip
# Functions that formulas and programs call as well.
_COMMON = frozenset({
    "version", "database", "user", "current_user", "session_user", "system_user", "count", "length", "len", "row",
    "if", "now", "sysdate", "floor", "rand", "md5", "sha1", "sum", "min", "max", "left", "right", "lower", "upper",
    "replace", "reverse", "lpad", "trim", "ltrim", "rtrim", "encode", "decode", "compress", "schema", "abs", "sin",
    "round", "mod", "any", "some", "array", "repeat", "strcmp", "connection_id", "last_insert_id", "uuid", "insert",
    "div", "interval", "values", "date", "time", "year", "month", "quarter", "overlay", "jsonb_pretty",
})  # fmt: skip
# Words that are functions when a parenthesis follows, whatever else they are.
_CALLED = frozenset({
    "if", "exists", "replace", "insert", "values", "left", "right", "array", "any", "some", "mod", "glob",
})  # fmt: skip


KEYWORDS = frozenset(_WORDS) | _COMMON


class Tokens(NamedTuple):
    """The letters of the first tokens, their texts and where each starts in what was read."""

    letters: str
    texts: list[str]
    starts: list[int]


def tokens(view: str, at: int = 0) -> Tokens:
    """What a statement would be made of from `at` on."""
    part = view[at : at + WINDOW]
    letters, texts, starts = [], [], []
    for found in islice(_TOKEN.finditer(part), _TOKENS):
        word = found[0]
        letters.append(_letter(str(found.lastgroup), word, part, found.end()))
        texts.append(word)
        starts.append(at + found.start())
    return Tokens("".join(letters), texts, starts)


def _letter(kind: str, word: str, part: str, end: int) -> str:
    if kind == "p":
        return _BRACES.get(word, word)
    if kind == "s":
        return "s" if len(word) > 1 and word[-1] == word[0] else "S"
    if kind != "w":
        return _LETTER[kind]
    called = part[end : end + 2].lstrip()[:1] == "("
    known = _WORDS.get(word)
    if called and (known is None or word in _CALLED):
        last = word.rpartition(".")[2]
        if last in STRONG:
            return "F"
        return "f" if last in _COMMON or part[end : end + 1] == "(" else "v"
    return known or "v"
