"""The chat's style sheets as one for a shadow root: made from the same files as our own pages', never written twice.

What our pages say of `:root`, `html` and `body` is said of the chat's own box (`.kefu`), which no host page's rule can
reach; `rem` becomes px, since a host's root may have any size; dark is a mark that embed.js sets on the box, by choice
or after the system.
"""

import re
from functools import cache
from pathlib import Path

from django.contrib.staticfiles import finders

_FILES = ("webui/tokens.css", "webui/base.css", "chat/chat.css", "embed/embed.css")
_DARK = re.compile(r"@media \(prefers-color-scheme: dark\) \{\n  :root \{(.*?)\n  \}\n\}", re.DOTALL)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_REM = re.compile(r"(\d*\.?\d+)rem\b")
_ART = re.compile(r"\s*--(?:art|chart|heat)-[\w-]+: [^;]+;")
_PAGE = re.compile(r"(^|[\s,}])(?::root|html|body)(?=[\s,{:])")
_ROOT_PX = 16


def style_sheet() -> str:
    """The whole sheet. Read again when a file changed."""
    paths = tuple(Path(found) for name in _FILES if isinstance(found := finders.find(name), str))
    return _build(paths, tuple(path.stat().st_mtime_ns for path in paths))


@cache
def _build(paths: tuple[Path, ...], changed_at: tuple[int, ...]) -> str:
    css = _ART.sub("", _COMMENT.sub("", "\n".join(path.read_text(encoding="utf-8") for path in paths)))
    css = _DARK.sub(_dark_by_choice, css)
    css = _PAGE.sub(r"\1.kefu", css)
    css = _REM.sub(lambda found: f"{float(found[1]) * _ROOT_PX:g}px", css)
    return re.sub(r"\s*\n\s*", "\n", css)


def _dark_by_choice(found: re.Match[str]) -> str:
    return f'.kefu[data-theme="dark"] {{{found[1]}\n}}\n'
