"""What scripts are made of, and rules for text that breaks out into a script or is one. Pure."""

from __future__ import annotations

from .rules import REACH, rule

# Calls with which an attack shows itself or takes what it came for.
_SINKS = (
    "alert", "confirm", "prompt", "print", "eval", "fetch", "import", "atob", "btoa", "settimeout", "setinterval",
    "setimmediate", "open", "navigate", "execscript", "document.", "window.", "location", "fromcharcode", "function",
    "$.get", "constructor", "unescape", "xmlhttprequest", "new image", "localstorage.", "sessionstorage.", "sendbeacon",
)  # fmt: skip
SINK = (
    r"(?:alert|confirm|prompt|print|eval|fetch|import|atob|btoa|settimeout|setinterval|setimmediate|open|navigate"
    r"|execscript|document\.(?:write(?:ln)?|cookie|location|domain|body|createelement|documentelement|forms"
    r"|queryselector|getelement\w{1,20})|window\.(?:open|location|name)|location(?:\.(?:href|assign|replace|hash))?"
    r"|string\.fromcharcode|new function|function|\$\.get(?:script)?|constructor|unescape|xmlhttprequest|new image"
    r"|localstorage\.\w{1,20}|sessionstorage\.\w{1,20}|navigator\.sendbeacon)"
)
# One of them called, with whatever stands between name and call.
CALLED = (
    rf"{SINK}(?:\?\.)?(?: ?/\*[^*]{{0,20}}\*/)? ?(?:\(|`|&lpar|\\x28|\\u0028|\.(?:call|apply|bind)\b|=)"
)
# Names of global objects, whose members are reached by text: self["al"+"ert"].
_GLOBAL = r"(?:window|self|top|parent|frames|this|globalthis|document|content)"
_GLOBALS = ("window", "self", "top", "parent", "frames", "this", "document", "content")
# Methods of lists that call what they are given.
_METHOD = (
    r"(?:sort|map|filter|find|foreach|some|every|reduce|at|constructor|flatmap|includes|entries|pop|concat)\b"
)
# The events of HTML, SVG and of browsers that are gone; `on` and any word is an event only inside a tag.
EVENT = (
    r"on(?:error|load\w{0,12}|unload|click|focus\w{0,3}|blur|mouse\w{1,8}|key\w{1,6}|pointer\w{1,14}|toggle"
    r"|beforetoggle|wheel|animation\w{1,12}|transition\w{1,12}|webkit\w{1,50}|moz\w{1,30}|begin|end|repeat|start"
    r"|finish|bounce|drag\w{0,6}|drop|paste|copy|cut|input|change|submit|reset|show|resize|scroll\w{0,8}|auxclick"
    r"|dblclick|contextmenu|before\w{1,24}|after\w{1,16}|canplay\w{0,8}|select\w{0,8}|search|hashchange|page\w{4,6}"
    r"|popstate|message\w{0,5}|storage|abort|play\w{0,4}|pause|progress|ratechange|seek\w{2,3}|stalled|suspend"
    r"|timeupdate|durationchange|ended|emptied|volumechange|waiting|cuechange|close|cancel|invalid|touch\w{1,6}"
    r"|formdata|fullscreen\w{1,8}|gotpointercapture|lostpointercapture|offline|online|readystatechange"
    r"|rejectionhandled|unhandledrejection|orientationchange|zoom|securitypolicyviolation|activate|deactivate"
    r"|cellchange|controlselect|data\w{1,20}|errorupdate|filterchange|help|layoutcomplete|losecapture|move\w{0,5}"
    r"|propertychange|row\w{1,10}|stop|syncrestored|time\w{0,6}|trackchange|undo|redo|url\w{1,6}|locationchange"
    r"|snapchang\w{1,4}|slotchange)"
)
_SHOWN = r"(?:alert|confirm|prompt|eval)"

