"""Which clauses of a conversation tell most in little space. Works on plain values; loads no model.

Every clause is copied, so nothing can be invented. Weighty words are covered greedily under a budget of characters
(the budgeted maximum coverage of Khuller, Moss and Naor 1999; for summaries Gillick and Favre 2009): a word counts
once, so a clause that says nothing new is worth nothing.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise

SHARE = 0.57  # of the conversation's characters: what an agent reads instead of all of it
MIN_CHARS, MAX_CHARS = 60, 1200  # whatever the share
_MAX_CLAUSE_CHARS = 240

# A word's chance of standing in a reference summary, plus that of being a key fact, by least squares on the training
# texts (`manage.py evaluate_summaries --fit`): the sum over the signs that it bears.
WEIGHTS: Mapping[str, float] = {
    "word": 0.09,
    "digit": 0.71,
    "capital": 0.59,
    "said twice": 0.55,
    "said three times": 0.3,
    "near the end": 0.19,
    "by an agent": 0.21,
    "promise": 0.13,
    "done": 0.15,
    "answers a question": 0.28,
    "time": 0.22,
    "quoted": 0.51,
}
_LENGTH_POWER = 0.8  # between the weightiest clause (0) and the densest (1)
_BIGRAM_SHARE = 0.6  # a Chinese word makes about two bigrams
_NUM_LATE = 4
_STEM_CHARS = 6  # "refund", "refunded" and "refunds" are one word

_SENTENCE = re.compile(r"[^。！？!?.\n]+(?:[.!?](?!\s|$)[^。！？!?.\n]*)*[。！？!?.]*")
_COMMA, _MIN_CLAUSE = re.compile(r"(?<=[,;])\s"), 25
_COMMA_ZH, _MIN_CLAUSE_ZH = re.compile(r"(?<=[，；;])"), 6
_WITHIN_A_WORD = r"[A-Za-z0-9@:/._+%€$£-]"
_STRETCH = re.compile(rf"(?<!{_WITHIN_A_WORD}).{{1,{_MAX_CLAUSE_CHARS}}}(?!{_WITHIN_A_WORD})")
_HAN = re.compile(r"[\u4e00-\u9fff]+")
_LATIN = re.compile(r"[A-Za-z0-9](?:[\w'’@.:$€£%-]*[\w%])?")
# A clause of nothing but these is left out.
_FILLER = re.compile(
    r"\b(?:oh|ah|well|hi|hey|hello|there|ok|okay|yes|yep|yeah|no|so|and|but|then|fine|great|good|perfect|sure|right"
    r"|noted|done|lovely|alright|all|of course|no problem|thanks?|cheers|please|bye|lol|i|am|i['’]m|we['’]?re|very"
    r"|really|sorry|about|that|this|the|for|to|hear|is|it|it['’]s|that['’]s|you|you['’]re|welcome|see|understand"
    r"|understood|one moment|let me|check|look|how can i help|happy to help|a|lot|much|too|again|morning|afternoon"
    r"|my pleasure|wait(?:ing)?|trouble|delay|inconvenience|do|will|got)\b"
    r"|太好了|您好|你好|好的?吧?|行|对不起|对|嗯|哦|是的?|没错|可以|收到|明白了?|知道了|了解|谢谢您?|多谢|感谢|非常|十分|很"
    r"|真的?|抱歉|不好意思|没关系|没问题|不客气|理解|您的心情|请?稍等|我[看查]一下|帮您|再见|辛苦了?|亲|[呢了啊吧哈那]",
    re.I,
)
_COMMON_WORDS = (
    "a an the i i'm i've i'll i'd you you're your we we'll we've our us it it's its is are was were be been am do"
    " does did done has have had having will would can could should may might must that this these those there here"
    " of to in on at for from with by as and or but so if then than when what which who how why where not no yes"
    " please ok just only also too very really about into out up off over after before again still already now my me"
    " mine he she they them his her their one some any all more most get got let know see think say said ask sorry"
    " thanks thank hello hi hey"
)
_COMMON = frozenset(_COMMON_WORDS.split())
_COMMON_ZH = frozenset(
    "的了是我你您他们这那有在就和也都还吗呢吧啊呀哦嗯请与及个把被给让向到从对为以会能可要想说看一不没很太再又才只但如果因为所以什么怎么多少哪里"
)
_QUESTION = re.compile(r"[?？]\s*$|吗。?$|请(?:提供|说|问)")
_CLAUSE_SIGNS: Mapping[str, re.Pattern[str]] = {
    "time": re.compile(
        r"\b(?:today|tonight|tomorrow|(?:mon|tues|wednes|thurs|fri|satur|sun)day|noon)\b|[今明后][天晚早]"
        r"|(?:周|星期)[一二三四五六日天末]|下周|月底|工作日|[一二两三四五六七八九十]个?(?:天|周|月|小时|工作日)",
        re.I,
    ),
    "quoted": re.compile("[《“「]"),
}
# What an agent or the bot undertakes or reports.
_SERVICE_SIGNS: Mapping[str, re.Pattern[str]] = {
    "promise": re.compile(
        r"\b(?:I['’]ll|I will|we['’]ll|we will|a colleague|will (?:call|email|write|reply|send|be))\b"
        r"|帮您|给您|安排|登记|备注|提交|回电|回复|联系您",
        re.I,
    ),
    "done": re.compile(
        r"\b(?:I['’]ve|has been|have been|reserved|changed|noted|sent|opened|booked|cancelled|refunded|logged)\b|已",
        re.I,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Clause:
    """`text` is `message[start:start + len(text)]`; `turn` is the message's place. `signs`: those of each word."""

    turn: int
    start: int
    text: str
    signs: dict[str, frozenset[str]] = field(default_factory=dict)


