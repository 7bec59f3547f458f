"""What must survive a rewording byte for byte: links, addresses, phone and order numbers, amounts, numbers, names.

Compares texts; asks no model. `changed` and `invented` are empty when a result may be shown.
"""

import re
from collections import Counter
from collections.abc import Iterable

_LOCKED = re.compile(
    r"https?://[!-~]*[A-Za-z0-9/_=-]"
    r"|[\w.+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
    r"|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.(?:com|net|org|cn|io|example|eu|ie|de|fr|co|uk)\b(?:\.[a-z]{2,3}\b)?(?:/[!-~]*[A-Za-z0-9/])?"
    r"|\+\d+(?:[ -]\d+)+"
    r"|(?<![A-Za-z0-9])\d{2,4}(?:[ -]\d{2,4}){2,4}(?![A-Za-z0-9])"
    r"|(?<![A-Za-z0-9])(?=[A-Z0-9-]*\d)(?=[0-9-]*[A-Z])[A-Z0-9]+(?:-[A-Z0-9]+)*(?![A-Za-z0-9])"
    r"|[€£$¥￥]\s?\d+(?:[.,:]\d+)*|\d+(?:[.,:]\d+)*\s?[€£$¥%]"
    r"|\d+(?:[.,:]\d+)*",
    re.ASCII,
)
_HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN_RUN = re.compile(r"(?<![A-Za-z0-9@./-])[A-Za-z][A-Za-z'’+-]*(?: [A-Za-z][A-Za-z'’+-]*)*(?![A-Za-z0-9@/])")


def locked_tokens(text: str, *, names: Iterable[str] = ()) -> list[str]:
    """Everything in a text that no rewording may change, in no particular order, as often as it is there.

    `names`: names of people, products and plans that are known; those that the text holds are locked too. Latin words
    in a Chinese text are names or terms, and stay as they are.
    """
    tokens = _LOCKED.findall(text)
    known = [name for name in dict.fromkeys(names) if name and name in text]
    words = _LATIN_RUN.findall(_LOCKED.sub("\n", text)) if _HAN.search(text) and _is_mostly_chinese(text) else []
    return [*tokens, *known, *(word for word in words if word not in known)]


def changed(original: str, result: str, *, names: Iterable[str] = ()) -> list[str]:
    """The locked tokens of the original that the result doesn't hold as often, byte for byte."""
    wanted = Counter(locked_tokens(original, names=names))
    return sorted(token for token, number in wanted.items() if _occurrences(token, result) < number)


def invented(original: str, result: str) -> list[str]:
    """Numbers, links and addresses of the result that the original doesn't hold."""
    tokens = dict.fromkeys(_LOCKED.findall(result))
    return sorted(token for token in tokens if not _occurrences(token, original))


def _occurrences(token: str, text: str) -> int:
    """How often a token stands in a text on its own: `30` isn't in `300` or `30.5`, nor `TR-3` in `TR-31`."""
    before = r"(?<![A-Za-z0-9])(?<!\d[.,:])" if token[0].isascii() and token[0].isalnum() else ""
    after = r"(?![A-Za-z0-9]|[.,:]\d)" if token[-1].isascii() and token[-1].isalnum() else ""
    if token[0].isdigit() and token[-1].isdigit():  # a number may have a unit behind it: 30GB, 3pm
        before, after = r"(?<!\d)(?<!\d[.,:])", r"(?!\d|[.,:]\d)"
    return len(re.findall(before + re.escape(token) + after, text))


def _is_mostly_chinese(text: str) -> bool:
    return len(_HAN.findall(text)) > len(re.findall(r"[A-Za-z]+", text))