RULES = (
    rule(
        "script-breakout", 6, 300, _SINKS,
        # A quote or bracket, signs of an expression, a call. Honest code has `) { call(` and `) => call(`.
        r"(?!\) ?(?:\{|=> ?[a-z]))(?:[\"'`)\]}\\;]|^)[ \\]?"
        r"(?:(?:[;,+*/|&?:^%=!~{}<>)-]|//|/\*[^*]{0,20}\*/| in | instanceof ) ?){1,6}"
        rf"[(!~+ -]{{0,5}}{CALLED}",
    ),
    rule("script-breakout", 6, 140, ("${", "#{"), rf"[$#]\{{ ?{CALLED}"),
    rule(
        "script-breakout", 6, 100, ("constructor",),
        r"\bconstructor ?(?:\.constructor|\[[\"']?constructor)? ?\( ?[\"'`]|[\"'`]constructor[\"'`] ?\]",
        r"constructor\.constructor",
    ),
    rule(
        "script-breakout", 6, 160, tuple(f"{name}[" for name in _GLOBALS) + tuple(f"{name} [" for name in _GLOBALS),
        rf"\b{_GLOBAL} ?\[ ?(?:[\"'`/]|\w{{1,20}} ?\+|[a-z]{{1,20}}\()|\b{_GLOBAL} ?\[[^\]]{{0,80}}\] ?[(`]",
    ),
    rule(
        "script-breakout", 6, 180, ("].", "] ."),
        rf"\[ ?[^\]\[]{{0,30}}\] ?\. ?(?:/\*\*/ ?)?{_METHOD} ?\.? ?(?:call|apply"
        rf"|constructor)?[ (`]{{1,3}}(?:\$ ?\{{ ?)?"
        rf" ?{SINK}",
    ),
    rule(
        "script-breakout", 6, 160, ("function",),
        r"`function ?\(", rf"function ?\(\) ?\{{ ?{CALLED}", r"\bnew function\(",
    ),
    rule("script-breakout", 6, 90, ("reflect.", "with"), r"reflect\.(?:apply|construct|set)\b",
         r"\bwith ?\( ?(?:document|window|location)\)"),
    # Scripts of signs alone.
    rule(
        "script-signs", 6, 80, ("[]",),
        r"\(?!\[\]\+\[\]|\[\]\[\(!\[\]|\(!\[\] ?\+? ?\[\] ?\)|\[\+!\+\[\]|^\+? ?!!\[\]|\[ ?\+? ?\[\]\]",
    ),
    rule(
        "script-breakout", 6, 90, ("import", "onerror", "fromcharcode", "\\x61lert", "a\\u0065"),
        r"\bimport ?\( ?[\"'`](?:https?:)?//|\bthrow ?[/{ ]?onerror|onerror ?= ?(?:alert|eval)|\bfromcharcode ?\(",
        r"\\x61lert|\ba\\u0065",
    ),
    rule(
        "script-breakout", 6, 90, ("eval", "settimeout", "setinterval", "function"),
        r"\b(?:eval|settimeout|setinterval|function) ?\( ?(?:atob|unescape|string|name|location|[\"'`\\/]|\d)",
        r"^(?:settimeout|setinterval|eval|function) ?`",
    ),
    rule(
        "document-access", 4, 180, ("document", "window.location", "html", ".parentnode.", "xmlhttprequest"),
        r"\bdocument ?\. ?(?:cookie|domain|write(?:ln)? ?\(|location ?=|body\.innerhtml)|\bwindow\.location ?=",
        r"\bdocument\.(?:queryselector|getelementbyid)\([^)]{1,60}\)\.\w{1,20} ?=|\.(?:inner|outer)html ?="
        r"|\.parentnode\.",
        r"\bxmlhttprequest\b",
    ),
    rule(
        "document-access", 5, 190, ("document",),
        r"^document\.(?:queryselector|getelement\w{2,20})\([^)]{1,60}\)\.\w{1,20} ?=",
        r"(?:^|[;=+(,:\"'?&]) ?document ?\. ?(?:cookie|write(?:ln)? ?\(|location ?=)",
    ),
    rule(
        "bare-call", 6, REACH, ("alert", "confirm", "prompt", "eval", "new function"),
        rf"^[ ;(!~+-]{{0,9}}(?:{_GLOBAL}\.)?(?:{_SHOWN}|new function)(?:[(`]|\?\.\()[^<>]{{0,200}}[)`][^a-z]{{0,40}}"
        r"(?:$|;|//|<!--|alert)",
        rf"^[(\[]{{1,3}}[^)\]]{{0,20}}\b{_SHOWN}[)\]]+ ?[(`]|^[\w$]{{1,12}} ?= ?{_SHOWN}\b ?[,;]",
    ),
)  # fmt: skip