Turn = tuple[str, str]
"""Author (customer, agent or bot) and text."""


def key_clauses(turns: Sequence[Turn], *, share: float = SHARE) -> list[Clause]:
    """The clauses that tell most, in their order; together at most `share` of the characters (see MIN, MAX_CHARS)."""
    clauses = clauses_of(turns)
    budget = min(max(share * sum(len(text) for _, text in turns), MIN_CHARS), MAX_CHARS)
    weights = [{word: weight_of(word, signs) for word, signs in clause.signs.items()} for clause in clauses]
    best = _opening(clauses, turns)
    told = {word for number in best for word in weights[number]}
    left = set(range(len(clauses))) - set(best)
    budget -= sum(len(clauses[number].text) for number in best)
    while left := {number for number in left if len(clauses[number].text) <= budget}:
        gains = {number: _gain(weights[number], told, len(clauses[number].text)) for number in left}
        number = max(left, key=lambda number: (gains[number], -number))
        if gains[number] <= 0:
            break
        best.append(number)
        left.discard(number)
        told.update(weights[number])
        budget -= len(clauses[number].text)
    return [clauses[number] for number in sorted(best)]


def _opening(clauses: Sequence[Clause], turns: Sequence[Turn]) -> list[int]:
    """What the customer came with: without it a summary can't be read, however little it weighs."""
    theirs = (number for number, clause in enumerate(clauses) if clause.signs and turns[clause.turn][0] == "customer")
    return list(islice(theirs, 1))


def weight_of(word: str, signs: frozenset[str]) -> float:
    return sum(WEIGHTS[sign] for sign in signs) * (_BIGRAM_SHARE if _HAN.match(word) else 1)


def _gain(weights: Mapping[str, float], told: set[str], num_chars: int) -> float:
    return sum(weight for word, weight in weights.items() if word not in told) / math.pow(num_chars, _LENGTH_POWER)


