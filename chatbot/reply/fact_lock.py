"""What a phrased reply may be made of: pieces of the approved passage and of the question, and words without a fact.

A reply is glued together from pieces that are copied character by character. No piece begins or ends inside a fact: a
number with its unit, an amount, a date, an address; in Chinese a piece reaches from one grammatical word to another.
And two facts never touch unless they do where they come from. So a number, a link or a name that nobody wrote can't
come out of any model; whether the pieces tell the truth together is `chatbot.reply.support`'s to judge.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal

from chatbot.reply.support import FUNCTION_WORDS

State = frozenset[int]

_HAN = r"\u3400-\u9fff"
_STOPS, _STOPS_ZH = ".!?", "。！？"
_MARKS, _MARKS_ZH = ",;:", "，、；：（）“”「」《》"
_OPENING, _CLOSING = "([\"'“‘<*_", ".,;:!?)]\"'”’>*_"
_PIECE = re.compile(rf"[{_HAN}]+|[^\s{_HAN}{_STOPS_ZH}{_MARKS_ZH}]+")
_NUMERALS = re.compile("[零一二两三四五六七八九十百千万亿半]+")
_ADDRESS = re.compile(r"[@/\\]|\w[._]\w")
_SENTENCE_START = re.compile(r"(?:^|[.!?:。！？：\n])\W*$")
_CONNECTORS = frozenset(["to", "and", "or", "of", "per", "by", "x", "-", "–", "—", "~", "/", "至", "到", "或", "和"])
_UNIT_LENGTH_ZH = 2  # characters that stay with a number before them

# Words of Chinese that carry no fact; no numeral is among them.
_FUNCTION_WORDS_ZH = (
    "的 了 是 在 有 和 与 或 也 都 就 才 还 再 您 你 我们 你们 咱们 它 这 那 这个 那个 这些 会 能 可以 要 请 将"
    " 把 被 对 于 从 到 为 以及 而且 但是 不过 如果 则 时 之后 之前 后 前 内 呢 吗 吧 啊 哦 好的 需 需要 过 着"
    " 给 让 用 所 只 只要 按 每 各 该 等 因为 所以 另外 此外 同时 即可 不 没有 无需 也可以 就可以 您可以 请您"
    " 谢谢 抱歉"
)
_GRAMMATICAL = frozenset(word for word in _FUNCTION_WORDS_ZH.split() if len(word) == 1)


class FactLock:
    """The grammar of replies from `sources`. A state is a set of nodes, for several pieces may begin alike."""

    def __init__(self, sources: Sequence[str]) -> None:
        self._edges: dict[int, list[tuple[str, int]]] = defaultdict(list)
        self._also: dict[int, list[int]] = defaultdict(list)  # whoever is at the one node is at these, too
        self._numbers = count()
        self._words, self._facts, self._han, self._numerals = self._new(4)  # how a piece may begin
        self._capitals = next(self._numbers)  # words whose small first letter is a capital at the start of a sentence
        self._function_words, self._function_han = self._new(2)
        self._sentence, self._mid, self._beside_fact, self._beside_number = self._new(4)
        self._after_word, self._after_fact, self._after_number, self._after_han = self._new(4)
        self._after_mark, self._after_stop, self._after_stop_zh = self._new(3)
        self._let_pieces_follow()
        for source in dict.fromkeys(sources):
            self._add_source(source)
        for word in ["I", *FUNCTION_WORDS]:
            self._add_word(word, self._function_words, self._after_word)
            self._add_word(word[0].upper() + word[1:], self._capitals, self._after_word)
        for word in _FUNCTION_WORDS_ZH.split():
            self._add_word(word, self._function_han, self._after_han)
        self._known: dict[State, Mapping[str, State]] = {}
        self.start: State = self._closed([self._sentence])

    def next_states(self, state: Hashable) -> Mapping[str, State]:
        assert isinstance(state, frozenset)
        if state not in self._known:
            found: dict[str, list[int]] = defaultdict(list)
            for node in state:
                for character, target in self._edges.get(node, ()):
                    found[character].append(target)
            self._known[state] = {character: self._closed(targets) for character, targets in found.items()}
        return self._known[state]

    def may_end(self, state: Hashable) -> bool:
        """Only after a whole sentence."""
        assert isinstance(state, frozenset)
        return self._after_stop in state or self._after_stop_zh in state

    def _new(self, how_many: int) -> list[int]:
        return [next(self._numbers) for _ in range(how_many)]

    def _closed(self, nodes: Sequence[int]) -> State:
        found, left = set(nodes), list(nodes)
        while left:
            for node in self._also.get(left.pop(), ()):
                if node not in found:
                    found.add(node)
                    left.append(node)
        return frozenset(found)

    def _let_pieces_follow(self) -> None:
        """Which pieces may follow one another, and with what between them."""
        anything = [self._words, self._facts, self._han, self._numerals]
        self._also[self._words], self._also[self._han] = [self._function_words], [self._function_han]
        self._also[self._sentence] = [*anything, self._capitals]
        self._also[self._mid] = self._also[self._after_han] = anything
        self._also[self._beside_fact] = [self._words, self._han]
        self._also[self._beside_number] = [self._function_words, self._function_han]
        self._also[self._after_word] = [self._han, self._numerals]
        self._also[self._after_fact] = [self._han]
        self._also[self._after_number] = [self._function_han]  # whatever else it would count
        self._also[self._after_stop_zh] = [self._sentence]
        after_piece = {
            self._after_word: self._mid,
            self._after_han: self._mid,
            self._after_fact: self._beside_fact,
            self._after_number: self._beside_number,
        }
        after_mark = {
            _MARKS: self._after_mark,
            _STOPS: self._after_stop,
            _MARKS_ZH: self._mid,
            _STOPS_ZH: self._after_stop_zh,
        }
        marks = [(mark, after) for characters, after in after_mark.items() for mark in characters]
        for after, space in after_piece.items():
            self._edges[after] = [(" ", space), *marks]
        self._edges[self._after_mark] = [(" ", self._mid)]
        self._edges[self._after_stop] = [(" ", self._sentence), ("\n", self._sentence)]
        self._edges[self._after_stop_zh] = [("\n", self._sentence)]

    def _add_word(self, word: str, node: int, after: int) -> None:
        for character in word:
            (target,) = self._new(1)
            self._edges[node].append((character, target))
            node = target
        self._also[node].append(after)

    def _add_source(self, text: str) -> None:
        """A node for every character; a copy may go on over the ends of pieces for as long as it likes."""
        nodes = self._new(len(text))
        for node, character, following in zip(nodes, text[1:], nodes[1:], strict=False):
            self._edges[node].append((character, following))
        pieces = _pieces(text)
        facts = _facts(text, pieces)
        inside = {at for start, end in facts for at in range(start + 1, end)}
        ends = {end for _, end in facts}
        for piece in pieces:
            if piece.kind == "han":
                self._add_han(text, piece, nodes, inside, ends)
                continue
            if piece.start not in inside:
                self._let_begin(text, piece, nodes)
            if piece.end not in inside:
                self._also[nodes[piece.end - 1]].append(self._after(piece, is_end_of_fact=piece.end in ends))

    def _after(self, piece: _Piece, *, is_end_of_fact: bool) -> int:
        if piece.kind == "number":
            return self._after_number
        return self._after_fact if piece.kind == "name" or is_end_of_fact else self._after_word

    def _let_begin(self, text: str, piece: _Piece, nodes: Sequence[int]) -> None:
        first, node = text[piece.start], nodes[piece.start]
        self._edges[self._words if piece.kind == "word" else self._facts].append((first, node))
        if piece.kind == "word":
            self._edges[self._capitals].append((first.upper(), node))
        elif piece.is_sentence_start and text[piece.start + 1 : piece.end].islower():
            self._edges[self._words].append((first.lower(), node))

    def _add_han(self, text: str, run: _Piece, nodes: Sequence[int], inside: set[int], ends: set[int]) -> None:
        """Cut only beside a word that carries no fact: where else a name begins or ends can't be seen."""
        cuts = {at for at in range(run.start + 1, run.end) if not _GRAMMATICAL.isdisjoint(text[at - 1 : at + 1])}
        for at in sorted({run.start, *cuts} - inside):
            root = self._numerals if _NUMERALS.match(text[at]) else self._han
            self._edges[root].append((text[at], nodes[at]))
        for at in {run.end, *cuts} - inside:
            after = self._after_fact if at in ends else self._after_han
            self._also[nodes[at - 1]].append(self._after_number if _NUMERALS.match(text[at - 1]) else after)


