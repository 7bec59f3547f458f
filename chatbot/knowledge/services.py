"""Every write to the approved answers.

Each write owns its transaction, keeps the state in the history and raises the revision, so that every process's next
reply uses the new answers without a restart.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Max

from chatbot.knowledge.csv_format import AnswerRow, AnswersFileError, parse_rows, write_rows
from chatbot.knowledge.entries import Entry
from chatbot.knowledge.models import Answer, AnswerVersion, KnowledgeRevision

__all__ = [
    "AnswersFileError",
    "ImportSummary",
    "delete_answer",
    "entries_of_file",
    "entry_of",
    "export_answers",
    "import_answers",
    "restore_version",
    "save_answer",
]


@dataclass(frozen=True, kw_only=True)
class ImportSummary:
    num_created: int
    num_updated: int
    num_unchanged: int


@transaction.atomic
def save_answer(
    *,
    id: str,
    language: str,
    question: str,
    answer: str,
    alternatives: Sequence[str] = (),
    tags: Sequence[str] = (),
    is_live: bool = True,
    by: User | None = None,
) -> Answer:
    """Creates or changes the answer with this id. Saving the same again writes nothing. Raises ValidationError."""
    _raise_revision()
    wanted = Answer(
        id=id,
        language=language,
        question=question,
        answer=answer,
        alternatives=list(alternatives),
        tags=list(tags),
        is_live=is_live,
    )
    saved, _ = _save(wanted, by=by)
    return saved


@transaction.atomic
def delete_answer(*, id: str, by: User | None = None) -> bool:
    """Takes the answer away; `restore_version` brings it back. False when there is none."""
    _raise_revision()
    answer = Answer.objects.filter(pk=id).first()
    if answer is None:
        return False
    _record(answer, AnswerVersion.Change.DELETED, by)
    answer.delete()
    return True


@transaction.atomic
def restore_version(*, id: str, number: int, by: User | None = None) -> Answer:
    """Makes an earlier state the present one, deleted answers included. Raises AnswerVersion.DoesNotExist."""
    _raise_revision()
    version = AnswerVersion.objects.get(answer_id=id, number=number)
    saved, _ = _save(Answer(**version.snapshot), by=by, change=AnswerVersion.Change.RESTORED)
    return saved


def import_answers(text: str, *, by: User | None = None) -> ImportSummary:
    """Creates and updates answers from a CSV file: all rows or, with AnswersFileError, none.

    Answers that the file doesn't name stay as they are; so does whether an existing one is live.
    """
    answers = _checked_answers(text)
    with transaction.atomic():
        _raise_revision()
        is_live = dict(Answer.objects.values_list("pk", "is_live"))
        changes = []
        for answer in answers:
            answer.is_live = is_live.get(answer.pk, True)
            changes.append(_save(answer, by=by)[1])
    return ImportSummary(
        num_created=changes.count(AnswerVersion.Change.CREATED),
        num_updated=changes.count(AnswerVersion.Change.UPDATED),
        num_unchanged=changes.count(None),
    )


def export_answers() -> str:
    """The answers file with every answer, ordered by id; importing it changes nothing."""
    return write_rows(_row_of(answer) for answer in Answer.objects.all())


def entries_of_file(text: str) -> list[Entry]:
    """What an import of this file would hold, without a database. Raises AnswersFileError."""
    return [entry_of(answer) for answer in _checked_answers(text)]


def entry_of(answer: Answer) -> Entry:
    """The answer as retrieval sees it."""
    return Entry(
        id=answer.pk,
        language=answer.language,
        question=answer.question,
        alternatives=tuple(answer.alternatives),
        answer=answer.answer,
        tags=tuple(answer.tags),
        updated_at=answer.updated_at.date().isoformat() if answer.updated_at else "",
    )


def _row_of(answer: Answer) -> AnswerRow:
    return AnswerRow(
        line=0,
        id=answer.pk,
        language=answer.language,
        question=answer.question,
        alternatives=answer.alternatives,
        answer=answer.answer,
        tags=answer.tags,
    )


def _raise_revision() -> None:
    """First in each write: it also keeps a second writer waiting, so that version numbers stay unique."""
    KnowledgeRevision.objects.get_or_create(pk=KnowledgeRevision.ONLY_PK)
    KnowledgeRevision.objects.filter(pk=KnowledgeRevision.ONLY_PK).update(number=F("number") + 1, token=uuid.uuid4())


def _save(
    wanted: Answer, *, by: User | None, change: AnswerVersion.Change | None = None
) -> tuple[Answer, AnswerVersion.Change | None]:
    """Validates and writes; the change is None when the answer was like this already."""
    wanted.full_clean(validate_unique=False, validate_constraints=False)
    present = Answer.objects.filter(pk=wanted.pk).first()
    if present is not None and present.snapshot() == wanted.snapshot():
        return present, None
    if present is not None:
        wanted.created_at = present.created_at
    wanted.save(force_insert=present is None, force_update=present is not None)
    change = change or (AnswerVersion.Change.UPDATED if present else AnswerVersion.Change.CREATED)
    _record(wanted, change, by)
    return wanted, change


def _record(answer: Answer, change: AnswerVersion.Change, by: User | None) -> None:
    last = AnswerVersion.objects.filter(answer_id=answer.pk).aggregate(last=Max("number"))["last"] or 0
    AnswerVersion.objects.create(
        answer_id=answer.pk, number=last + 1, change=change, snapshot=answer.snapshot(), changed_by=by
    )


def _checked_answers(text: str) -> list[Answer]:
    rows, problems = parse_rows(text)
    answers = []
    first_line: dict[str, int] = {}
    for row in rows:
        answer = Answer(**{name: getattr(row, name) for name in _IMPORTED_FIELDS})
        problems += [(row.line, message) for message in _problems_of(answer)]
        if row.id in first_line:
            problems.append((row.line, f"The id {row.id!r} is there twice, first in line {first_line[row.id]}."))
        first_line.setdefault(row.id, row.line)
        answers.append(answer)
    if problems:
        raise AnswersFileError(sorted(problems))
    return answers


_IMPORTED_FIELDS = ("id", "language", "question", "alternatives", "answer", "tags")
_MESSAGES: dict[tuple[str, str], str] = {
    ("language", "invalid_choice"): "The language must be en or zh.",
    ("language", "blank"): "The language is empty; write en or zh.",
    ("id", "blank"): "The id is empty; give the answer a stable name such as returns.en.",
    ("question", "blank"): "The question is empty; write it as a customer would ask.",
    ("answer", "blank"): "The answer is empty; write what the bot may say.",
}


def _problems_of(answer: Answer) -> Iterable[str]:
    try:
        answer.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        for field, errors in error.error_dict.items():
            for one in errors:
                yield _message(field, one)


def _message(field: str, error: Any) -> str:
    code = error.code if error.code != "null" else "blank"
    return _MESSAGES.get((field, code)) or f"{field}: {' '.join(error.messages)}"