def clauses_of(turns: Sequence[Turn]) -> list[Clause]:
    """All clauses that say something, each with its words' signs."""
    found = [Clause(turn=turn, start=at, text=cut) for turn, (_, text) in enumerate(turns) for at, cut in _cuts(text)]
    said_in: dict[str, set[int]] = defaultdict(set)
    for clause in found:
        for word, _ in _words(clause.text):
            said_in[word].add(clause.turn)
    return [_with_signs(clause, turns, said_in) for clause in found]


def _with_signs(clause: Clause, turns: Sequence[Turn], said_in: Mapping[str, set[int]]) -> Clause:
    signs = _clause_signs(clause, turns)
    words = {word: signs | _word_signs(word, is_name, said_in) for word, is_name in _words(clause.text)}
    return Clause(turn=clause.turn, start=clause.start, text=clause.text, signs=words)


def _clause_signs(clause: Clause, turns: Sequence[Turn]) -> frozenset[str]:
    author, before = turns[clause.turn][0], turns[clause.turn - 1] if clause.turn else ("", "")
    signs = {sign for sign, pattern in _CLAUSE_SIGNS.items() if pattern.search(clause.text)}
    if author != "customer":
        signs |= {sign for sign, pattern in _SERVICE_SIGNS.items() if pattern.search(clause.text)}
    elif before[0] != "customer" and _QUESTION.search(before[1]):
        signs.add("answers a question")
    if author == "agent":
        signs.add("by an agent")
    if clause.turn >= len(turns) - _NUM_LATE:
        signs.add("near the end")
    return frozenset(signs | {"word"})


def _word_signs(word: str, is_name: bool, said_in: Mapping[str, set[int]]) -> frozenset[str]:
    signs = {"capital"} if is_name else set()
    if any(character.isdigit() for character in word):
        signs = {"digit"}
    if len(said_in[word]) > 1:
        signs.add("said twice")
    if len(said_in[word]) > 2:
        signs.add("said three times")
    return frozenset(signs)


def words_of(text: str) -> set[str]:
    return {word for word, _ in _words(text)}


def _words(text: str) -> Iterator[tuple[str, bool]]:
    """Words worth counting (Chinese ones as pairs of characters), and whether one has a capital within the clause."""
    for match in _LATIN.finditer(text):
        word = match.group().lower()
        if word not in _COMMON:
            has_digit = any(character.isdigit() for character in word)
            yield word if has_digit else word[:_STEM_CHARS], match.start() > 0 and match.group()[0].isupper()
    for run in _HAN.findall(text):
        pairs = (run[at : at + 2] for at in range(len(run) - 1))
        yield from ((pair, False) for pair in pairs if not _COMMON_ZH.intersection(pair))


def _cuts(text: str) -> Iterator[tuple[int, str]]:
    """The clauses of a message with their places; short ones stay with their neighbour, mere politeness is left out."""
    for sentence in _SENTENCE.finditer(text):
        start, end = sentence.span()
        is_chinese = _HAN.search(text, start, end) is not None
        comma, least = (_COMMA_ZH, _MIN_CLAUSE_ZH) if is_chinese else (_COMMA, _MIN_CLAUSE)
        borders = [start, *(match.end() for match in comma.finditer(text, start, end)), end]
        joined: list[tuple[int, int]] = []
        for first, last in pairwise(borders):
            if not _says_something(text[first:last]):
                continue
            is_short = joined and min(last - first, joined[-1][1] - joined[-1][0]) < least
            if is_short and joined[-1][1] == first:
                joined[-1] = (joined[-1][0], last)
            else:
                joined.append((first, last))
        for first, last in joined:
            for stretch in _STRETCH.finditer(text, first, last):
                yield from _stripped(stretch.start(), stretch.group())


def _says_something(clause: str) -> bool:
    return re.search(r"\w", _FILLER.sub("", clause)) is not None


def _stripped(start: int, clause: str) -> Iterator[tuple[int, str]]:
    if text := clause.strip():
        yield start + len(clause) - len(clause.lstrip()), text
