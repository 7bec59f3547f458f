"""The answers file: CSV by RFC 4180 in UTF-8, to rows and back. Knows no database.

`id,language,question,alternatives,answer,tags`; `alternatives` and `tags` hold several texts separated by `|`.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

COLUMNS = ("id", "language", "question", "alternatives", "answer", "tags")
LIST_SEPARATOR = "|"
_BOM = "\ufeff"

Problem = tuple[int, str]


class AnswersFileError(ValueError):
    """A file that can't be imported. `problems`: (line number, what to do about it), in the order of the file."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(f"Line {line}: {message}" for line, message in problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class AnswerRow:
    """One row of the file, as written; `line` is where it starts, from 1."""

    line: int
    id: str
    language: str
    question: str
    alternatives: list[str]
    answer: str
    tags: list[str]


def parse_rows(text: str) -> tuple[list[AnswerRow], list[Problem]]:
    """The rows whose form is right, and what is wrong with the others. Raises AnswersFileError for a bad header."""
    problems: list[Problem] = []
    records = iter(_records(text.removeprefix(_BOM), problems))
    line, header = next(records, (1, []))
    if header_problems := _problems_of_header([name.strip() for name in header]):
        raise AnswersFileError([(line, message) for message in header_problems])
    names = [name.strip() for name in header]
    rows = []
    for line, fields in records:
        if len(fields) != len(names):
            problems.append((line, f"This row has {len(fields)} fields instead of {len(names)}. Put a text that holds"
                             " a comma, a quote or a line break in double quotes."))  # fmt: skip
            continue
        rows.append(_row(line, dict(zip(names, fields, strict=True))))
    return rows, problems


def write_rows(rows: Iterable[AnswerRow]) -> str:
    """The file for these rows; what `parse_rows` reads back exactly."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows:
        lists = (LIST_SEPARATOR.join(row.alternatives), LIST_SEPARATOR.join(row.tags))
        writer.writerow([row.id, row.language, row.question, lists[0], row.answer, lists[1]])
    return file.getvalue()


def _row(line: int, values: dict[str, str]) -> AnswerRow:
    return AnswerRow(
        line=line,
        id=values["id"].strip(),
        language=values["language"].strip(),
        question=values["question"],
        alternatives=_split(values["alternatives"]),
        answer=values["answer"],
        tags=_split(values["tags"]),
    )


def _split(value: str) -> list[str]:
    return [part.strip() for part in value.split(LIST_SEPARATOR) if part.strip()]


def _problems_of_header(names: list[str]) -> list[str]:
    expected = ",".join(COLUMNS)
    if not any(names):
        return [f"The file is empty. Its first line must be {expected}."]
    problems = [f"The column {name!r} is unknown; the columns are {expected}." for name in names if name not in COLUMNS]
    problems += [
        f"The column {name!r} is missing; the columns are {expected}." for name in COLUMNS if name not in names
    ]
    problems += [f"The column {name!r} is there twice." for name in COLUMNS if names.count(name) > 1]
    return problems


def _records(text: str, problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    """Records with the line where each starts; blank lines are passed over.

    Written out because the standard library's reader takes a quote inside an unquoted field and names no line.
    """
    at, line = 0, 1
    while at < len(text):
        start_line, fields, is_sound = line, [], True
        while True:
            if text[at : at + 1] == '"':
                field, end, message = _quoted_field(text, at)
            else:
                field, end, message = _bare_field(text, at)
            line += text.count("\n", at, end) + text.count("\r", at, end) - text.count("\r\n", at, end)
            at = end
            fields.append(field)
            if message:
                problems.append((start_line, message))
                is_sound = False
            if text[at : at + 1] != ",":
                break
            at += 1
        if at < len(text):
            at += 2 if text.startswith("\r\n", at) else 1
            line += 1
        if is_sound and (len(fields) > 1 or fields[0].strip()):
            yield start_line, fields


def _bare_field(text: str, at: int) -> tuple[str, int, str]:
    end = at
    while end < len(text) and text[end] not in ",\r\n":
        end += 1
    field = text[at:end]
    if '"' in field:
        return field, end, "A quote stands inside a field that isn't quoted. Put the field in quotes and double it."
    return field, end, ""


def _quoted_field(text: str, at: int) -> tuple[str, int, str]:
    """The field that starts with the quote at `at`, where it ends, and what is wrong with it."""
    end = at + 1
    while True:
        end = text.find('"', end)
        if end < 0:
            return "", len(text), "A quoted field is opened here and never closed. Add the closing quote."
        if text[end : end + 2] != '""':
            break
        end += 2
    field, after = text[at + 1 : end].replace('""', '"'), end + 1
    if after < len(text) and text[after] not in ",\r\n":
        _, after, _ = _bare_field(text, after)
        return field, after, "Text follows a closing quote. Double every quote inside a quoted field."
    return field, after, ""
