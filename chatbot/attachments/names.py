"""File names as they may be shown and saved: no paths, no control characters, the ending of the content."""

import re
import unicodedata

NAME_MAX_CHARS = 100
ENDINGS = {
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/webp": (".webp",),
    "image/gif": (".gif",),
    "application/pdf": (".pdf",),
}
_FORBIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # Cf holds the bidi overrides and zero widths


def clean_name(name: str, content_type: str) -> str:
    """`name` made safe, with an ending that tells what the file is; a plain word when nothing of it is left."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    shown = "".join(char for char in last if unicodedata.category(char) not in _FORBIDDEN_CATEGORIES)
    shown = re.sub(r"[\s<>:\"|?*]+", " ", shown).strip(" .")
    endings = ENDINGS[content_type]
    stem, ending = _split(shown)
    if ending.lower() not in endings:
        stem, ending = (stem if ending.lower() in _all_endings() else shown), endings[0]
    stem = stem[: NAME_MAX_CHARS - len(ending)].rstrip(" .")
    return f"{stem or ('document' if content_type == 'application/pdf' else 'image')}{ending}"


def _split(name: str) -> tuple[str, str]:
    stem, dot, ending = name.rpartition(".")
    if not dot and f".{name.lower()}" in _all_endings():
        return "", f".{name}"  # nothing but an ending
    return (stem, f".{ending}") if dot else (name, "")


def _all_endings() -> set[str]:
    return {ending for endings in ENDINGS.values() for ending in endings}
