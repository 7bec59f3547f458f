"""What a reviewer makes of a turn in one step: a draft for the approved answers, or an example to train on.

Nothing of it is live: drafts wait for an admin (`chatbot.knowledge.drafts`), examples for the next training run.
"""

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction

from chatbot.conversations.models import Message
from chatbot.knowledge import drafts
from chatbot.knowledge.models import Answer, AnswerDraft
from chatbot.review.models import Correction, Review
from chatbot.review.redaction import redact

COMPANY = "reviewed"  # as the authored files name whose answers a line belongs to
_NOT_IN_ID = re.compile(r"[^a-z0-9]+")
_MAX_SLUG_CHARS = 60


class CorrectionRefusedError(ValueError):
    """`code` is stable: unknown_kind, no_entry (of that id), is_entry (already), invalid; `detail` in plain words."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


@transaction.atomic
def correct(
    *, message: Message, author: User, kind: str, answer_id: str = "", question: str = "", text: str = ""
) -> Correction:
    """Keeps a correction of this turn (the customer's message). Raises CorrectionRefusedError.

    `answer_id`: the entry to change, to add the question to or to learn from; for a new one its id, which may be left
    out. `question`: as a customer would ask it, `text`: what the bot should say, for the kinds that need them.
    """
    if kind not in Correction.Kind.values:
        raise CorrectionRefusedError("unknown_kind")
    question = " ".join(question.split()) or suggested_question(message)
    try:
        made = _make(message, author, kind, answer_id.strip(), question, text.strip())
    except ValidationError as error:
        raise CorrectionRefusedError("invalid", " ".join(error.messages)) from error
    made.save()
    return made


def suggested_question(message: Message) -> str:
    """The turn as a question by itself, without what tells who asked."""
    reply = getattr(message, "reply", None)
    return redact(" ".join(((reply and reply.standalone_question) or message.text).split()))[:500]


def _make(message: Message, author: User, kind: str, answer_id: str, question: str, text: str) -> Correction:
    made = Correction(kind=kind, message=message, author=author, answer_id=answer_id)
    if kind == Correction.Kind.NEW_ANSWER:
        made.answer_id = answer_id or suggested_id(message, question)
        if Answer.objects.filter(pk=made.answer_id).exists():
            raise CorrectionRefusedError("is_entry", made.answer_id)
        language = message.conversation.language[:2]
        made.draft = drafts.propose_new(
            id=made.answer_id, language=language, question=question, answer=text, author=author
        )
        return made
    answer = Answer.objects.filter(pk=answer_id).first()
    if answer is None:
        raise CorrectionRefusedError("no_entry", answer_id)
    if kind == Correction.Kind.CHANGED_ANSWER:
        made.draft = drafts.propose_change(answer=answer, author=author, text=text)
    elif kind == Correction.Kind.ALTERNATIVE:
        made.draft = drafts.propose_change(answer=answer, author=author, alternative=question)
    else:
        made.example = {"company": COMPANY, "lang": answer.language, "answer_id": answer_id, "text": question}
    return made


def suggested_id(message: Message, question: str) -> str:
    """A name from the question's Latin words, or from the message's number where it has none."""
    slug = _NOT_IN_ID.sub("-", question.lower()).strip("-")[:_MAX_SLUG_CHARS].strip("-")
    return f"{slug or f'asked-{message.pk}'}.{message.conversation.language[:2]}"


@transaction.atomic
def withdraw(*, correction: Correction) -> None:
    """Takes back what nobody has decided on yet: an example, or a waiting draft with it. Otherwise changes nothing."""
    if correction.draft_id is None:
        Correction.objects.filter(pk=correction.pk).delete()
    else:
        AnswerDraft.objects.filter(pk=correction.draft_id, status=AnswerDraft.Status.WAITING).delete()


def example_lines() -> Iterator[str]:
    """Every example, oldest first, as lines of `paraphrases.jsonl`; beside each where it comes from."""
    examples = Correction.objects.filter(kind=Correction.Kind.EXAMPLE).order_by("pk")
    rows = examples.values_list("example", "message__conversation", "message__seq", "author__username")
    for example, conversation, seq, author in rows.iterator(chunk_size=500):
        yield _line(example or {}, conversation, seq, author)


def sentiment_lines() -> Iterator[str]:
    """Every corrected sentiment as a line of `sentiment.jsonl`. A turn counts once: as picked, else as said last."""
    corrected = Review.objects.exclude(corrected_sentiment="").order_by(
        "message_id", "-is_authoritative", "-reviewed_at"
    )
    rows = corrected.values_list(
        "message", "message__text", "corrected_sentiment", "message__conversation__language",
        "message__conversation", "message__seq", "reviewer__username",
    )  # fmt: skip
    last = None
    for message, text, label, language, conversation, seq, reviewer in rows.iterator(chunk_size=500):
        if message != last:
            record = {"lang": language[:2], "text": redact(text), "label": label, "driver": ""}
            yield _line(record, conversation, seq, reviewer)
        last = message


def _line(record: dict[str, Any], conversation: UUID, seq: int, reviewer: str | None) -> str:
    origin = {"conversation": str(conversation), "seq": seq, "reviewer": reviewer or ""}
    return json.dumps({**record, "origin": origin}, ensure_ascii=False) + "\n"
