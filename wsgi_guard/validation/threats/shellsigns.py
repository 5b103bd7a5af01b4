"""What is meant for a shell wherever it stands, or as a whole value; a shell's own reading of text. Pure."""

from __future__ import annotations

from .rules import REACH, Rules, rule
from .windows import RULES as WINDOWS

_VERB = (
    r"(?:cat|ls|ll|cp|mv|rm|tac|head|tail|more|less|nl|od|xxd|vi|vim|nano|grep|awk|sed|find|strings|base64|dd"
    r"|chmod|chown|source|touch|zcat|zstdcat|curl|wget|nc|echo|dir|type|php|perl|python\d?|bash|sh|tee)"
)
_SHELL = r"(?:ba|z|k|c|da)?sh"
# Who speaks of the option goes on like this.
_SPOKEN = (
    r"(?!(?:is|was|are|means?|runs?|reads?|takes?|does|did|has|can|will|would|should|flag|option|switch|in|and|or|not|for"
    r"|to|the|an?|as|with|when|if|works|fails?)\b)"
)
RULES = Rules(
    rule(
        "shell-path", 6, 110, ("bin/", "/?", "dev/", "*"),
        r"[;|&`$(<>] ?/?(?:usr/)?(?:local/)?s?bin/[a-z0-9_.-]{1,20}(?: (?:-|/|\w)| ?$|[;|&])",
        rf"^/?(?:usr/)?(?:local/)?s?bin/(?:{_SHELL}|cat|ls|id|nc|ncat|netcat|python\d?|perl|php|ruby|ansible|uname"
        rf"|whoami"
        r"|wget|curl|rm|cp|mv|ping|chmod|ps|env|kill|echo|sleep|telnet|xterm)(?: (?:-|/|\w)|[;|&])",
        # without an argument the path of a program is a setting, but for those that only tell where one is
        r"^/(?:usr/)?(?:local/)?s?bin/(?:id|whoami|uname|ifconfig|netstat) ?$",
        rf"/bin/{_SHELL}\b[ \"']{{1,2}}-[ci]\b|/dev/(?:tcp|udp)/\w",
        # names that only a shell completes
        r"/\?{1,4}/[\w?*]{0,3}\?|/[a-z]?\?{1,3}[a-z]{0,2}/[\w?*]{1,12}\?[\w?*]{0,8}",
        r"(?:^|[ ;|&])/[a-z]\*[a-z]?/[a-z]{0,3}\*[a-z]{0,3}",
    ),
    rule(
        "shell-path", 3, 60, ("bin/",), r"^/?(?:usr/)?(?:local/)?s?bin/[a-z0-9_.-]{1,20} ?$",
    ),
    rule(
        "file-read", 5, REACH, ("/",),
        rf"^{_VERB} (?:-\w{{1,9}} )?[^ ]{{0,40}}/(?:etc|var/(?:log|www)|proc|root|bin|usr|home|tmp|dev|sys|opt)/[^ ]",
        r"^(?:cat|tac|head|tail|nl|od|xxd|less|more|strings|grep \w+) (?:-\w{1,9} )?/[\w?*\[\]{}.-]{1,30}"
        r"(?:/[\w?*\[\]{}.-]{1,30}){1,5} ?$",
    ),
    rule(
        "download", 5, 500, ("://",),
        r"^(?:wget|curl|iwr|invoke-webrequest|fetch|lynx|aria2c) (?:-{1,2}[\w-]{1,20}[ =]){0,9}['\"]?(?:https?|ftp)://"
        r"[^ ]{3,200}(?: ?$| -|[|;>&])",
    ),
    rule(
        "shell-flag", 5, 130, ("-c", "-i", "-e", "-r", "-wrapper", "-l", "-p", "-v", " /", "sh -", "proxycommand"),
        rf"(?:^|[;|&`(]) ?{_SHELL} -[ic] ?['\"$(]|[;|&`(] ?{_SHELL} -[ic]\b|-wrapper \w{{1,12}},-c",
        r"^(?:perl|ruby|php\d?|python\d?|lua|node) -[erc] ?['\"(]|^(?:nc|ncat|netcat) -\w{0,6}[elvp] ?[\w.:]{0,40} ?/",
        r"^(?:env|sudo|nohup|strace|setsid) /|^busybox -c ['\"]",
        rf"^['\"]?(?:(?:time|strace|ltrace|nohup|env|sudo|setsid|exec|nice) )?{_SHELL} -c {_SPOKEN}\w"
        r"|^-o ?proxycommand=",
    ),
    rule(
        "shellshock", 7, 80, ("()", "( )"), r"^\(\) ?\{|\(\) ?\{ ?(?:[:_;]|[a-z]{1,9};)|:\(\) ?\{ ?:\|",
    ),
    rule(
        "brace-expansion", 6, 180, ("{",),
        r"\{,?(?:cat|ls|wget|curl|ping|nc|id|bash|sh|echo|ip|ifconfig|uname|whoami|netstat|rm|chmod|perl|python|php),"
        r"[^}\s]{0,100}\}",
    ),
    rule(
        # a value that begins with a separator, and goes on as commands do
        "opened", 5, 150, (";", "|", "&"),
        r"^(?![^\n]*\| ?$)[\"')]{0,2} ?[;|&]{1,2}(?:[a-z][\w.-]{1,30} -{1,2}[a-z]\w{0,20}(?: |$)"
        r"| ?(?:(?:while|until|for \w{1,12} in|if) [^\n]{1,80}; ?(?:do|then)\b"
        r"|\[{1,2} [^\]\n]{1,60} \]{1,2} ?(?:&&|;|\|\|)|\. /\w|\$\{?(?:shell|bash|0)\}? ?(?:-|<|$)))",
    ),
    rule(
        "loot", 5, 60, ("passwd", "shadow"),
        rf"[;|&] ?(?:{_VERB}|column|comm|fold|sort|uniq|paste|diff|rev|cut|tr|wc|look|join|split|expand|fmt|pr)"
        r" (?:-\w{1,9} )?(?:passwd|shadow)\b",
    ),
    rule(
        "decoded", 6, 90, ("base64", "rev", "xxd", "tr ", "openssl", "gunzip"),
        r"(?:base64 (?:-d|--decode|-di)|xxd -r[ -]{0,2}p?|(?:\||tac) ?rev|\| ?tr [^|\n]{1,40}"
        rf"|openssl (?:enc|base64) [^|\n]{{1,40}}|gunzip(?: -c)?) ?\| ?{_SHELL}\b",
    ),
    rule(
        "alias", 5, 120, ("alias ",), r"(?:^|[;|&`(]) ?alias (?:[-+][a-z] ?){0,3}['\"]?[\w.!-]{1,30}['\"]?=",
    ),
    rule(
        "variable", 5, REACH, ("$",),
        # set, then used: ;a=i;b=d;$a$b
        r"(?:^|[;&|] ?)([a-z]\w{0,9})=[\w/$\\'\"]{1,30} ?(?:;|&&?) ?[^&]{0,60}\$\{?\1(?![a-z0-9])",
        r"\$\{[^}\s]{0,20}(?:#|%|:-|,,|\^\^)[^}]{0,20}\}\S{0,10}\$\{|\$\(\( ?\d{1,9} ?[-+*] ?\d{1,9} ?\)\)[^$]{0,30}$",
        r"\$\[ ?\d+ ?[+*-] ?\d+ ?\]|^\$\{\w{1,20}(?:##?|%%?)[^}\s]",
    ),
    rule(
        "code", 5, 110, (
            "system", "exec", "passthru", "popen", "proc_open", "subprocess", "__import__", "runtime", "<?", "#{", "<%",
            "phpinfo", "{php}",
        ),
        r"(?:^|[;:|&{(\"'<?=] ?)(?:@?(?:system|passthru|shell_exec|popen|proc_open|pcntl_exec)|os\.(?:system|popen)"
        r"|subprocess\.\w{3,12}|kernel\.(?:system|exec)|io\.popen) ?\( ?['\"$\[`]|__import__\( ?['\"](?:os|subprocess)",
        r"<\?(?:php|=)? ?@?(?:system|passthru|shell_exec|exec|popen|eval|assert) ?\( ?['\"$`\w]"
        r"|\{php\} ?(?:system|exec|passthru) ?\(|\$\{ ?(?:phpinfo|system|passthru|shell_exec) ?\("
        r"|(?:#\{|<%=?) ?(?:`[^`\n]{1,60}`|(?:system|exec) ?\( ?['\"])",
        r"getruntime\(\)\.exec|\bchild_process\b[^;]{0,20}\bexec",
    ),
    *WINDOWS,
)  # fmt: skip
