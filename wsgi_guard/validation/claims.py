"""Whether what a client says of a file, by its name and by its declared type, fits what the file holds. Pure."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

from .signatures import EMPTY, PLAIN, UNKNOWN

_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."
_OLE = "application/x-ole-storage"
_ZIP = "application/zip"
_PROGRAM = "application/vnd.microsoft.portable-executable"
# Text has no signature: source code may begin with a tag, notes with a brace.
_TEXT = frozenset({
    PLAIN, "text/html", "application/xml", "application/json", "image/svg+xml", "text/x-shellscript",
    "application/x-php",
})  # fmt: skip
_MP4 = frozenset({"video/mp4", "video/quicktime", "audio/mp4", "video/3gpp"})
_MATROSKA = frozenset({"video/webm", "video/x-matroska"})
_HEIF = frozenset({"image/heic", "image/heif", "image/avif"})

# What a declared type may turn out to be. Types that are not here say nothing that could be checked.
_ACCEPTED: dict[str, frozenset[str]] = {
    **{kind: frozenset({kind}) for kind in (
        "image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/tiff", "image/vnd.microsoft.icon",
        "application/pdf", "application/gzip", "application/x-bzip2", "application/x-xz", "application/zstd",
        "application/x-7z-compressed", "application/vnd.rar", "application/x-tar", "audio/mpeg", "audio/flac",
        "audio/wav", "audio/aac", "video/x-msvideo", "application/rtf", "application/wasm", "application/vnd.sqlite3",
        _PROGRAM, "application/x-elf", "application/java-vm", "font/woff",
        "font/woff2", "application/x-mach-binary",
    )},
    **dict.fromkeys(("image/avif", "image/heic", "image/heif"), _HEIF),
    **dict.fromkeys(("video/mp4", "video/quicktime", "audio/mp4", "video/3gpp"), _MP4),
    **dict.fromkeys(("video/webm", "audio/webm", "video/x-matroska"), _MATROSKA),
    **dict.fromkeys(("application/ogg", "audio/ogg", "video/ogg"), frozenset({"application/ogg"})),
    # Where the names that tell stand behind the first kilobytes, an office document is a zip and no more.
    **{kind: frozenset({kind, _ZIP}) for kind in (
        _OFFICE + "wordprocessingml.document", _OFFICE + "spreadsheetml.sheet",
        _OFFICE + "presentationml.presentation", _OPEN + "text", _OPEN + "spreadsheet", _OPEN + "presentation",
        "application/epub+zip", "application/java-archive", "application/vnd.android.package-archive",
    )},
    **dict.fromkeys(("application/msword", "application/vnd.ms-powerpoint"), frozenset({_OLE, "application/rtf"})),
    # Windows with Excel declares CSV so.
    "application/vnd.ms-excel": frozenset({_OLE, PLAIN}),
    "image/svg+xml": frozenset({"image/svg+xml"}),
    "text/html": frozenset({"text/html", "application/xml", PLAIN}),
    "application/xml": frozenset({"application/xml", "image/svg+xml", "text/html", PLAIN}),
    "application/json": frozenset({"application/json", PLAIN}),
    "text/csv": frozenset({PLAIN, "application/json"}),
    "application/x-php": _TEXT,
    "text/x-shellscript": _TEXT,
    "application/pkix-cert": _TEXT | {UNKNOWN},
    "application/x-scr": _TEXT | {_PROGRAM},
}  # fmt: skip
# A zip is what it is, whatever it holds.
_ACCEPTED[_ZIP] = frozenset({_ZIP, *(kind for kind, found in _ACCEPTED.items() if _ZIP in found)})
_ALIASES = {
    "image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png", "image/apng": "image/png",
    "image/x-icon": "image/vnd.microsoft.icon", "image/x-ms-bmp": "image/bmp", "image/x-bmp": "image/bmp",
    "application/x-pdf": "application/pdf", "application/x-gzip": "application/gzip", "application/tar":
    "application/x-tar", "application/x-zip-compressed": _ZIP, "application/x-zip": _ZIP,
    "application/x-rar-compressed": "application/vnd.rar", "application/x-rar": "application/vnd.rar",
    "audio/mp3": "audio/mpeg", "audio/x-wav": "audio/wav", "audio/wave": "audio/wav", "audio/vnd.wave": "audio/wav",
    "audio/x-m4a": "audio/mp4", "audio/m4a": "audio/mp4", "video/x-m4v": "video/mp4", "video/avi": "video/x-msvideo",
    "audio/x-flac": "audio/flac", "text/xml": "application/xml", "text/json": "application/json",
    "application/x-msdownload": _PROGRAM, "text/rtf": "application/rtf",
}  # fmt: skip
_SUFFIXES = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "jpe": "image/jpeg", "jfif": "image/jpeg",
    "gif": "image/gif", "webp": "image/webp", "bmp": "image/bmp", "tif": "image/tiff", "tiff": "image/tiff",
    "ico": "image/vnd.microsoft.icon", "avif": "image/avif", "heic": "image/heic", "heif": "image/heif",
    "svg": "image/svg+xml", "pdf": "application/pdf", "rtf": "application/rtf", "zip": _ZIP,
    "docx": _OFFICE + "wordprocessingml.document", "xlsx": _OFFICE + "spreadsheetml.sheet",
    "pptx": _OFFICE + "presentationml.presentation", "odt": _OPEN + "text", "ods": _OPEN + "spreadsheet",
    "odp": _OPEN + "presentation", "epub": "application/epub+zip", "jar": "application/java-archive",
    "apk": "application/vnd.android.package-archive", "doc": "application/msword", "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint", "gz": "application/gzip", "tgz": "application/gzip",
    "bz2": "application/x-bzip2", "xz": "application/x-xz", "zst": "application/zstd", "tar": "application/x-tar",
    "7z": "application/x-7z-compressed", "rar": "application/vnd.rar", "mp3": "audio/mpeg", "flac": "audio/flac",
    "wav": "audio/wav", "aac": "audio/aac", "m4a": "audio/mp4", "mp4": "video/mp4", "m4v": "video/mp4",
    "mov": "video/quicktime", "3gp": "video/3gpp", "webm": "video/webm", "mkv": "video/x-matroska",
    "ogg": "application/ogg", "oga": "application/ogg", "ogv": "application/ogg", "avi": "video/x-msvideo",
    "exe": _PROGRAM, "dll": _PROGRAM,
    "class": "application/java-vm", "wasm": "application/wasm", "woff": "font/woff", "woff2": "font/woff2",
    "html": "text/html", "htm": "text/html", "xml": "application/xml", "json": "application/json", "csv": "text/csv",
    "txt": "text/plain", "md": "text/plain", "log": "text/plain", "css": "text/plain", "js": "text/plain",
    "py": "text/plain",
    # Programs in text, which servers, shells or desktops run by how their names end.
    **dict.fromkeys((
        "php", "php2", "php3", "php4", "php5", "php6", "php7", "php8", "phps", "pht", "phtm", "phtml", "inc",
    ), "application/x-php"),
    **dict.fromkeys((
        "asp", "aspx", "asa", "asax", "ascx", "ashx", "asmx", "axd", "cshtml", "vbhtml", "svc", "soap",
        "jsp", "jspx", "jspf", "jsw", "jsv", "jhtml", "cfm", "cfml", "cfc", "cgi", "fcgi", "pl", "pm", "rb",
        "erb", "rhtml", "shtml", "shtm", "sh", "bash", "zsh", "ksh", "csh", "command", "bat", "cmd", "ps1",
        "psm1", "psd1", "vb", "vbs", "vbe", "jse", "wsf", "wsh", "wsc", "sct", "hta", "reg", "inf", "scf", "url",
        "desktop", "applescript", "htaccess", "htpasswd", "pyw", "lua", "tcl", "awk",
    ), "text/x-shellscript"),
    **dict.fromkeys(
        ("cpl", "drv", "sys", "ocx", "efi", "mui", "pif"), _PROGRAM
    ),
    # IIS runs what is called like a certificate; drawing programs keep commands in what is called like a screen saver.
    "cer": "application/pkix-cert", "scr": "application/x-scr",
    "war": "application/java-archive", "ear": "application/java-archive", "xhtml": "application/xml",
    "xht": "application/xml", "mhtml": "text/html", "mht": "text/html",
}  # fmt: skip

# The longest name of a file that Linux, macOS and Windows all take, in bytes and in characters.
_LONGEST = 255
# Separators of paths, also those that only look so, and the colon of a drive or of a stream in NTFS.
_SEPARATORS = re.compile(r"[/\\\u2044\u2215\u29f5\u29f8]|^[A-Za-z]:|:\$")
# Control characters, and those that show a name in another order than it has (Unicode, UAX 9).
_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


# What shows nothing in a name: format characters, variation selectors, fillers and blanks that NFKC leaves (Unicode's
# property Default_Ignorable_Code_Point, and U+2800).
_UNSEEN = re.compile(
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# At these some servers end a name: what is run is what stands in front (CVE-2009-4444; streams of NTFS).
_ENDS = re.compile(r"[;:]")
_PASSES = 3
# Suffixes of what is run, which may stand ahead of such an end.
_RUN = frozenset(
    suffix for suffix, kind in _SUFFIXES.items()
    if kind in ("application/x-php", "text/x-shellscript", "application/pkix-cert", "application/x-scr", _PROGRAM)
)  # fmt: skip


def is_path_like(name: str) -> bool:
    """Whether a file name could lead elsewhere than to one file of the folder it is put into."""
    if len(name.encode("utf-8", "replace")) > _LONGEST:
        return True
    for _ in range(_PASSES):
        folded = unicodedata.normalize("NFKC", name)
        if _SEPARATORS.search(folded) or _HIDDEN.search(folded) or not folded.strip(". "):
            return True
        name, before = unquote(folded), name
        if name == before:
            break
    return False


def contradicted(filename: str, declared: str, detected: str) -> tuple[str, ...]:
    """Which of "filename" and "content_type" say something else than `detected`; both may say nothing."""
    if detected == EMPTY:
        return ()
    kind = declared.partition(";")[0].strip().lower()
    wrong = []
    if not all(_fits(_SUFFIXES[suffix], detected) for suffix in _suffixes(filename)):
        wrong.append("filename")
    if not _fits(_ALIASES.get(kind, kind), detected):
        wrong.append("content_type")
    return tuple(wrong)


def _suffixes(filename: str) -> set[str]:
    """The known suffixes by which anybody may take a file: as its name shows, as it is decoded, up to where it ends.
    """
    found = set()
    name = filename
    for _ in range(_PASSES + 1):
        folded = unicodedata.normalize("NFKC", _UNSEEN.sub("", unicodedata.normalize("NFKC", name))).lower()
        found.add(_suffix(folded))
        found.update(filter(_RUN.__contains__, map(_suffix, _ENDS.split(folded))))
        name, before = unquote(folded), name
        if name == before:
            break
    return found & _SUFFIXES.keys()


def _suffix(name: str) -> str:
    """What stands behind the last point; Windows and some servers leave out points and blanks at the end."""
    _, point, suffix = name.rstrip(". \t\r\n\0").rpartition(".")
    return suffix if point else ""


def _fits(claimed: str, detected: str) -> bool:
    if not claimed or claimed == UNKNOWN:
        return True
    accepted = _ACCEPTED.get(claimed)
    if accepted is not None:
        return detected in accepted
    return not claimed.startswith("text/") or detected in _TEXT
