"""Whether a generated reply says only what an approved passage supports. Knows no model and no retrieval.

A small model invents, mixes up and negates. So every word that carries meaning has to stand in the passage or in the
customer's question, numbers with the unit that they have there, and a sentence must be negative where its source is.
"""

import re
from dataclasses import dataclass, field
from itertools import pairwise

from chatbot.knowledge.bm25 import stem
from chatbot.knowledge.entries import split_sentences
from chatbot.reply.readable import HAN

# Links, mail addresses, hosts and numbers; in ASCII, since Chinese text follows without a space.
_CHECKABLE = re.compile(
    r"https?://[!-~]+|[\w.+-]+@[\w.-]+"
    r"|[a-z0-9-]*[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+(?:/[!-~]*)?"
    r"|\d+(?:[.,:]\d+)*",
    re.IGNORECASE | re.ASCII,
)
_TERM = re.compile(
    r"https?://[!-~]+|[\w.+-]+@[\w.-]+|[A-Za-z][A-Za-z'’]*|\d+(?:[.,:]\d+)*|[\u3400-\u9fff]+|[€£$¥￥%]", re.ASCII
)
CLAUSE_END = re.compile(r"[，。；！？、：]|[,;:!?](?=\s|$)|\.(?=\s|$)|\s+(?:and|but|or|so)\s+|\n", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[。！？]|[.!?](?=\s|$)|\n")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_TRAILING = ".,;:!?)，。；：！？）"

FUNCTION_WORDS = frozenset(
    [
        "a",
        "an",
        "the",
        "i",
        "i'm",
        "i'll",
        "we",
        "we'll",
        "we're",
        "us",
        "our",
        "you",
        "you'll",
        "you're",
        "you've",
        "your",
        "yours",
        "it",
        "it's",
        "its",
        "that",
        "that's",
        "this",
        "these",
        "those",
        "they",
        "they're",
        "them",
        "their",
        "there",
        "here",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "being",
        "am",
        "do",
        "does",
        "did",
        "done",
        "have",
        "has",
        "had",
        "will",
        "would",
        "can",
        "could",
        "may",
        "should",
        "shall",
        "must",
        "and",
        "or",
        "but",
        "so",
        "then",
        "if",
        "when",
        "while",
        "as",
        "of",
        "to",
        "in",
        "on",
        "at",
        "by",
        "for",
        "from",
        "with",
        "into",
        "about",
        "up",
        "out",
        "over",
        "per",
        "within",
        "during",
        "until",
        "before",
        "after",
        "once",
        "also",
        "only",
        "just",
        "still",
        "both",
        "each",
        "any",
        "all",
        "some",
        "more",
        "most",
        "than",
        "too",
        "very",
        "please",
        "yes",
        "sorry",
        "sure",
        "thanks",
        "thank",
        "which",
        "who",
        "what",
        "how",
        "where",
        "why",
        "not",
        "no",
        "don't",
        "doesn't",
        "isn't",
        "aren't",
        "can't",
        "cannot",
        "won't",
        "never",
        "without",
    ]
)
_FUNCTION_CHARACTERS = frozenset(
    "的了是在有和与或也都就才还又再您你我们它这那个些会能可以要请将把被对于从到为以及而且但如果则时后前内外上下里中"
    "呢吗吧啊哦呀好需着过给让用所只共按每各该等"
)
_NEGATIONS_EN = frozenset(
    [
        "not",
        "no",
        "never",
        "cannot",
        "can't",
        "don't",
        "doesn't",
        "isn't",
        "aren't",
        "won't",
        "without",
        "neither",
        "nor",
        "unable",
        "wasn't",
        "weren't",
    ]
)
_NEGATION_ZH = re.compile(r"[不没无未勿非]|除外|禁止")
_OPINION = re.compile(
    r"^\W*(?:yes|no|sure|of course|certainly|absolutely)\b|^(?:是的|对的|没错|不是|不会|不能|不可以|当然)", re.I
)

_MIN_CHARS_EN, _MIN_CHARS_ZH = 24, 9
_MIN_FACT_SHARE = 0.6


