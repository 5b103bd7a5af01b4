"""Files that are asked for by those who look for more than a file. Text has `/` only, folded. Pure."""

from __future__ import annotations

from .rules import Rules, rule

# Where a path starts in a value.
_ANCHOR = r"(?:^|[=:\"'\s(,;>|])"
_ETC = (
    r"(?:passwd|shadow|gshadow|sudoers|master\.passwd|security/passwd|subuid|subgid|group|hosts|hostname|issue|motd"
    r"|fstab|mtab|crontab|inittab|profile|bashrc|services|networks|exports|resolv\.conf|ld\.so\.\w{2,9}|my\.cnf"
    r"|php\.ini|php\d?/|ssh/|apache2?/|nginx/|httpd/|mysql/|samba/|openvpn/|ssl/|pam\.|rc\.|init\.|cron\.|default/"
    r"|sysconfig/|network/interfaces|os-release|lsb-release|redhat-release|debian_version|vsftpd|proftpd|syslog"
    r"|rsyslog|logrotate|snmp/|ldap/|postgresql/|tomcat\d?/|lighttpd/|kubernetes/|docker/)"
)
# Tools that keep what they are told in a folder of their own.
_ASSISTANTS = r"(?:aiignore|cursor/|roo/|cline/|windsurf/|codex/|opencode/|claude/|idea/|vscode/sftp|continue/|aider)"

KNOWN = Rules(
    rule(
        "known-file", 5, 260, ("etc/", "/passwd"),
        rf"{_ANCHOR}(?:[\w:.?*\[\]-]{{0,40}}/)?/?etc/(?:passwd|shadow|gshadow|sudoers|master\.passwd)(?![\w-]"
        rf"|\.\w{{2,4}}$)",
        rf"^(?:file:)?[\w:./-]{{0,80}}?/?etc/{_ETC}[^\s*]{{0,80}}$|^[^\s]{{0,30}}/e/?t/?c/passwd",
    ),
    rule(
        "known-file", 5, 90, ("proc/",),
        r"(?:^|[/:=\"'\s])proc/(?:self|thread-self|\d{1,7})/(?:environ|cmdline|fd\b|status|stat\b|maps|cwd|root|exe"
        r"|mounts|net|mem|auxv|cgroup|sched)",
        r"(?:^|/)proc/(?:version|cpuinfo|mounts|meminfo|net/\w|sched_debug|modules|config\.gz|sys/kernel|kallsyms"
        r"|filesystems|partitions|loadavg|mdstat|swaps|uptime|stat|cmdline|devices)\b",
    ),
    rule(
        "known-file", 5, 130, ("windows/", "winnt/", ":/", ".ini", "autoexec", "pagefile", "ntuser"),
        r"(?:^|[/:])(?:windows|winnt)/(?:win\.ini|system32/|system\.ini|repair/|php\.ini|debug/|system/|temp/|tasks/"
        r"|panther/|explorer\.exe|notepad|regedit|iis|syswow64/|win\b)",
        r"^/?[c-g]:/(?:windows|winnt|boot\.ini|inetpub|autoexec|config\.sys|documents and settings|xampp|wamp|apache"
        r"|mysql|php|pagefile|users/[^/]{1,40}/ntuser)",
        r"/(?:boot\.ini|autoexec\.bat|win\.ini|pagefile\.sys|ntuser\.dat)(?:$|[?#\x00; .])",
    ),
    rule("known-file", 5, 80, ("-inf/",), r"(?:^|[/=:])(?:web|meta)-inf/(?:[\w.-]|$)"),
    rule(
        "known-file", 5, 90, ("/.", "=."),
        r"(?:/|=)\.(?:ssh/|aws/(?:credentials|config)|git/(?:config|head|index|logs|refs|objects|hooks)|git$"
        r"|svn/(?:entries|wc\.db|all)|svn/?$|hg/|bzr/|cvs/|htpasswd|htaccess|htdigest|bash_(?:history|profile|logout"
        r"|rc)"
        r"|bashrc|zsh_history|zshrc|mysql_history|psql_history|sh_history|viminfo|netrc|pgpass|npmrc|pypirc|docker/"
        rf"|dockercfg|kube/config|ds_store|gnupg/|profile$|history$|rhosts|azure/|config/gcloud"
        rf"|env(?:\.\w{{1,16}})?$|{_ASSISTANTS})",
    ),
    rule(
        "known-file", 5, 80, (".git/", ".svn/", ".ssh/", ".aws/"),
        r"^\.(?:git/(?:config|head)|svn/entries|ssh/|aws/)",
    ),
    rule(
        "known-file", 5, 150, ("var/",),
        r"^/?(?:[\w.-]{1,20}/){0,3}var/log/(?:apache2?|httpd|nginx|auth|syslog|messages|mail|secure|boot|cron|kern"
        r"|lastlog|wtmp|btmp|faillog|vsftpd|mysql|access|error|dpkg|lighttpd|exim|proftpd|yum|user)",
        r"^/?var/(?:run/(?:secrets|utmp|docker)|lib/(?:mysql|mlocate|dhcp|php)|spool/cron|mail/|backups"
        r"|www/[\w/.-]{0,60}(?:config|\.php$|\.env|\.log$))",
    ),
    rule(
        "known-file", 5, 250, ("root/", "home/", "usr/", "opt/", "sys/", "dev/", "run/"),
        r"^/?(?:root|home/[\w.-]{1,30})/\.\w|^/sys/(?:class|kernel|devices|module|firmware|fs|block|bus)\b",
        r"^/?(?:usr/local|opt|usr)/(?:[\w.-]{1,30}/){0,4}(?:conf|logs|etc|apache\w{0,4}|nginx"
        r"|tomcat\w{0,3})/[\w.-]{1,40}$",
        r"^/(?:dev|run)/(?:fd|stdin|mem|kmem|shm|secrets|sd[a-z]|random|zero|null)\b",
    ),
    rule(
        "known-file", 5, 130, (".php", "wp-config", "wp-content", ".inc", ".log"),
        r"(?:^|/)(?:wp-config|configuration|localsettings|config\.inc|settings\.local|db\.inc|database)\.php"
        r"(?:[.~]\w{0,9}|[~]|-bak)|/wp-config\.(?:php|bak|txt|old)|/(?:phpinfo\.php|\.user\.ini)(?:$|[.~?#])",
        r"(?:^|/)wp-content/(?:debug|errors?|uploads/[\w/.-]{0,40}\.php)",
    ),
    rule(
        "known-file", 5, 90, ("/id_", "/authorized_keys", "/known_hosts", ".sql", "/dump.", "/backup.", "/database.",
                          "/db.", "/site.", "/www.", "/data.", "config", "/global.asax", "server-status", "/composer."),
        r"/(?:id_rsa|id_dsa|id_ecdsa|id_ed25519|authorized_keys|known_hosts)(?:\.pub)?$|backup\.sql\.\w{2,4}$",
        r"/(?:dump|backup|database|db|site|www|data|mysql)\.(?:sql|tar|tgz|bak|7z|rar)(?:\.(?:gz|zip|bz2|xz|7z))?$",
        r"/(?:web\.config|applicationhost\.config|machine\.config|global\.asax|server-status$|composer\.(?:json|lock)$)"
        r"(?:$|[.~?#])",
    ),
)  # fmt: skip
