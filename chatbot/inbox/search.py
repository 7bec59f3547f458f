"""Finding conversations by what was said in them, newest first. The index is in `index.py`.

Every word of the query must be in the message: a Latin one at the beginning of a word, a run of Han characters as it
stands. Filters are the caller's QuerySet. The first page costs the same however common the words are: hits are read
newest first, in growing steps, and no further than MAX_HITS_READ; the rest comes with the next page.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from uuid import UUID

from django.db import connection

from chatbot.conversations.models import Conversation, ConversationQuerySet, Message
from chatbot.inbox.index import SEARCH_COLUMN, SEARCH_TABLE, is_han

MAX_QUERY_CHARS = 200
MAX_HITS_READ = 12_000
_FIRST_STEP, _STEP_GROWTH, _LARGEST_STEP = 150, 3, 4_000
_FEW_CONVERSATIONS = 200  # so few that their messages are read instead of the index
_MAX_WORDS = 12
_SNIPPET_CHARS, _SNIPPET_LEAD = 120, 30


@dataclass(frozen=True)
class Words:
    """A query, cut as the index is: Latin words (lower case) and runs of Han characters."""

    latin: tuple[str, ...] = ()
    han: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.latin or self.han)


@dataclass(frozen=True)
class Hit:
    """The newest message of a conversation that has the words."""

    message_id: int
    conversation_id: UUID


@dataclass(frozen=True)
class Hits:
    """`next_before`: where the next page begins; None at the end. A page may be short and yet have a next one."""

    hits: list[Hit] = field(default_factory=list)
    next_before: int | None = None


@dataclass(frozen=True)
class Piece:
    """A part of a snippet; `is_match` where the query's words are."""

    text: str
    is_match: bool


def words_of(query: str) -> Words:
    """What the index is asked for; empty when the query has no letter, digit or Han character."""
    latin: list[str] = []
    han: list[str] = []
    for kind, run in groupby(query[:MAX_QUERY_CHARS].lower(), key=_kind):
        if kind:
            (han if kind == "han" else latin).append("".join(run))
    return Words(tuple(dict.fromkeys(latin))[:_MAX_WORDS], tuple(dict.fromkeys(han))[:_MAX_WORDS])


def _kind(character: str) -> str:
    if is_han(character):
        return "han"
    return "latin" if character.isalnum() else ""


def find(
    conversations: ConversationQuerySet, words: Words, *, is_filtered: bool, before: int | None, num_wanted: int
) -> Hits:
    """The conversations that have the words, by their newest hit. `is_filtered`: the QuerySet leaves some out."""
    if is_filtered:
        few = list(conversations.order_by().values_list("pk", flat=True)[: _FEW_CONVERSATIONS + 1])
        if len(few) <= _FEW_CONVERSATIONS:
            return _page(_hits_among(few, words), before, num_wanted)
    return _find_in_index(conversations, words, before, num_wanted)


def newest_hit(conversation_id: UUID, words: Words) -> Hit | None:
    return next(_hits_among([conversation_id], words), None)


def _hits_among(conversation_ids: Sequence[UUID], words: Words) -> Iterator[Hit]:
    messages = Message.objects.filter(conversation__in=conversation_ids).order_by("-pk")
    seen: set[UUID] = set()
    for pk, conversation_id, text in messages.values_list("pk", "conversation_id", "text").iterator():
        if conversation_id not in seen and has_words(text, words):
            seen.add(conversation_id)
            yield Hit(pk, conversation_id)


def _page(hits: Iterator[Hit], before: int | None, num_wanted: int) -> Hits:
    left = [hit for hit in hits if before is None or hit.message_id < before]
    return Hits(left[:num_wanted], left[num_wanted - 1].message_id if len(left) > num_wanted else None)


def _find_in_index(conversations: ConversationQuerySet, words: Words, before: int | None, num_wanted: int) -> Hits:
    found: dict[UUID, Hit] = {}
    page_start, num_read, step = before, 0, _FIRST_STEP
    while num_read < MAX_HITS_READ:
        rows = _index_rows(words, before, step)
        ids = {conversation_id for _pk, conversation_id in rows} - found.keys()
        allowed = set(conversations.filter(pk__in=ids).order_by().values_list("pk", flat=True))
        allowed -= _shown_before(allowed, words, page_start)
        for pk, conversation_id in rows:
            if conversation_id in allowed and conversation_id not in found:
                if len(found) == num_wanted:
                    return Hits(list(found.values()), next(reversed(found.values())).message_id)
                found[conversation_id] = Hit(pk, conversation_id)
        if len(rows) < step:
            return Hits(list(found.values()))
        num_read, before = num_read + len(rows), rows[-1][0]
        step = _next_step(num_read, len(found), num_wanted)
    return Hits(list(found.values()), before)


def _next_step(num_read: int, num_found: int, num_wanted: int) -> int:
    """Hits to read for the rest of the page, if they are as often what is wanted as those so far, and some more."""
    num_likely = (
        _STEP_GROWTH * num_read if not num_found else int(1.4 * num_read * (num_wanted - num_found) / num_found)
    )
    return min(max(num_likely, _FIRST_STEP), _LARGEST_STEP)


