"""Decoding that can only write what a grammar allows. Knows the tokens' bytes, and nothing of what the grammar means.

A grammar goes from character to character; tokens are strings of bytes that may end inside a character. So the walk
from token to token goes byte by byte, and a token is allowed when the grammar can follow all of its bytes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

_LIKELIEST = 32  # tokens that are tried before the whole vocabulary is


class Grammar(Protocol):
    """The texts that may be written, as states and what may come next in each."""

    @property
    def start(self) -> Hashable: ...

    def next_states(self, state: Hashable) -> Mapping[str, Hashable]:
        """By the next character. Must be empty only where the text may end."""
        ...

    def may_end(self, state: Hashable) -> bool: ...


@dataclass
class _Node:
    """Of the vocabulary's trie; `token_ids`: the tokens whose bytes lead here."""

    children: dict[int, _Node] = field(default_factory=dict)
    token_ids: list[int] = field(default_factory=list)


class Vocabulary:
    """The bytes of every token; `b""` for those that give no text."""

    def __init__(self, token_bytes: Sequence[bytes]) -> None:
        self.token_bytes = token_bytes
        self._root = _Node()
        for token_id, content in enumerate(token_bytes):
            if content:
                node = self._root
                for byte in content:
                    node = node.children.setdefault(byte, _Node())
                node.token_ids.append(token_id)

    def allowed(self, walk: Walk) -> Iterator[int]:
        """The tokens that may come next: what grammar and vocabulary share, and no more of either is visited."""
        open_nodes = [(self._root, walk)]
        while open_nodes:
            node, at = open_nodes.pop()
            yield from node.token_ids
            for byte, child in node.children.items():
                if (then := at.after_byte(byte)) is not None:
                    open_nodes.append((child, then))


@dataclass(frozen=True)
class Walk:
    """A place in the grammar, perhaps inside a character: `pending` are its first bytes."""

    grammar: Grammar
    state: Hashable
    tables: dict[Hashable, dict[bytes, Hashable | None]]  # shared by all walks of a text; None: inside a character
    pending: bytes = b""

    @property
    def may_end(self) -> bool:
        return not self.pending and self.grammar.may_end(self.state)

    def after(self, content: bytes) -> Walk | None:
        """None: the grammar can't follow."""
        walk: Walk | None = self
        for byte in content:
            walk = walk.after_byte(byte) if walk is not None else None
        return walk

    def after_byte(self, byte: int) -> Walk | None:
        table = self._table()
        read = self.pending + bytes([byte])
        if read not in table:
            return None
        state = table[read]
        if state is None:
            return Walk(self.grammar, self.state, self.tables, read)
        return Walk(self.grammar, state, self.tables)

    def _table(self) -> dict[bytes, Hashable | None]:
        if (table := self.tables.get(self.state)) is None:
            table = self.tables[self.state] = {}
            for character, state in self.grammar.next_states(self.state).items():
                encoded = character.encode()
                table[encoded] = state
                for length in range(1, len(encoded)):
                    table.setdefault(encoded[:length], None)
        return table


class GrammarLock:
    """A logits processor for one request: whatever the model, its text stays within the grammar.

    It ends with one of `stop_token_ids`, and only where the grammar lets it; at a limit it may be cut anywhere.
    """

    def __init__(self, grammar: Grammar, vocabulary: Vocabulary, stop_token_ids: frozenset[int]) -> None:
        self._vocabulary, self._stops = vocabulary, sorted(stop_token_ids)
        self._walk = Walk(grammar, grammar.start, {})
        self._num_read = 0

    def __call__(self, token_ids: Sequence[int], logits: Tensor) -> Tensor:
        """Shape: (V,), with -inf for what must not come next."""
        for token_id in token_ids[self._num_read :]:
            walk = self._walk.after(self._vocabulary.token_bytes[token_id])
            assert walk is not None, "a token that was not allowed"
            self._walk = walk
        self._num_read = len(token_ids)
        likeliest = logits.topk(min(_LIKELIEST, len(logits))).indices.tolist()
        # what a trained model wants is mostly allowed; only else is it worth looking for all that is
        allowed = [token_id for token_id in likeliest if self._is_allowed(token_id)]
        if not allowed:
            allowed = [*self._vocabulary.allowed(self._walk), *(self._stops if self._walk.may_end else [])]
        if not allowed:  # a vocabulary that lacks a byte of the only way on
            allowed = self._stops
        locked = torch.full_like(logits, -torch.inf)
        locked[allowed] = logits[allowed]
        return locked

    def _is_allowed(self, token_id: int) -> bool:
        if token_id in self._stops:
            return self._walk.may_end
        known = self._vocabulary.token_bytes
        content = known[token_id] if token_id < len(known) else b""  # a model may have more places than tokens
        return bool(content) and self._walk.after(content) is not None
