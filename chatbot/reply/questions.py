"""The form of a customer's turn: its language, whether it leans on what was said before, the questions it holds."""

import re
from collections.abc import Sequence

from chatbot.language_model.prompt_format import Turn
from chatbot.reply.readable import HAN, has_other_script, has_words

_LATIN_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")

# Ways to start or to point that need what was said before.
_LEANS_EN = re.compile(
    r"^\s*(?:(?:ok|okay|oh|ah|hm+|right|well|great|thanks|thank you|cool|alright|got it)\b[\s,.!]*)*"
    r"(?:and|but|so|or|then|what about|how about|what if|also|even if|only|same|which|why|really)\b"
    r"|\b(?:it|its|it's|that|this|those|these|them|they|one|ones|there|then|same|instead|either|both|other|else|he|she"
    r"|him|her|too|still|again)\b",
    re.IGNORECASE,
)
_LEANS_ZH = re.compile(
    r"^(?:那|这|它|他|她|还有|还是|要是|如果|万一|可是|但是|但|不过|所以|然后|另外|换成|同样|一样|为什么|为啥|真的)"
    r"|(?:呢|那样|这样|那个|这个|那种|这种|那边|那里|它|一样|也行|也要|也能|也可以|也是)"
)
# "and express?", "那加急呢？": the same question about something else, which the few words name.
_SHIFTS_EN = re.compile(
    r"^\W*(?:(?:ok|okay|and|but|so|then|or)\W+)*(?:what about|how about|and|or)\W+"
    r"(?!.*\b(?:how|what|when|where|who|why|it|that|this|they|them|is|are|do|does|can|will|would|if)\b)"
    r"(?:[\w'-]+[^\w'-]+){0,4}[\w'-]+[^\w'-]*$",
    re.IGNORECASE,
)
_SHIFTS_ZH = re.compile(r"^(?:那么?|要是|如果)?(?!.*(?:怎么|多少|几|什么|这|它|你))[^，。？！?!]{1,8}呢[?？]*$")
_SHORT_WORDS_EN, _SHORT_CHARS_ZH = 6, 9

_SPLIT = re.compile(
    r"(?<=[?？])\s*"
    r"|[;；]\s*"
    r"|,?\s+(?:and|plus)\s+(?:also\s+)?(?=(?:how|what|when|where|which|who|can|could|do|does|is|are|will|would|until)\b)"
    r"|,\s*(?:also|and)\s+"
    r"|\s+and\s+also\s+|\s+(?:&|plus)\s+"
    r"|[，,。.]?\s*(?:还有|另外|顺便问?一?下?|以及|再问一?下?)[，,]?"
    r"|[，,。]\s*"
    r"|(?<=[.!])\s+",
    re.IGNORECASE,
)
# What a clause has that asks something, rather than telling what happened.
_ASKS = re.compile(
    r"[?？]|\b(?:how|what|when|where|which|who|whom|whose|why|whether)(?:'?s)?\b"
    r"|^(?:(?:and|also|or|so)\s+)*(?:can|could|do|does|did|is|are|will|would|may|should|must|am|have|has)\b"
    r"|吗|呢|么|多少|多久|多长|几|怎|咋|啥|哪|谁|(.)不\1|是否|有没有|[能要会得]不$",
    re.IGNORECASE,
)
_MIN_PART_CHARS_EN, _MIN_PART_CHARS_ZH = 9, 4
_MAX_EARLIER_TURNS, _MAX_EARLIER_CHARS, _MAX_REPLY_CHARS = 3, 300, 200  # the question itself must not be cut off


def language_of(turns: Sequence[Turn]) -> str:
    """`zh` or `en`: of the last turn, or of the latest one that has words; a few foreign names don't count.

    Neither code nor a third script says which of the two its writer would rather read.
    """
    texts = [turn.text for turn in turns if turn.role == "customer"]
    for text in reversed([text for text in texts if has_words(text) and not has_other_script(text)]):
        num_han, num_words = len(HAN.findall(text)), len(_LATIN_WORD.findall(text))
        if num_han or num_words:
            return "zh" if num_han > num_words else "en"
    return "en"


def leans_on_history(text: str) -> bool:
    """Whether the turn looks as if it can't be understood alone."""
    if HAN.search(text):
        return len(HAN.findall(text)) <= _SHORT_CHARS_ZH or bool(_LEANS_ZH.search(text))
    return len(text.split()) <= _SHORT_WORDS_EN or bool(_LEANS_EN.search(text))


def shifts_topic(text: str) -> bool:
    """Whether the turn asks the same about something else, so that its own words count more than what came before."""
    return bool(_SHIFTS_EN.search(text) or _SHIFTS_ZH.search(text))


def with_context(turns: Sequence[Turn]) -> list[str]:
    """The last turn with the customer's earlier turns in front, and with the latest reply; none without history.

    After a change of topic the bare turn stands in for the reply, which tells of the old one.
    """
    question, earlier = turns[-1].text, turns[:-1]
    asked = [turn.text[-_MAX_EARLIER_CHARS:] for turn in earlier if turn.role == "customer"][-_MAX_EARLIER_TURNS:]
    replied = [turn.text[:_MAX_REPLY_CHARS] for turn in earlier if turn.role != "customer"][-1:]
    if shifts_topic(question) and asked:
        return [" ".join([*asked, question]), question]
    return [" ".join([*texts, question]) for texts in (asked, replied) if texts]


def parts_of(text: str) -> list[str]:
    """The pieces of a turn that may be questions of their own, in order; fewer than two when it isn't divided."""
    parts = [part.strip(" ,，。.!！") for part in _SPLIT.split(text) if part]
    return [part for part in parts if len(part) >= (_MIN_PART_CHARS_ZH if HAN.search(part) else _MIN_PART_CHARS_EN)]


def asks(part: str) -> bool:
    """Whether a part of a turn is worded as a question."""
    return bool(_ASKS.search(part))
