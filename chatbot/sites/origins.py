"""Origins as browsers send them (`https://shop.example`), and the patterns that a key allows. Knows no database.

A pattern is an origin, or one with a wildcard for any subdomain: `https://*.shop.example` (not shop.example itself).
"""

import re
from collections.abc import Iterable

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]+\])"
_ORIGIN = re.compile(rf"(https?)://({_HOST})(?::(\d{{1,5}}))?")
_PATTERN = re.compile(rf"(https?)://(\*\.)?({_HOST})(?::(\d{{1,5}}))?")


def normalise_origin(text: str) -> str | None:
    """The origin in the form that browsers send; None if it isn't one (`null`, a path, another scheme)."""
    match = _ORIGIN.fullmatch(text.strip().lower())
    return _join(match[1], "", match[2], match[3]) if match else None


def normalise_pattern(text: str) -> str:
    """A pattern in the form that is kept. Raises ValueError when it is no origin, or would allow a whole top domain."""
    ascii_text = _to_ascii(text.strip().rstrip("/").lower())
    match = _PATTERN.fullmatch(ascii_text)
    pattern = _join(match[1], match[2] or "", match[3], match[4]) if match else None
    if not match or pattern is None:
        raise ValueError(text)
    if match[2] and "." not in match[3] and match[3] != "localhost":
        raise ValueError(text)
    return pattern


def is_allowed(origin: str, patterns: Iterable[str]) -> bool:
    """Whether an Origin header's value is one of those that the patterns allow. Anything odd is not."""
    known = normalise_origin(origin)
    return known is not None and any(_matches(known, pattern) for pattern in patterns)


def _matches(origin: str, pattern: str) -> bool:
    if "://*." not in pattern:
        return origin == pattern
    scheme, rest = pattern.split("://*", 1)
    return origin.startswith(f"{scheme}://") and origin.endswith(rest) and len(origin) > len(scheme + "://" + rest)


def _join(scheme: str, wildcard: str, host: str, port: str | None) -> str | None:
    if port is not None and not 0 < int(port) < 65536:
        return None
    shown = "" if port is None or int(port) == _DEFAULT_PORTS[scheme] else f":{int(port)}"
    return f"{scheme}://{wildcard}{host}{shown}"


def _to_ascii(text: str) -> str:
    """Browsers send a host of other letters in punycode (https://茶.example)."""
    scheme, found, rest = text.partition("://")
    host, colon, port = rest.partition(":") if not rest.startswith("[") else (rest, "", "")
    try:
        labels = [label if label == "*" else label.encode("idna").decode() for label in host.split(".")]
    except UnicodeError:
        return text
    return scheme + found + ".".join(labels) + colon + port
