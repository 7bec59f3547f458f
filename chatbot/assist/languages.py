"""Which language a text is in and which way to translate it. Pure functions; loads no model."""

import re

_HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")
_OTHER_SCRIPT = re.compile(r"[\u0370-\u05ff\u0600-\u06ff\u0900-\u0dff\u0e00-\u0eff\u3040-\u30ff\uac00-\ud7af]")
_LINK = re.compile(r"https?://[!-~]+|[\w.+-]+@[\w.-]+", re.ASCII)


def guess_language(text: str) -> str:
    """`en` or `zh`; "" for a text without words, or in a script that is neither. Addresses don't count."""
    text = _LINK.sub(" ", text)
    num_han, num_words = len(_HAN.findall(text)), len(_LATIN_WORD.findall(text))
    if len(_OTHER_SCRIPT.findall(text)) > 0.3 * (num_han + num_words) or not num_han + num_words:
        return ""
    return "zh" if num_han > num_words else "en"


def translation_target(text: str, *, reader: str = "en") -> str:
    """The language to put a text into: the reader's, unless it is in that already; then the other one."""
    language = guess_language(text)
    return reader if language != reader else {"en": "zh", "zh": "en"}[reader]
