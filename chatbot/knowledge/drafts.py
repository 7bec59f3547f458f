"""Proposals for the approved answers: made by anybody who may review, published or rejected by an admin.

A draft holds a whole answer and the state that it was made from; what is published is the difference between the two,
laid on the answer as it is by then. So a proposal for the wording undoes nothing that changed meanwhile elsewhere.
"""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from chatbot.knowledge.models import Answer, AnswerDraft, AnswerVersion
from chatbot.knowledge.services import save_answer

FIELDS = ("language", "question", "alternatives", "answer", "tags", "is_live")


class DraftRefusedError(ValueError):
    """`code` is stable: `decided` (by somebody else before), `changed` (the answer, since it was shown)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Change:
    """One field as it is now and as it would be."""

    name: str
    before: Any
    after: Any


def propose_new(*, id: str, language: str, question: str, answer: str, author: User) -> AnswerDraft:
    """A draft of an entry that isn't there yet. Raises ValidationError for what no answer may be."""
    wanted = Answer(id=id, language=language, question=question, answer=answer)
    wanted.full_clean(validate_unique=False, validate_constraints=False)
    return AnswerDraft.objects.create(answer_id=wanted.pk, proposed=wanted.snapshot(), author=author)


def propose_change(
    *, answer: Answer, author: User, text: str | None = None, alternative: str | None = None
) -> AnswerDraft:
    """A draft of the entry with another text, or with one more way to ask. Raises ValidationError."""
    base = answer.snapshot()
    wanted = Answer(**base)
    wanted.answer = wanted.answer if text is None else text
    if alternative is not None:
        wanted.alternatives = [*wanted.alternatives, alternative]
    wanted.full_clean(validate_unique=False, validate_constraints=False)
    return AnswerDraft.objects.create(answer_id=answer.pk, base=base, proposed=wanted.snapshot(), author=author)


def changes_of(draft: AnswerDraft) -> list[Change]:
    """What publishing would change now, field by field; empty when the answer says all of it already."""
    present = Answer.objects.filter(pk=draft.answer_id).first()
    before: dict[str, Any] = present.snapshot() if present else {}
    after = _result(draft, before)
    return [Change(name, before.get(name), after[name]) for name in FIELDS if before.get(name) != after[name]]


def version_of(draft: AnswerDraft) -> int:
    """The number of the answer's last version. Publishing asks for it: nobody publishes over what they didn't see."""
    newest = AnswerVersion.objects.filter(answer_id=draft.answer_id).order_by("-number").first()
    return newest.number if newest else 0


@transaction.atomic
def publish(
    *, draft: AnswerDraft, by: User, seen_version: int, question: str | None = None, text: str | None = None
) -> Answer:
    """Makes it live, reworded if asked. Raises DraftRefusedError, ValidationError; then it still waits."""
    _take(draft, AnswerDraft.Status.PUBLISHED, by)
    if version_of(draft) != seen_version:
        raise DraftRefusedError("changed")
    for name, value in (("question", question), ("answer", text)):
        if value is not None:
            draft.proposed[name] = value.replace("\r\n", "\n")
    draft.save(update_fields=["proposed"])
    present = Answer.objects.filter(pk=draft.answer_id).first()
    return save_answer(id=draft.answer_id, **_result(draft, present.snapshot() if present else {}), by=by)


@transaction.atomic
def reject(*, draft: AnswerDraft, by: User) -> None:
    """Raises DraftRefusedError when it was decided before."""
    _take(draft, AnswerDraft.Status.REJECTED, by)


def _take(draft: AnswerDraft, status: str, by: User) -> None:
    """One decision only: the update must change a row that waits."""
    waiting = AnswerDraft.objects.filter(pk=draft.pk, status=AnswerDraft.Status.WAITING)
    if not waiting.update(status=status, decided_by=by, decided_at=timezone.now()):
        raise DraftRefusedError("decided")


def _result(draft: AnswerDraft, present: dict[str, Any]) -> dict[str, Any]:
    wanted, base = draft.proposed, draft.base
    changed = {name: wanted[name] for name in FIELDS if not base or wanted[name] != base[name]}
    if base and present and "alternatives" in changed:
        added = [text for text in wanted["alternatives"] if text not in base["alternatives"]]
        changed["alternatives"] = list(dict.fromkeys([*present["alternatives"], *added]))
    start = present or base
    return {name: changed.get(name, start.get(name)) for name in FIELDS}
