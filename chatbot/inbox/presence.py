"""Who looks at a conversation and who types in it: kept in Redis only, forgotten when nobody says so again.

One sorted set per conversation and kind; the score is when a member is forgotten. A Redis that can't be reached costs
the marks, nothing else. Browsers repeat "looking" every PRESENCE_HEARTBEAT_S.
"""

import json
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import redis
from django.conf import settings
from django.contrib.auth.models import User

from chatbot import queue
from chatbot.conversations.models import agent_display_name

log = logging.getLogger(__name__)

_LOOKING, _TYPING, _ONLINE = "kefu:desk:looking:", "kefu:desk:typing:", "kefu:desk:online"


@dataclass(frozen=True, kw_only=True)
class Person:
    """An agent at a conversation."""

    id: int
    name: str
    is_typing: bool = False

    @property
    def initials(self) -> str:
        """Two letters of a Latin name, the first character of a Chinese one."""
        words = self.name.split()
        if not words:
            return "?"
        if not words[0][0].isascii():
            return words[0][0]
        return (words[0][0] + (words[1][0] if len(words) > 1 else words[0][1:2])).upper()


def look(*, conversation_id: str, agent: User) -> None:
    """The agent has the conversation open for another PRESENCE_TTL_S."""
    _remember(_LOOKING + conversation_id, agent, settings.PRESENCE_TTL_S)


def leave(*, conversation_id: str, agent: User) -> None:
    """The agent looks elsewhere. (Another tab of theirs that still looks says so at its next heartbeat.)"""
    _forget(_LOOKING + conversation_id, agent)
    _forget(_TYPING + conversation_id, agent)


def type_in(*, conversation_id: str, agent: User, is_typing: bool) -> None:
    """The agent writes to the customer, for another TYPING_TTL_S; or has stopped."""
    if is_typing:
        _remember(_TYPING + conversation_id, agent, settings.TYPING_TTL_S)
    else:
        _forget(_TYPING + conversation_id, agent)


def be_online(*, agent: User) -> None:
    """The agent has the desk open."""
    _remember(_ONLINE, agent, settings.PRESENCE_TTL_S)


def agents_online() -> list[int]:
    """The ids of the agents who have the desk open."""
    return [person.id for person in _read([_ONLINE])[0]]


def people_at(conversation_ids: Iterable[str]) -> dict[str, list[Person]]:
    """Who is at each conversation, in one round trip."""
    ids = list(conversation_ids)
    if not ids:
        return {}
    found = _read([_LOOKING + id for id in ids] + [_TYPING + id for id in ids])
    return {id: _together(found[n], found[n + len(ids)]) for n, id in enumerate(ids)}


def _together(looking: list[Person], typing: list[Person]) -> list[Person]:
    by_id = {person.id: person for person in looking}
    by_id |= {person.id: Person(id=person.id, name=person.name, is_typing=True) for person in typing}
    return sorted(by_id.values(), key=lambda person: person.id)


def _member(agent: User) -> str:
    return json.dumps([agent.pk, agent_display_name(agent)], ensure_ascii=False)


def _remember(key: str, agent: User, ttl_s: float) -> None:
    try:
        pipe = _client().pipeline()
        pipe.zadd(key, {_member(agent): time.time() + ttl_s})
        pipe.expire(key, int(ttl_s) + 60)
        pipe.execute()
    except redis.RedisError as error:
        log.warning("presence was not kept: %s", error)


def _forget(key: str, agent: User) -> None:
    try:
        _client().zrem(key, _member(agent))
    except redis.RedisError as error:
        log.warning("presence was not cleared: %s", error)


def _read(keys: list[str]) -> list[list[Person]]:
    try:
        pipe = _client().pipeline(transaction=False)
        for key in keys:
            pipe.zrangebyscore(key, time.time(), "+inf")
        answers = pipe.execute()
    except redis.RedisError as error:
        log.warning("presence was not read: %s", error)
        return [[] for _key in keys]
    return [[_person(member) for member in members] for members in answers]


def _person(member: bytes) -> Person:
    id, name = json.loads(member)
    return Person(id=id, name=name)


@cache
def _client() -> redis.Redis:
    return queue.redis_client()