@dataclass(frozen=True)
class _Piece:
    """`follows`: it begins where the one before ends; `after_space`: one space lies between, and nothing else."""

    start: int
    end: int
    kind: Literal["han", "word", "name", "number"]  # a link is a name, too
    follows: bool
    after_space: bool
    is_sentence_start: bool

    @property
    def is_adjacent(self) -> bool:
        return self.follows or self.after_space


def _pieces(text: str) -> list[_Piece]:
    found: list[_Piece] = []
    for match in _PIECE.finditer(text):
        content = match.group()
        start = match.end() - len(content.lstrip(_OPENING))
        end = match.start() + len(content.rstrip(_CLOSING))
        if start >= end:
            continue
        before = found[-1].end if found else -1
        found.append(
            _Piece(
                start,
                end,
                _kind_of(text[start:end]),
                follows=start == before,
                after_space=start == before + 1 and text[before] == " ",
                is_sentence_start=bool(_SENTENCE_START.search(text[max(0, start - 8) : start])),
            )
        )
    return found


def _kind_of(content: str) -> Literal["han", "word", "name", "number"]:
    if "\u3400" <= content[0] <= "\u9fff":
        return "han"
    if any(character.isdecimal() for character in content):
        return "number"
    if content != content.lower() or not content[0].isalpha() or _ADDRESS.search(content):
        return "name"
    return "word"


