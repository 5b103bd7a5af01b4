"""Names of commands, apart by whether they are words of everyday language too."""

from __future__ import annotations

# Nobody writes these after a `;` or `|` unless a shell is meant.
SURE = frozenset({
    "aa-disable", "aa-enforce", "aa-exec", "adduser", "agetty", "ansible-config", "ansible-console", "ansible-doc",
    "ansible-inventory", "ansible-playbook", "ansible-vault", "aoss", "apk", "apt-get", "aptitude", "aria2c", "arj",
    "ascii-xfr", "ascii85", "ash", "atobm", "attrib", "axel", "base32", "base64", "basenc", "bcdboot", "bcdedit",
    "bitsadmin", "blkid", "bunzip2", "busybox", "bzcat", "bzip2", "c89", "c99", "cacls", "capsh", "certutil",
    "chef-client", "chef-run", "chef-shell", "chef-solo", "chgrp", "chmod", "chown", "chroot", "cmd.exe", "cobc",
    "content", "cp", "cpio", "cpulimit", "crontab", "csc.exe", "cscli", "cscript", "csplit", "csvde", "cupsfilter",
    "dd", "df", "dhclient", "dig", "diskpart", "dmesg", "dmidecode", "doas", "dosbox", "dpkg", "dsquery", "du",
    "egrep", "elinks", "espeak", "expression", "facter", "fdisk", "fgrep", "findstr", "fsutil", "fuser", "gci",
    "get-", "get-childitem", "get-process", "get-wmiobject", "getent", "getmac", "ghci", "ginsh", "gps", "groupadd",
    "gtester", "gunzip", "gwmi", "hexdump", "hostnamectl", "htop", "icacls", "iconv", "id3", "iex", "ifconfig",
    "ifdown", "ifup", "insmod", "installutil", "invoke-", "invoke-command", "invoke-item", "invoke-restmethod",
    "invoke-webrequest", "invoke-wmimethod", "ionice", "ip6tables", "ipcalc", "ipconfig", "iptables", "irm",
    "ispell", "iwmi", "iwr", "jjs", "journalctl", "jrunscript", "jshell", "jtag", "keygen", "killall", "ksshell",
    "ksu", "lastb", "lastlog", "ldconfig", "ldifde", "lftp", "ln", "loginctl", "logsave", "lolcat", "ls",
    "lsb_release", "lsblk", "lscpu", "lsmod", "lsof", "lspci", "ltrace", "mailx", "masscan", "mawk", "mkdir",
    "mkfifo", "mknod", "mktemp", "modprobe", "mosquitto", "msbuild", "msfconsole", "mshta", "msiexec", "multitime",
    "mv", "mysqldump", "nasm", "nawk", "nbtstat", "nc", "ncat", "ncftp", "net.exe", "net1", "netcat", "netsh",
    "netstat", "new-object", "nft", "nl", "nltest", "nmap", "nohup", "nroff", "nsenter", "nslookup", "nsupdate",
    "objdump", "od", "parted", "passwd", "pdb", "pdflatex", "pdftex", "pexec", "pgrep", "php5", "php7", "php8",
    "pidof", "ping6", "pkexec", "pkill", "powershell.exe", "printenv", "printf", "printk", "pry", "ps", "psftp",
    "pwd", "pwsh", "qwinsta", "rake", "rcp", "readelf", "regasm", "regedit", "regini", "regsvcs", "regsvr32",
    "renice", "restic", "rev", "rlogin", "rlwrap", "rm", "rmdir", "rmmod", "robocopy", "rpcinfo", "rpm", "rsh",
    "rsync", "run-mailcap", "run-parts", "rundll32", "rview", "rvim", "salt-call", "scanmem", "schtasks", "scrot",
    "sendmail", "set-executionpolicy", "setarch", "setfacl", "setlock", "setsid", "sh", "showmount", "shuf", "slsh",
    "smbclient", "smbmap", "socat", "sqlmap", "ssh-", "ssh-keyscan", "sshpass", "start-process",
    "start-stop-daemon", "stdbuf", "strace", "sysctl", "systemctl", "systeminfo", "tac", "taskkill", "tasklist",
    "taskset", "tasksh", "tclsh", "tcpdump", "tcsh", "tee", "tftp", "tftpd", "tr", "tracepath", "traceroute",
    "ulimit", "umask", "unexpand", "uniq", "unshare", "uptime", "useradd", "userdel", "usermod",
    "uudecode", "uuencode", "vigr", "vimdiff", "vipw", "virsh", "visudo", "vssadmin", "w3m", "wc", "wevtutil",
    "wget", "whoami", "whoami.exe", "winexe", "wish", "wmic", "wscript", "xargs", "xcopy", "xelatex", "xmodmap",
    "xmore", "xpad", "xterm", "xxd", "xz", "xzcat", "yelp", "zathura", "zcat", "zgrep", "zipsplit", "zless",
    "zmore", "zsoelim", "zstdcat",
})  # fmt: skip
# Commands whose names prose and lists of skills use as well: they need an argument of a shell's kind, or to stand where
# nothing else does.
WORDS = frozenset({
    "alias", "ansible", "apropos", "apt", "arp", "at", "awk", "bash", "batch", "bc", "brew", "busctl", "cal",
    "call", "cat", "cc", "cd", "chef", "cli", "cls", "cmake", "cmd", "color", "column", "comm", "command",
    "composer", "copy", "cpan", "crictl", "csh", "curl", "cut", "dash", "date", "dc", "del", "deno", "dialog",
    "diff", "dir", "dnf", "docker", "domainname", "eb", "echo", "ed", "emacs", "env", "eval", "ex", "exec",
    "expand", "export", "factor", "file", "find", "finger", "fish", "flock", "fold", "free", "ftp", "g++", "gawk",
    "gcc", "gcore", "gdb", "gem", "gimp", "git", "goto", "grep", "groups", "gzip", "halt", "head", "hg", "history",
    "host", "hostname", "id", "info", "init", "install", "ip", "jobs", "joe", "join", "jq", "julia", "kill",
    "knife", "ksh", "kubectl", "last", "less", "link", "links", "ll", "locate", "logger", "login", "logname",
    "look", "lp", "lpr", "lua", "luajit", "lynx", "m4", "mail", "make", "man", "mesg", "mongo", "more", "mount",
    "move", "msgfmt", "mutt", "mysql", "nano", "neofetch", "net", "nice", "node", "nodejs", "npm", "npx", "octave",
    "openssl", "openvpn", "pacman", "pandoc", "paste", "path", "pause", "perf", "perl", "php", "pic", "pico",
    "ping", "pip", "pip3", "podman", "poweroff", "powershell", "pr", "print", "psql", "puppet", "python", "python2",
    "python3", "query", "rc", "read", "reboot", "redis-", "reg", "ren", "rename", "rmt", "route", "ruby", "run",
    "sc", "scp", "screen", "script", "sed", "seq", "service", "set", "sftp", "shred", "shutdown", "sleep", "snap",
    "sort", "source", "split", "sqlite3", "ss", "ssh", "start", "stat", "strings", "su", "sudo", "svn", "sync",
    "tail", "tar", "tbl", "telnet", "terraform", "test", "time", "timeout", "title", "tmux", "top", "torify",
    "touch", "trap", "tree", "troff", "true", "truncate", "type", "ul", "umount", "uname", "unlink", "unset", "unzip",
    "users", "valgrind", "ver", "vi", "view", "vim", "vol", "wait", "wall", "watch", "whatis", "whereis", "which",
    "who", "write", "yarn", "yes", "yum", "zip", "zsh", "zypper",
})  # fmt: skip
# Those with which lines of texts, traces and lists begin.
EVERYDAY = frozenset({
    "at", "call", "color", "column", "comm", "command", "copy", "cut", "date", "dialog", "exec", "expand", "export",
    "file", "find", "finger", "fish", "fold", "free", "groups", "head", "history", "host", "info", "init", "install",
    "jobs", "join", "last", "less", "link", "links", "locate", "look", "mail", "make", "man", "more", "mount", "move",
    "net", "nice", "node", "paste", "path", "pause", "pic", "print", "query", "read", "rename", "route", "run",
    "screen", "script", "service", "set", "snap", "sort", "source", "split", "start", "stat", "strings", "sync",
    "tail", "test", "time", "title", "top", "touch", "trap", "tree", "true", "type", "users", "view", "wait", "wall",
    "watch", "which", "who", "write", "yes",
})  # fmt: skip
# What tells where one is, and ends a line that a command was put behind.
REVEALING = frozenset({
    "hostnamectl", "ifconfig", "ipconfig", "netstat", "printenv", "systeminfo", "tasklist", "whoami",
})  # fmt: skip
# What runs another command, and may stand before one.
BEFORE = frozenset({
    "!", "/c", "builtin", "busybox", "cmd", "command", "do", "doas", "else", "env", "eval", "exec", "if", "nice",
    "nohup", "not", "setsid", "stdbuf", "strace", "sudo", "then", "time", "timeout", "watch", "while", "xargs",
})  # fmt: skip
