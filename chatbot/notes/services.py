"""Writing, changing and taking back notes; who is mentioned; canned replies with names filled in.

Each function owns its transaction; the desk hears of a change on its commit (`notes.changed`). Knows no pages.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from chatbot import events
from chatbot.conversations.handling import agents
from chatbot.conversations.models import Conversation, agent_display_name
from chatbot.conversations.writes import lock_conversation, publish_on_commit
from chatbot.notes.models import CannedReply, Mention, Note

NOTE_MAX_CHARS = 4000
# A name as Django allows it, after an @ that doesn't belong to an address. Trailing dots end a sentence.
_MENTION = re.compile(r"(?<![\w@.])@([\w.+-]*[\w+-])(?!@)")
_PLACEHOLDER = re.compile(r"\{(customer|agent)\}")


class NoteRefusedError(ValueError):
    """A note that can't be taken as it is. `code` is stable: `empty`, `too_long` or `not_yours`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def mentioned_in(text: str) -> list[User]:
    """The agents whose user names stand after an @, without regard to case; other names are plain text."""
    names = {name.lower() for name in _MENTION.findall(text)}
    if not names:
        return []
    return [agent for agent in agents() if agent.get_username().lower() in names]


@transaction.atomic
def add_note(*, conversation: Conversation, author: User, text: str, client_id: str = "") -> Note:
    """Saves a note after the latest message, once per `client_id`. Raises NoteRefusedError."""
    text = _checked(text)
    locked = lock_conversation(conversation.pk)
    earlier = Note.objects.filter(conversation=locked, client_id=client_id).first() if client_id else None
    if earlier:
        return earlier
    note = Note.objects.create(
        conversation=locked,
        author=author,
        author_name=agent_display_name(author),
        text=text,
        after_seq=locked.last_seq,
        client_id=client_id,
    )
    _mention(note, author)
    _announce(note)
    return note


@transaction.atomic
def edit_note(*, note: Note, editor: User, text: str) -> Note:
    """Replaces the text. Who is mentioned anew hears of it; who no longer is, is left out. Raises NoteRefusedError."""
    text = _checked(text)
    locked = _locked(note, editor)
    if locked.text != text:
        locked.text, locked.edited_at = text, timezone.now()
        locked.save(update_fields=["text", "edited_at"])
        _mention(locked, editor)
        _announce(locked)
    return locked


@transaction.atomic
def delete_note(*, note: Note, by: User) -> None:
    """Takes the note out of sight; `restore_note` brings it back. Safe to repeat. Raises NoteRefusedError."""
    locked = _locked(note, by)
    Note.objects.filter(pk=locked.pk, deleted_at=None).update(deleted_at=timezone.now())
    _announce(locked)


@transaction.atomic
def restore_note(*, note: Note, by: User) -> None:
    """Undoes `delete_note`. Safe to repeat. Raises NoteRefusedError."""
    locked = _locked(note, by)
    Note.objects.filter(pk=locked.pk).update(deleted_at=None)
    _announce(locked)


@transaction.atomic
def mark_mentions_seen(*, conversation: Conversation, agent: User) -> int:
    """The agent has the conversation's notes in view. Returns how many mentions were new to them."""
    unseen = list(Mention.objects.unseen_by(agent).filter(note__conversation=conversation).values_list("pk", flat=True))
    if unseen:
        Mention.objects.filter(pk__in=unseen).update(seen_at=timezone.now())
        publish_on_commit(events.ConversationChanged(conversation_id=str(conversation.pk)))
    return len(unseen)


def _checked(text: str) -> str:
    text = text.strip()
    if not text:
        raise NoteRefusedError("empty")
    if len(text) > NOTE_MAX_CHARS:
        raise NoteRefusedError("too_long")
    return text


def _locked(note: Note, user: User) -> Note:
    locked = Note.objects.select_for_update().get(pk=note.pk)
    if not locked.may_change(user):
        raise NoteRefusedError("not_yours")
    return locked


def _mention(note: Note, author: User) -> None:
    """Nobody has to be told of what they wrote themselves."""
    mentioned = [agent for agent in mentioned_in(note.text) if agent.pk != author.pk]
    note.mentions.exclude(agent__in=mentioned).delete()
    known = set(note.mentions.values_list("agent_id", flat=True))
    Mention.objects.bulk_create(Mention(note=note, agent=agent) for agent in mentioned if agent.pk not in known)


def _announce(note: Note) -> None:
    publish_on_commit(events.NotesChanged(conversation_id=str(note.conversation_id), after_seq=note.after_seq))
    publish_on_commit(events.ConversationChanged(conversation_id=str(note.conversation_id)))


@dataclass(frozen=True, kw_only=True)
class FilledReply:
    """A canned reply for one conversation: its text in the customer's language, the names filled in."""

    shortcut: str
    title: str
    text: str


def canned_replies_for(*, conversation: Conversation, agent: User) -> list[FilledReply]:
    """All canned replies, by shortcut. A customer without a name leaves no gap behind."""
    names = {"customer": conversation.customer.name, "agent": agent_display_name(agent)}
    return [
        FilledReply(shortcut=reply.shortcut, title=reply.title, text=fill(reply.text_in(conversation.language), names))
        for reply in CannedReply.objects.all()
    ]


def fill(text: str, names: dict[str, str]) -> str:
    """Puts names for the placeholders. An unknown name goes together with the space or comma before it."""
    for placeholder, name in names.items():
        if not name:
            text = re.sub(rf"[ ,，]*\{{{placeholder}\}}", "", text)
    return _PLACEHOLDER.sub(lambda found: names[found[1]], text).strip()


@transaction.atomic
def add_canned_replies(replies: Sequence[dict[str, str]]) -> int:
    """Adds those whose shortcut isn't taken; returns how many. Whatever an admin wrote stays. Safe to repeat."""
    taken = set(CannedReply.objects.values_list("shortcut", flat=True))
    new = [CannedReply(**reply) for reply in replies if reply["shortcut"] not in taken]
    CannedReply.objects.bulk_create(new)
    return len(new)