def _facts(text: str, pieces: Sequence[_Piece]) -> list[tuple[int, int]]:
    """Where a number stands with what belongs to it: names and signs before it, and the unit or the rest after it."""
    found = []
    for number, piece in enumerate(pieces):
        if piece.kind == "number":
            found.append((_start_of_fact(pieces, number), _end_of_fact(text, pieces, number)))
        elif piece.kind == "han":
            for match in _NUMERALS.finditer(text, piece.start, piece.end):
                found.append((match.start(), min(match.end() + _UNIT_LENGTH_ZH, piece.end)))
    return found


def _start_of_fact(pieces: Sequence[_Piece], number: int) -> int:
    while number and pieces[number].after_space and pieces[number - 1].kind == "name":
        if pieces[number - 1].is_sentence_start:
            break
        number -= 1
    return pieces[number].start


def _end_of_fact(text: str, pieces: Sequence[_Piece], number: int) -> int:
    """Of "5 to 7 working days" the whole but "days"; of "5月3日起" the first four characters."""
    end, has_unit = pieces[number].end, False
    for piece, then in zip(pieces[number + 1 :], [*pieces[number + 2 :], None], strict=False):
        if not piece.is_adjacent:
            break
        leads_on = then is not None and then.is_adjacent and then.kind == "number"
        if piece.kind == "number":
            end, has_unit = piece.end, False
        elif piece.kind == "han":
            end = min(piece.start + _UNIT_LENGTH_ZH, piece.end)
            if end < piece.end or not leads_on:
                break
        elif leads_on and text[piece.start : piece.end].lower() in _CONNECTORS:
            end, has_unit = piece.end, False
        elif not has_unit:
            end, has_unit = piece.end, True
        else:
            break
    return end
