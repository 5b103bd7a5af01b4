"""What is meant for a database wherever it stands: names of its inside, and calls that nobody makes in prose. Pure."""

from __future__ import annotations

import re

from .rules import Around, Rules, rule

_NUM = r"['\"]?-?\d[\d.]*['\"]?"
# A statement has no two words behind a call that are none of the language: who goes on so speaks of the function.
_GOES_ON = (
    r"(?:and|or|xor|not|from|where|limit|as|union|order|group|having|r?like|regexp|in|is (?:not|null)|between|else|end"
    r"|into|div|mod|collate|procedure|begin|select|insert|update|delete|drop|exec|execute|declare|waitfor|shutdown)\b"
)
# Behind an alias only these.
_BEHIND = r"(?:and|or|as|from|where|limit|union|order|group|having)\b"
_MEANT = rf"(?!,? (?!{_GOES_ON})[a-z']{{1,20}},? (?!{_BEHIND})[a-z])"
_ARGUMENTS = rf"(?:[^()]|\([^()]{{0,80}}\)){{0,80}}+\)?+{_MEANT}"
# The start of a comparison that may say nothing, for texts that are long.
_COMPARED = Around(
    re.compile(
        r"(?:or|and|xor|having|\|\||&&)[ (!+~-]{1,6}+['\"]?\w{1,20}+(?:['\"]? ?(?:=|like|<=>|rlike)|(?<=like))"
    ),
    ("=", "like"),
)
RULES = Rules(
    rule(
        "timing", 6, 250, ("waitfor", "sleep", "benchmark", "receive_message", "randomblob"),
        rf"\bwaitfor (?:delay|time) ?['\"@][\w:. ]{{0,20}}+['\"]?+{_MEANT}|\bpg_sleep(?:_for)? ?\( ?{_NUM}{_ARGUMENTS}"
        rf"|\bbenchmark ?\( ?\d[\d ]{{3,12}},{_ARGUMENTS}|\bdbms_lock\.sleep ?\({_ARGUMENTS}"
        rf"|\bdbms_pipe\.receive_message ?\({_ARGUMENTS}|\brandomblob ?\( ?\d{{4}}{_ARGUMENTS}"
        rf"|\buser_lock\.sleep ?\({_ARGUMENTS}|^;? ?sleep ?\([^a-z]{{1,20}}\){_MEANT}"
        r"|\bselect ?\(? ?(?:pg_)?sleep ?\(|\bif ?\([^;]{1,60}, ?sleep ?\("
        r"|\bsleep ?\(\d+\.to_i\)",
    ),
    rule(
        "procedure", 6, 140, (
            "xp_", "sp_", "extractvalue", "updatexml", "utl_", "dbms_", "ctxsys", "procedure", "openrowset",
            "opendatasource", "load_file", "httpuritype", "xmltype", "sys_eval", "sys_exec",
        ),
        rf"\b(?:xp_(?:cmdshell|dirtree|reg\w{{4,20}}|fileexist|availablemedia|enumdsn|makecab|ntsec\w{{0,20}}"
        rf"|terminate\w{{0,12}}"
        r"|loginconfig|servicecontrol|subdirs|fixeddrives|getfiledetails)|sp_(?:oacreate|oamethod|makewebtask"
        r"|executesql|password"
        r"|addextendedproc|configure|addsrvrolemember|addlogin|who\b|helpdb|help\b)){_MEANT} ?['\"(@;a-z]"
        rf"|\b(?:extractvalue|updatexml|xmltype) ?\( ?[\d'\"(cs]{_ARGUMENTS}"
        r"|\butl_(?:http\.request|inaddr\.get_host_\w{4,7}"
        r"|file\.\w{2,20}|smtp\.\w{2,20}) ?\("
        r"|\bdbms_(?:utility|xmlgen|java|scheduler|ldap|xslprocessor|advisor|export_extension|cdc_\w{2,20}|sql"
        r"|assert|lob|xmlquery)\.\w{2,40} ?\("
        r"|\bctxsys\.drithsx|\bprocedure analyse ?\(|\bopenrowset ?\( ?['\"]|\bopendatasource ?\( ?['\"]"
        rf"|\bload_file ?\( ?['\"(0cx]{_ARGUMENTS}"
        rf"|\bhttpuritype ?\({_ARGUMENTS}|\bsys_(?:eval|exec) ?\({_ARGUMENTS}",
    ),
    rule(
        "catalogue", 6, 100, (
            "information_schema", "sys", "pg_", "sqlite_master", "mysql.", "@@", "rdb$", "msysaccess", "user_tab",
            "all_tab", "v$", "master.",
        ),
        r"\b(?:from|join|table|into|exists|,) ?[(`\"\[]?(?:information_schema[`\"\]]?\.|sysobjects\b|syscolumns\b"
        r"|sysusers\b|sysdatabases\b"
        r"|sys\.[a-z]|pg_catalog\.|pg_(?:user|shadow|tables|class|database|stat_activity)\b|sqlite_(?:master"
        r"|schema)\b|mysql\.(?:user|db)\b|sysibm\."
        r"|syscat\.|rdb\$|msysaccess|(?:all|user|dba)_(?:tables|users|tab_columns|objects|db_links)\b|v\$\w"
        r"|master\.\.?[a-z]|all_source\b)"
        r"|(?:select|union|[=,(<>'\"]) ?@@(?:version|datadir|hostname|servername|basedir|global|language|spid)\b",
    ),
    rule(
        "file", 6, 90, ("outfile", "dumpfile", "infile"),
        r"\binto (?:out|dump)file ?['\"]|\bload data (?:local )?infile ?['\"]",
    ),
    rule(
        "encoded", 6, 480, ("char", "chr", "concat", "0x"),
        r"\bch(?:a?)r ?\( ?\d{1,3} ?\) ?(?:\+|\|\||,|&) ?ch(?:a?)r ?\( ?\d|\bconcat(?:_ws)? ?\( ?(?:0x[0-9a-f]{2}"
        r"|['\"]?, ?\(select|char ?\()"
        r"|\bgroup_concat ?\( ?[a-z0-9_(]|\b(?:select|exec|execute|declare|set) ?[@\w (=]{0,40}0x[0-9a-f]{8}"
        r"|\bchar ?\( ?\d{2,3} ?(?:, ?\d{1,3} ?){3,60}\)"
        r"|^0x[0-9a-f]{16,400} exec",
    ),
    rule(
        "statement", 6, 450, ("declare", "exec", "drop", "truncate", "alter", "create", "insert", "delete", "update",
                         "select", "shutdown",
                         "grant"),
        r"\bdeclare ?@\w{1,30} ?(?:as )?(?:n?varchar|n?char|int|cursor|sysname)\b"
        r"|\bexec(?:ute)? ?(?:immediate ?['\"]|\( ?['\"@]|master\.|xp_|sp_)"
        r"|['\"\d)] ?;[; ]*(?:(?:drop|truncate|alter|create) (?:table|database|schema|user|view|index|procedure|role"
        r"|function|login|column|trigger)\b"
        r"|insert into \w|update \w{1,60} set\b|delete from \w|shutdown\b|select (?:\d|\*|pg_)|grant all\b)"
        r"|^[;'\") ]{0,5}(?:drop|truncate|alter|create) (?:table|database|schema|procedure|function"
        r"|login) [\w.`\"\[\]-]{1,60} ?[;(-]"
        r"|^[;'\") ]{0,5}(?:insert into [\w.`]{1,60} ?(?:\([^()]{0,200}\) ?)?values ?\("
        r"|delete from [\w.]{1,60} where \S{1,40} ?[=<>]"
        r"|update [\w.]{1,60} set \w{1,60} ?= ?['\"\d])"
        r"|;[; ]*shutdown ?(?:with nowait|;|--|$)|;[; ]*drop (?:table|database)\b",
    ),
    rule(
        # a number, and a word of the language where no space is: a comment, or nothing at all
        "glued", 5, 120, ("or", "and", "union", "rlike", "copy ", "asc", "desc", "` "),
        r"^['\")]{0,3}\d[\d.]{0,12}(?:e\d{0,3})?(?:or|and|xor|union|rlike) ?[('\"]",
        r"\bcopy [^;\n]{1,60} (?:from|to) program ?['\"]|^\w{1,40} (?:asc|desc) ?, ?\(?(?:pg_)?sleep ?\(",
        r"^\w{1,20}` ?(?:(?:or|and) \d{1,6} ?=|union )",
    ),
    rule(
        "case", 6, 250, ("case", "if(", "if (", "ifnull", "elt", "make_set", "rlike", "regexp"),
        rf"\bcase ?\(?when ?\(? ?{_NUM} ?[=<>] ?{_NUM}|\b(?:iif|elt|make_set|ifnull|if) ?\( ?\(? ?{_NUM} ?[=<>] ?{_NUM}"
        r"|\br(?:like|egexp) ?\( ?(?:select|case)|\brlike ?sleep ?\(",
    ),
    rule(
        "subquery", 6, 300, ("select",),
        r"[=<>+|*/,(-] ?\( ?select (?:\d|['\"(*@]|count ?\(|case\b|top \d|char|concat|\w{1,60} from \w)"
        r"|\bexists ?\( ?select\b|\(select \* from ?\("
        r"|\bunion (?:all |distinct )?\(? ?select (?:null|all|distinct|\d{1,9}(?:,|$| ?--| from)|['\"@(*]|concat"
        r"|char|\w{1,40} ?,)"
        r"|\bunion[(+]+select\b|\bselect (?:\d{1,6} ?, ?){2}|\bselect ?\( ?\d",
    ),
    rule(
        "json", 6, 80, ("::", ".e"),
        r"['\"] ?:: ?jsonb?\b|\.e(?<=\b\d\.e)(?: ?\(|\.[a-z])",
    ),
    rule(
        "variable", 5, 100, ("@@", "select"),
        r"^@@[a-z]\w{6,30}$|^select (?:user|version|database|current_user|system_user|session_user) ?\( ?\)",
    ),
    rule(
        "call", 5, 150, ("(",),
        r"^(?:select )?(?:group_concat|load_file|updatexml|extractvalue|xmltype|pg_sleep|benchmark|concat_ws"
        r"|current_user|db_name|schema_name|sysdate|coalesce"
        r"|database|user_name|suser_name|row_count|json_extract|sqlite_version|pg_read_file|make_set|unhex|compress"
        r"|rand|sin) ?\($|^(?:select )?(?:substr|substring|mid|ord|ascii|hex|char|chr|concat"
        r"|rtrim|ltrim|strcmp|md5|sha1|user|version|encode|insert|session_user|system_user|convert|cast|ifnull"
        r"|nullif|lpad|elt|instr|bin|conv|quote|soundex|uuid|sleep) ?=?\\?\($"
        r"|^[^(]{0,60}[=<>+|,-] ?json_(?:extract|value|query|contains) ?\(",
    ),
    rule(
        "literal", 5, 110, ("'",),
        r"^'[^']{0,20}'(?:=|!=|<>|<|>)'[^']{0,20}'?$",
    ),
    rule(
        "name", 5, 100, ("_",),
        r"^(?:information_schema|pg_catalog|exec xp_\w{3,20}|select pg_sleep|from [`\"\[]?information_schema[`\"\]]?)$",
    ),
    rule(
        "inline", 6, 250, ("/*", "having", "group by"),
        r"\b(?:group by|having) [\w.,() ]{1,60}having ?\(? ?\d+ ?= ?\d+|\bfloor ?\( ?rand ?\(",
    ),
    rule(
        "tautology", 6, 160, _COMPARED,
        r"(?:\b(?:or|and|xor|having)|\|\||&&)[ (!+~-]{1,6}(['\"]?)(\w{1,20})\1 ?(?:=|<=>"
        r"|r?like(?= ?['\"])) ?(['\"]?)\2\3?(?![\w'.])[) ]*(?:--|#|/\*|;|and\b|or\b|$)",
    ),
)  # fmt: skip