def _shown_before(conversation_ids: set[UUID], words: Words, page_start: int | None) -> set[UUID]:
    """Those that were on an earlier page, because they have a hit there."""
    if page_start is None:
        return set()
    newer = Message.objects.filter(conversation__in=conversation_ids, pk__gte=page_start).order_by()
    return {pk for pk, text in newer.values_list("conversation_id", "text") if has_words(text, words)}


def _index_rows(words: Words, before: int | None, num_rows: int) -> list[tuple[int, UUID]]:
    """The next messages with the words, newest first: their ids and conversations."""
    sql, params = _statement(words, before, num_rows)
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [(pk, id if isinstance(id, UUID) else UUID(id)) for pk, id in cursor.fetchall()]


def _statement(words: Words, before: int | None, num_rows: int) -> tuple[str, list[str | int]]:
    if connection.vendor == "postgresql":
        chains = [run for run in words.han if len(run) > 2]
        conditions = [f"m.{SEARCH_COLUMN} @@ %s::tsquery", *["position(%s in lower(m.text)) > 0"] * len(chains)]
        conditions += ["m.id < %s"] if before is not None else []
        params: list[str | int] = [_tsquery(words), *chains, *([before] if before is not None else []), num_rows]
        where = " AND ".join(conditions)
        return (
            f"SELECT m.id, m.conversation_id FROM conversations_message m WHERE {where} ORDER BY m.id DESC LIMIT %s",
            params,
        )
    condition = "AND s.rowid < %s" if before is not None else ""
    return (
        f"SELECT m.id, m.conversation_id FROM {SEARCH_TABLE} s CROSS JOIN conversations_message m ON m.id = s.rowid "
        f"WHERE {SEARCH_TABLE} MATCH %s {condition} ORDER BY s.rowid DESC LIMIT %s",
        [_fts5_query(words), *([before] if before is not None else []), num_rows],
    )


def _pairs(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)]


def _fts5_query(words: Words) -> str:
    latin = [f'"{word}"*' for word in words.latin]
    han = [f'"{" ".join(_pairs(run))}"' if len(run) > 1 else f'"{run}"*' for run in words.han]
    return " AND ".join(latin + han)


def _tsquery(words: Words) -> str:
    latin = [f"'{word}':*" for word in words.latin]
    han = [f"'{pair}'" for run in words.han for pair in _pairs(run)]
    single = [f"'{run}':*" for run in words.han if len(run) == 1]
    return " & ".join(latin + han + single)


def has_words(text: str, words: Words) -> bool:
    """What the index says of one message, said without it."""
    lower = text.lower()
    if not all(run in lower for run in words.han):
        return False
    return not words.latin or all(
        any(word.startswith(wanted) for word in _latin_words(lower)) for wanted in words.latin
    )


def _latin_words(lower: str) -> list[str]:
    return ["".join(run) for kind, run in groupby(lower, key=_kind) if kind == "latin"]


def snippet_of(text: str, words: Words) -> list[Piece]:
    """The part of a message around its first match, cut into matches and what is between."""
    spans = _spans(text, words)
    start = max(spans[0][0] - _SNIPPET_LEAD, 0) if spans else 0
    end = min(start + _SNIPPET_CHARS, len(text))
    pieces: list[Piece] = [Piece("…", False)] if start else []
    at = start
    for first, last in spans:
        if first >= at and last <= end:
            pieces += [Piece(text[at:first], False), Piece(text[first:last], True)]
            at = last
    tail = text[at:end] + ("…" if end < len(text) else "")
    return [piece for piece in [*pieces, Piece(tail, False)] if piece.text]


def _spans(text: str, words: Words) -> list[tuple[int, int]]:
    lower = text.lower()
    if len(lower) != len(text):  # a letter whose lower case is longer: places would not fit
        return []
    spans = [(at, at + len(run)) for run in words.han for at in _places(lower, run)]
    for wanted in words.latin:
        spans += [(at, at + len(wanted)) for at in _places(lower, wanted) if at == 0 or _kind(lower[at - 1]) != "latin"]
    return sorted(spans)


def _places(text: str, wanted: str) -> Iterator[int]:
    at = text.find(wanted)
    while at >= 0:
        yield at
        at = text.find(wanted, at + len(wanted))


def visible_texts(hits: Sequence[Hit]) -> dict[UUID, Message]:
    """Each hit's message by its conversation, in one query."""
    messages = Message.objects.filter(pk__in=[hit.message_id for hit in hits])
    return {message.conversation_id: message for message in messages}


def in_order(hits: Sequence[Hit], conversations: ConversationQuerySet) -> list[Conversation]:
    """The hits' conversations, in the hits' order, in one query."""
    by_id = conversations.in_bulk([hit.conversation_id for hit in hits])
    return [by_id[hit.conversation_id] for hit in hits if hit.conversation_id in by_id]
