"""Takes out of a text what tells who the customer is: names, addresses, numbers of phones, orders and cards.

Patterns can't know every name. What they find is replaced by what it was, such as [e-mail]; the rest stays as it is.
"""

import re
from collections.abc import Iterable

from chatbot.memory.facts import find_facts

_MARKS = {"email": "[e-mail]", "phone": "[phone]", "order_number": "[order]", "name": "[name]", "link": "[link]"}
_CARD = re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])", re.A)
_CARD_MARK = "[card]"
_LONG_NUMBER = re.compile(r"(?<![\w.,-])\d{6,}(?![\w-]|[.,]\d)", re.A)
_ID_CARD = re.compile(r"(?<![\w-])\d{17}[\dXx](?![\w-])", re.A)
_NUMBER_MARK = "[number]"
_MIN_VALUE_CHARS = 2


def redact(text: str, known_names: Iterable[str] = ()) -> str:
    """`known_names`: what the customer is called, to be taken out wherever it stands."""
    text = _CARD.sub(lambda match: _CARD_MARK if _is_card(match.group()) else match.group(), text)
    text = _ID_CARD.sub(_NUMBER_MARK, text)
    found = [fact for fact in find_facts(text) if fact.name in _MARKS]
    for fact in sorted(found, key=lambda fact: -fact.start):
        text = text[: fact.start] + _MARKS[fact.name] + text[fact.end :]
    for fact in found:  # a value is found once and may stand there again
        text = _without(text, fact.value, _MARKS[fact.name])
    text = _LONG_NUMBER.sub(_NUMBER_MARK, text)
    for name in known_names:
        text = _without(text, name.strip(), _MARKS["name"])
    return text


def _without(text: str, value: str, mark: str) -> str:
    if len(value) < _MIN_VALUE_CHARS:
        return text
    is_latin = value.isascii()  # in Chinese nothing divides a name from the words around it
    pattern = rf"(?<!\w){re.escape(value)}(?!\w)" if is_latin else re.escape(value)
    return re.sub(pattern, mark, text, flags=re.I)


def _is_card(digits: str) -> bool:
    """Luhn's check digit (ISO/IEC 7812-1, annex B): every second digit from the right counts double."""
    total = 0
    for place, digit in enumerate(int(character) for character in reversed(digits) if character.isdigit()):
        total += digit if place % 2 == 0 else digit * 2 - 9 * (digit > 4)
    return total % 10 == 0
