"""Rules for markup that executes: tags and attributes as they stand, or as what ends an attribute begins. Pure."""

from __future__ import annotations

import re

from .rules import REACH, Around, Rule, Rules, rule
from .scripts import CALLED, EVENT

_TAG = r"<[ /!?%\x00]{0,4}[a-z]"
# Attributes that lead somewhere, with the sign and quotes in front of their value.
_LINK = (
    r"(?:src|href|xlink:href|action|formaction|data|code|codebase|poster|background|dynsrc|lowsrc|values?|to|from|by"
    r"|content|style|folder|classid|url|srcdoc|manifest|profile|cite|longdesc|usemap|ping|archive|icon)"
    r" ?= ?[\"'`]?[ \x00-\x1f]?"
)
_SCHEME = r"(?:java|vb|live|j|ecma)script:"
# Looked for by its end, which is the same for all.
_ASSIGNED_SCHEME = "script:(?:" + "|".join(
    rf"(?<=[=\"'`(,\[:]{name}script:)" for name in ("java", "vb", "live", "j", "ecma")
) + ")"
_QUOTE = r"[\"']?"
_ATTRIBUTES = r"(?:[\w-]{1,20} ?= ?[^ <>]{0,40} ){0,3}"
_ASSIGNED = Around(re.compile(r"on[a-z]{3,50} ?="), ("=",))