@dataclass
class SupportChecker:
    """Reads a reply as it grows. `violation` says what is wrong with it so far, "" for nothing.

    `question` is what the customer asked: its words may be repeated, its numbers too.
    """

    passage: str
    question: str
    violation: str = ""
    _words: set[str] = field(init=False)
    _numbers: dict[str, set[str]] = field(init=False)

    def __post_init__(self) -> None:
        allowed = f"{self.passage} {self.question}"
        self._words = {_normal(term) for term in _TERM.findall(allowed)}
        self._numbers = {}
        for number, unit in _numbers_with_units(self.passage) + _numbers_with_units(self.question):
            self._numbers.setdefault(number, set()).add(unit)
        self._grams = _grams(allowed)

    def supported_length(self, text: str) -> int:
        """How much of the text so far may be shown: its whole, checked sentences. 0 once something is wrong."""
        ends = [match.end() for match in _SENTENCE_END.finditer(text)]
        # the last end may be the dot of a number or an address that goes on
        done = ends[-1] if ends and (text[ends[-1] - 1] not in ".!?" or ends[-1] < len(text)) else 0
        if not done and len(ends) > 1:
            done = ends[-2]
        self.violation = (
            self.violation or self._check_words(text) or self._check_sentences(text[:done]) or _check_repetition(text)
        )
        return 0 if self.violation else done

    def check_whole(self, text: str) -> str:
        """What is wrong with the finished reply, "" if nothing."""
        self.violation = (
            self.violation
            or self._check_words(text + " ")
            or self._check_sentences(text)
            or self._check_facts(text)
            or _check_form(text)
            or self._check_coverage(text)
        )
        return self.violation

    def _check_words(self, text: str) -> str:
        """Unfinished last words are left for the next call."""
        for match in _TERM.finditer(text):
            term = match.group()
            if match.end() == len(text) and not term[0] >= "\u3400":
                continue
            if problem := self._check_term(term):
                return problem
        return ""

    def _check_term(self, term: str) -> str:
        if term[0] >= "\u3400":
            return self._check_chinese(term)
        word = _normal(term)
        if word in self._words or word in FUNCTION_WORDS:
            return ""
        return f"not in the passage: {term}"

    def _check_chinese(self, run: str) -> str:
        """Two neighbouring characters must be neighbours in the passage, unless one is a function word."""
        for first, second in pairwise(run):
            if first + second in self._grams or {first, second} & _FUNCTION_CHARACTERS:
                continue
            return f"not in the passage: {first}{second}"
        for character in run:
            if character not in self._grams and character not in _FUNCTION_CHARACTERS:
                return f"not in the passage: {character}"
        return ""

    def _check_sentences(self, text: str) -> str:
        for number, unit in _numbers_with_units(text):
            if unit not in self._numbers.get(number, set()):
                return f"a number with another unit: {number} {unit}"
        for clause in CLAUSE_END.split(text):
            if not self._is_from_one_clause(clause):
                return f"put together from several clauses: {clause.strip()}"
        for sentence in split_sentences(text):
            if _OPINION.search(sentence):
                return "a yes or no that the passage doesn't say"
            if _is_negative(sentence) != _is_negative(self._source_of(sentence)):
                return "negative where its source isn't, or the other way round"
        return ""

    def _is_from_one_clause(self, clause: str) -> bool:
        """True words in a new order make a new claim, so what a clause says must stand in one clause of the passage.

        The customer's words may be repeated; a clause that is made of nothing else says nothing.
        """
        claimed = content_of(clause) - content_of(self.question)
        if HAN.search(clause):  # pairs across a function word are phrasing, not meaning
            claimed = {term for term in claimed if not set(term) & _FUNCTION_CHARACTERS}
        numbers = set(_NUMBER.findall(clause))
        return not claimed | numbers or any(
            claimed <= content_of(source) | content_of(self.question) and numbers <= set(_NUMBER.findall(source))
            for source in CLAUSE_END.split(self.passage)
        )

    def _check_facts(self, text: str) -> str:
        unknown = _facts(text) - _facts(f"{self.passage} {self.question}")
        return f"not in the passage: {' '.join(sorted(unknown))}" if unknown else ""

    def _source_of(self, sentence: str) -> str:
        """The passage's sentence that shares the most with this one."""
        terms = content_of(sentence)
        sources = split_sentences(self.passage) or [self.passage]
        return max(sources, key=lambda source: len(terms & content_of(source)))

    def _check_coverage(self, text: str) -> str:
        """A reply that leaves out most of the passage's facts, or any of those that were asked for, says too little."""
        facts, said = _facts(self.passage), _facts(text)
        asked = _facts(self._source_of(self.question))
        if asked - said:
            return "leaves out what was asked"
        if facts and len(facts & said) < _MIN_FACT_SHARE * len(facts):
            return "leaves out most facts"
        if not facts and len(content_of(text) & content_of(self.passage)) < 0.5 * len(content_of(self.passage)):
            return "leaves out most of the passage"
        return ""


def _check_form(text: str) -> str:
    text = text.strip()
    if len(text) < (_MIN_CHARS_ZH if re.search(r"[\u3400-\u9fff]", text) else _MIN_CHARS_EN):
        return "too short"
    if text[-1] not in ".!?。！？)）":
        return "doesn't end"
    return _check_repetition(text)


def _check_repetition(text: str) -> str:
    sentences = split_sentences(text)
    if len(set(sentences)) < len(sentences):
        return "repeats itself"
    terms = re.findall(r"\w+|[\u3400-\u9fff]", text.lower())
    grams = list(zip(terms, terms[1:], terms[2:], strict=False))
    if len(grams) - len(set(grams)) > max(2, 0.15 * len(grams)):
        return "repeats itself"
    return ""


def _normal(term: str) -> str:
    term = term.rstrip(_TRAILING).lower().replace("’", "'")
    return stem(term) if term.isalpha() and term.isascii() else term


def _grams(text: str) -> set[str]:
    runs = re.findall(r"[\u3400-\u9fff]+", text)
    return {run[i : i + n] for run in runs for n in (1, 2) for i in range(len(run) - n + 1)}


def content_of(text: str) -> set[str]:
    terms = {_normal(term) for term in _TERM.findall(text) if term[0] < "\u3400"} - FUNCTION_WORDS
    return terms | {gram for gram in _grams(text) if len(gram) == 2}


def _facts(text: str) -> set[str]:
    return {fact.rstrip(_TRAILING) for fact in _CHECKABLE.findall(text)}


def _is_negative(text: str) -> bool:
    words = set(re.findall(r"[a-z']+", text.lower().replace("’", "'")))
    return bool(words & _NEGATIONS_EN) or bool(_NEGATION_ZH.search(text))


def _numbers_with_units(text: str) -> list[tuple[str, str]]:
    """Each number with the sign before it or else the term after it."""
    terms = [match.group() for match in _TERM.finditer(text)]
    found = []
    for at, term in enumerate(terms):
        if not term[0].isdigit():
            continue
        before, after = terms[at - 1] if at else "", terms[at + 1] if at + 1 < len(terms) else ""
        unit = (
            before if before in {"€", "£", "$", "¥", "￥"} else after[:1] if after[:1] >= "\u3400" else _normal(after)
        )
        found.append((term.rstrip(_TRAILING), unit))
    return found
