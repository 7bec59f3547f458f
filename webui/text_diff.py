"""Two texts as one piece of HTML: what goes is <del>, what comes is <ins>. Words in Latin, characters in Chinese."""

import re
from difflib import SequenceMatcher

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_UNIT = re.compile(r"[\u3400-\u9fff]|\w+|\s+|[^\w\s]")


def diff_of(before: str, after: str) -> SafeString:
    """Escaped; equal texts give the text alone."""
    old, new = _UNIT.findall(before), _UNIT.findall(after)
    matcher = SequenceMatcher(a=old, b=new, autojunk=False)
    pieces = (_piece(kind, "".join(old[i:j]), "".join(new[k:m])) for kind, i, j, k, m in matcher.get_opcodes())
    return format_html_join("", "{}", ((piece,) for piece in pieces))


def _piece(kind: str, gone: str, come: str) -> SafeString:
    if kind == "equal":
        return format_html("{}", gone)
    gone_html = format_html("<del>{}</del>", gone) if gone else format_html("")
    come_html = format_html("<ins>{}</ins>", come) if come else format_html("")
    return format_html("{}{}", gone_html, come_html)