# What attacks do once they run. In a quotation of code this weighs more than any script.
_TELLING = r"(?:alert|confirm|prompt|eval|document\.(?:cookie|domain|location|write)|fromcharcode|xmlhttprequest)"
TELLING: tuple[Rule, ...] = (
    rule(
        "script-attack", 8, 500, ("script",),
        rf"<[ /\x00]{{0,4}}script[^<>]{{0,200}}>[^<]{{0,200}}{_TELLING} ?[(`;.,=+)]",
    ),
    rule(
        "event-attack", 8, 510, _ASSIGNED,
        rf"<[a-z][^<>]{{0,300}}[ /\"'`]on[a-z]{{3,50}} ?= ?[^<>]{{0,60}}{_TELLING} ?[(`;.,=+)]",
    ),
)  # fmt: skip
EVENTS: tuple[Rule, ...] = (
    # A handler with something in it: neither an ellipsis nor nothing.
    rule(
        "event-attribute", 6, REACH, _ASSIGNED,
        rf"{_TAG}[^<>]{{0,500}}?[ /\"'`;]on[a-z]{{3,50}} ?= ?(?!\.\.|[\"']{{2}}|[\"']?[ >]|$)",
    ),
    rule("event-attribute", 6, 590, _ASSIGNED, rf"{_TAG}[^>]{{0,300}}?[ /\"'`;]{EVENT} ?= ?[^>]{{0,80}}?{CALLED}"),
    rule("event-attribute", 5, 230, _ASSIGNED, rf"<[^<>]{{0,100}}[ /\"'`]?{EVENT} ?=(?!\.\.)"),
    rule(
        "event-breakout", 5, 330, _ASSIGNED,
        rf"[\"'`>][ /]{{0,9}}{_ATTRIBUTES}{EVENT} ?= ?[\"'`]?[^ =.]",
        # With nothing that is broken out of it takes a script, or a second attribute: settings have such names too.
        rf"(?:[;/]|^)[ /]{{0,9}}{_ATTRIBUTES}{EVENT} ?= ?(?:[\"'`]|[^ <>;&.=]{{0,60}}+[(`=\[.])",
        rf"^(?:[\w-]{{1,20}} ?= ?[^ <>;]{{0,40}} ){{1,3}}{EVENT} ?= ?[^ =.]",
        rf"(?:[ \"'`/;]|^){EVENT} ?= ?[\"'`]?[^<>]{{0,80}}?(?<![a-z]){CALLED}",
        rf"^ ?{EVENT} ?= ?$",
    ),
)  # fmt: skip
SCRIPT_TAGS: tuple[Rule, ...] = (
    rule(
        "script-tag", 6, 100, ("script", "scri\x00pt"),
        # A mention of the tag goes on in words.
        r"<[ /\x00]{0,4}(?:[a-z]{1,12}: ?)?scri\x00?pt(?:[ />\x00<\"'=;#&:+]|[^\w.-]|$)"
        r"(?! ?(?:tags?|elements?|blocks?|is|and|or|from|to|as)\b)",
    ),
    rule(
        "script-tag", 5, 210, ("script",),
        r"\xbcscript|<(?:[a-z]{1,12}:)?script[\w.-]{0,20}[^>]{0,40}>[^<]{0,60}\(",
        r"<[^<>]{0,60}script[^<>]{0,12}>[^<]{0,60}[(`]",
    ),
)  # fmt: skip
LINKS: tuple[Rule, ...] = (
    rule(
        "script-scheme", 6, REACH, ("script:",),
        rf"{_ASSIGNED_SCHEME}|^[\"'(]?{_SCHEME}[^(=`/]{{0,60}}[(=`/]|{_SCHEME} ?{CALLED}|^{_SCHEME} ?\\",
        rf"{_TAG}[^<>]{{0,500}}?{_LINK}[^<>\"']{{0,40}}?{_SCHEME}|{_LINK}{_SCHEME}",
    ),
    rule(
        "data-scheme", 6, 390, ("data:",),
        r"(?:^|[=\"'`(])data:(?:text/(?:html|xml|javascript|vbscript|x-)|application/(?:xhtml|x?-?javascript|xml))",
        r"data:,?[^ ]{0,100}<script|data:image/svg\+xml[^<>]{0,80}(?:<|%3c)[^>]{0,200}(?:script|on\w{3,20}=)",
        r"<(?:object|embed|iframe|use|script|frame|link|a|svg|image)\b[^<>]{0,200}=[\"']?"
        r"data:(?!image/(?:png|gif|jpe?g|webp))",
    ),
)  # fmt: skip
ACTIVE: tuple[Rule, ...] = (
    rule(
        "active-tag", 6, REACH, ("frame", "portal", "object", "embed", "applet", "base", "isindex", "layer"),
        r"< ?(?:iframe|frame|portal|fencedframe|[a-z]{0,9}:?vmlframe|object|embed|applet|base|isindex|i?layer)\b"
        rf"[^<>]{{0,500}}?[ /\"'](?:srcdoc ?=|src ?= ?{_QUOTE}(?:(?!https?:|/[^/\"' ]|[\w-]{{1,40}}/"
        rf"|[\"'])[a-z-]{{2,20}}:))",
        r"< ?(?:object|embed|applet|base|isindex|i?layer|[a-z]{0,9}:?vmlframe)\b[^<>]{0,500}?(?:data|src|code|codebase"
        r"|archive|href|type|classid|allowscriptaccess|action|formaction|prompt)[ /]{0,3}=",
    ),
    rule(
        "active-tag", 6, REACH, ("meta",),
        rf"< ?meta\b[^<>]{{0,500}}?http-equiv ?= ?{_QUOTE}(?:refresh|set-cookie|link|content-security)",
        rf"< ?meta\b[^<>]{{0,80}}?charset ?= ?{_QUOTE}(?:utf-7|x-|mac|iso-2022)",
    ),
    rule(
        "active-tag", 6, REACH, ("animate", "set", "handler", "foreignobject", "listener"),
        r"< ?(?:animate\w{0,9}|set|handler|foreignobject|listener)\b[^<>]{0,500}?(?:attributename|onbegin|to|values"
        rf"|event|handler)\b ?= ?{_QUOTE}(?:javascript|href|xlink|on|load|[a-z:]{{0,9}}event|#)|<handler\b",
    ),
    rule(
        "active-xml", 6, 580,
        ("<?xml", "<?import", "<!entity", "<!attlist", "<!doctype", "xmlns", "<xml", "<x", "datasrc"),
        r"<\?(?:xml-stylesheet|import)\b|<!(?:entity|attlist|doctype [a-z]{1,20} ?\[)|<\?xml[^<>]{0,100}> ?<html",
        r"<x[:a-z]{0,9} [^<>]{0,200}(?:ontimer|datasrc)|<[a-z]{1,9} [^<>]{0,200}\bdatasrc ?=|<xi:include|<x:template",
        r"<\?xml[^>]{0,80}><[a-z]{1,9}:|<xml\b[^<>]{0,80}(?:src|id)|<xss ?= ?<",
        r"<[^<>]{1,80}xmlns(?::\w{1,9})? ?= ?[\"'][^\"'<>]{1,200}[\"'][^<>]{0,200}(?:schemalocation|xinclude)",
    ),
    rule(
        "active-tag", 6, REACH, ("link",),
        r"< ?link\b[^<>]{0,300}?(?:(?:href|rel)[ /]{1,3}=|"
        rf"rel ?= ?{_QUOTE}(?:stylesheet|import)\b[^<>]{{0,200}}href ?= ?{_QUOTE}(?:data:|//|javascript|vbscript|#"
        rf"|https?:))",
    ),
    rule(
        "active-form", 6, 400, ("formaction", "dirname", "<form", "< form"),
        r"<(?:button|input|form)\b[^<>]{0,300}(?:formaction|dirname) ?=",
        rf"< ?form\b[^<>]{{0,200}}action ?= ?{_QUOTE}(?://|https?:)[^<>]{{0,100}}>? ?<input",
    ),
    rule(
        "active-tag", 6, 140, ("f o r", "s c r", "i f r", "s t y", "o b j", "e m b", "a p p", "m e t", "l i n",
                          "b a s", "i m g", "s v g", "<eval>", "<template", "<!--#"),
        r"< ?(?:f o r m|s c r i p t|i f r a m e|s t y l e|o b j e c t|e m b e d|a p p l e t|m e t a|l i n k|b a s e"
        r"|i m g"
        r"|s v g)\b|<eval>|<template\b[^<>]{0,60}match|<!--#(?:set|echo|exec|include)\b",
    ),
)  # fmt: skip
STYLES: tuple[Rule, ...] = (
    rule(
        "style-script", 6, 450,
        ("expression", "-moz-binding", "behavi", "xss:", "@import", "@charset", "script:", "@\\", "=\\"),
        rf"style ?[=>][^<>]{{0,300}}?(?:expression ?\(|-moz-binding|behaviou?r ?: ?url|{_SCHEME}|xss:|@import)",
        r"<style[^<>]{0,60}>[^<]{0,300}?(?:@import|@charset|-moz-binding|expression ?\(|behaviou?r ?:|[@=]\\)",
        r"\bexpression ?\([^)]{0,60}(?:alert|eval|write|window|document)|-moz-binding ?: ?url|behaviou?r ?: ?url ?\(",
        rf"url\( ?{_QUOTE}{_SCHEME}",
    ),
    rule(
        "style-script", 6, 280, ("style", ".svg", "url("),
        r"style ?= ?[\"'][^\"<>{}]{0,100}(?:\}|[a-z:]\[|^\[)[^<>]{0,100}[\"']|style=[\"']\["
        r"|style ?= ?[a-z]{1,9}:url\(javascript",
        rf"url\( ?{_QUOTE}(?!#|https?:|data:|/)[\w.-]{{1,40}}\.svg",
    ),
)  # fmt: skip
# Where tags show, a character reference in the text between them is text: then only these look further.
INSIDE = Rules(*EVENTS, *LINKS, *ACTIVE)
RULES = (*TELLING, *SCRIPT_TAGS, *EVENTS, *LINKS, *ACTIVE, *STYLES)
