"""What a customer's turn refers back to: an option that was offered, one of two things asked about, an earlier topic.

Works on the words of the conversation, however long it is; knows no entries and no model.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from chatbot.knowledge.bm25 import tokenize
from chatbot.language_model.prompt_format import Turn
from chatbot.reply.readable import HAN
from chatbot.reply.texts import is_fixed

_CLAUSE_GOES_ON = r"(?=\W*$|\s*[,;:.?!]|\s+(?:is|was|are|does|do|did|can|could|will|would|has|should|please|then)\b)"
_FIRST = re.compile(
    rf"\bthe (?:first|1st) (?:one|option)\b|\bthe (?:first|1st|former){_CLAUSE_GOES_ON}|^\W*(?:first|1)\W*$"
    r"|第[一1]个(?![月年星季小人次])|前者|前一个(?![月年星季小])|前面那个|^\W*[一1]\W*$",
    re.IGNORECASE,
)
_SECOND = re.compile(
    rf"\bthe (?:second|2nd) (?:one|option)\b|\bthe (?:second|2nd|latter|last one){_CLAUSE_GOES_ON}|^\W*(?:second|2)\W*$"
    r"|第[二2]个(?![月年星季小人次])|后者|后一个(?![月年星季小])|后面那个|^\W*[二2]\W*$",
    re.IGNORECASE,
)
_THIRD = re.compile(
    rf"\bthe (?:third|3rd) (?:one|option)\b|\bthe (?:third|3rd){_CLAUSE_GOES_ON}|^\W*(?:third|3)\W*$"
    r"|第[三3]个(?![月年星季小人次])|^\W*[三3]\W*$",
    re.IGNORECASE,
)
_ORDINALS = (_FIRST, _SECOND, _THIRD)
_BEGINNING = re.compile(
    r"\bfirst (?:question|thing)\b|\b(?:at|from|in) the (?:very )?(?:beginning|start)\b|\b(?:started|began) with\b"
    r"|\b(?:asked|said|wrote|question) (?:\w+ )?(?:first|originally)\b|最开始|一开始|最初|最早|第一个问题|开头",
    re.IGNORECASE,
)
_GOES_BACK = re.compile(
    r"\b(?:back (?:to|on)|return(?:ing)? to|again|earlier|before that|as for|about (?:my|that|those|this|these|the)"
    r"|(?:you|i|we) (?:just )?(?:mentioned|said|asked|talked|spoke|told|wrote))\b"
    r"|回到|说回|再说|刚才|刚刚|之前|前面|上面|你说的|您说的|提到|说过|问过|至于|关于",
    re.IGNORECASE,
)
_MAX_WORDS_OF_CHOICE, _MAX_HAN_OF_CHOICE = 5, 8
_CUSTOMERS_WEIGHT = 2.0  # what the customer called it counts more than what the answer told of it


@dataclass(kw_only=True)
class Topic:
    """The exchanges that were answered with the same text. `key`: that text."""

    key: str
    turns: list[Turn] = field(default_factory=list)


def chosen_option(turns: Sequence[Turn]) -> str:
    """The question behind the button that a turn like "the second one" means; "" when it means none."""
    question, options = turns[-1].text, _offered(turns)
    for number, pattern in enumerate(_ORDINALS[: len(options)]):
        if pattern.search(question) and _is_short(question):
            return options[number]
    return ""


def relevant_turns(turns: Sequence[Turn]) -> list[Turn]:
    """The turns that the last one goes on from, and itself: those of the topic that it refers to, if any, else all."""
    question, topics = turns[-1].text, topics_of(turns[:-1])
    topic = _by_place(question, topics) or (_named(question, topics) if _GOES_BACK.search(question) else None)
    return [*topic.turns, turns[-1]] if topic is not None else list(turns)


def topics_of(turns: Sequence[Turn]) -> list[Topic]:
    """What was asked and answered, in the order in which it first came up; small talk and the like isn't any."""
    topics: dict[str, Topic] = {}
    asked: list[Turn] = []
    for turn in turns:
        if turn.role == "customer":
            asked.append(turn)
            continue
        if asked and not is_fixed(turn.text):
            key = asked[-1].passages[0] if asked[-1].passages else turn.text
            topics.setdefault(key, Topic(key=key)).turns += [*asked, turn]
        asked = []
    return list(topics.values())


def _offered(turns: Sequence[Turn]) -> tuple[str, ...]:
    earlier = [turn for turn in turns[:-1] if turn.role == "customer"]
    return earlier[-1].options if earlier else ()


def _is_short(text: str) -> bool:
    num_han = len(HAN.findall(text))
    return num_han <= _MAX_HAN_OF_CHOICE if num_han else len(text.split()) <= _MAX_WORDS_OF_CHOICE


def _by_place(question: str, topics: Sequence[Topic]) -> Topic | None:
    """Of the whole conversation the first one, or one of the two that came up last."""
    if topics and _BEGINNING.search(question):
        return topics[0]
    if len(topics) < 2:
        return None
    if _FIRST.search(question):
        return topics[-2]
    return topics[-1] if _SECOND.search(question) else None


def _named(question: str, topics: Sequence[Topic]) -> Topic | None:
    """The topic that shares the rarest words with the turn; the later one of equals."""
    words = [_words(topic) for topic in topics]
    num_with = Counter(term for some in words for term in some)
    terms = _terms(question)
    best, best_score = None, 0.0
    for topic, some in zip(topics, words, strict=True):
        score = sum(some[term] * math.log(1 + len(topics) / num_with[term]) for term in terms if term in some)
        if score >= best_score > 0 or score > best_score:
            best, best_score = topic, score
    return best


def _words(topic: Topic) -> dict[str, float]:
    said = {term: 1.0 for turn in topic.turns for term in _terms(turn.text)}
    return said | {
        term: _CUSTOMERS_WEIGHT for turn in topic.turns if turn.role == "customer" for term in _terms(turn.text)
    }


def _terms(text: str) -> set[str]:
    """Single Chinese characters are left out: they occur everywhere."""
    return {term for term in tokenize(text) if len(term) > 1}
