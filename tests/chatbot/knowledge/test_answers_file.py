"""The answers file: all or nothing, every bad row named by its line, and an export that imports as the same."""

import pytest

from chatbot.knowledge import services
from chatbot.knowledge.models import Answer, AnswerVersion
from chatbot.knowledge.services import AnswersFileError, export_answers, import_answers

HEADER = "id,language,question,alternatives,answer,tags\r\n"
GOOD = HEADER + 'a.en,en,What is A?,Tell me A|A please,"A, of course.\nReally.",x|y\r\nb.zh,zh,乙是什么？,,乙。,\r\n'

pytestmark = pytest.mark.django_db


def problems_of(text: str) -> list[tuple[int, str]]:
    with pytest.raises(AnswersFileError) as caught:
        import_answers(text)
    assert not Answer.objects.exists()
    return caught.value.problems


def test_an_import_creates_updates_and_leaves_alone():
    assert import_answers(GOOD).num_created == 2
    summary = import_answers(GOOD.replace("乙。", "乙，对。"))
    assert (summary.num_created, summary.num_updated, summary.num_unchanged) == (0, 1, 1)
    assert Answer.objects.get(pk="a.en").alternatives == ["Tell me A", "A please"]
    assert Answer.objects.get(pk="b.zh").answer == "乙，对。"


def test_an_export_imports_as_exactly_the_same():
    import_answers(GOOD)
    services.save_answer(
        id="q.en", language="en", question='He said "why"?', answer='Line one,\n\n"line" two; ’¥é', tags=["a b"]
    )
    exported = export_answers()
    versions = AnswerVersion.objects.count()
    assert import_answers(exported).num_unchanged == 3
    assert (export_answers(), AnswerVersion.objects.count()) == (exported, versions)


def test_an_import_does_not_bring_back_what_was_taken_offline():
    import_answers(GOOD)
    services.save_answer(id="b.zh", language="zh", question="乙是什么？", answer="乙。", is_live=False)
    import_answers(export_answers())
    assert not Answer.objects.get(pk="b.zh").is_live


def test_a_byte_order_mark_and_other_line_ends_are_taken():
    assert import_answers("\ufeff" + GOOD.replace("\r\n", "\n")).num_created == 2


def test_columns_may_come_in_any_order():
    import_answers("language,id,tags,answer,alternatives,question\nen,a.en,,Yes.,,Is it?\n")
    assert Answer.objects.get().question == "Is it?"


def test_every_bad_row_is_reported_with_its_line_and_nothing_is_written():
    text = HEADER + (
        'a.en,en,"Two\nlines?",,Fine.,\r\n'  # lines 2 and 3
        "b.en,fr,Q?,,A.,\r\n"  # 4: language
        "c.en,en,,,A.,\r\n"  # 5: no question
        "d.en,en,Q?,,,\r\n"  # 6: no answer
        "a.en,en,Q?,,A.,\r\n"  # 7: again
        "e.en,en,Q?,,A.\r\n"  # 8: a field is missing
        ",en,Q?,,A.,\r\n"  # 9: no id
    )
    problems = problems_of(text)
    assert [line for line, _ in problems] == [4, 5, 6, 7, 8, 9]
    assert "en or zh" in problems[0][1]
    assert "first in line 2" in problems[3][1]
    assert "5 fields instead of 6" in problems[4][1]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('a.en,en,Say "hi"?,,A.,\r\n', "isn't quoted"),
        ('a.en,en,"Say "hi"?",,A.,\r\n', "follows a closing quote"),
        ('a.en,en,"Never closed,,A.,\r\nb.en,en,Q?,,A.,\r\n', "never closed"),
    ],
)
def test_wrong_quoting_is_reported_where_the_row_starts(row, message):
    problems = problems_of(HEADER + "z.en,en,Q?,,A.,\r\n" + row)
    assert problems[0][0] == 3
    assert message in problems[0][1]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("id,language,question,alternatives,answer\n", "'tags' is missing"),
        ("id,language,question,alternatives,answer,tags,colour\n", "'colour' is unknown"),
        ("id,id,language,question,alternatives,answer,tags\n", "'id' is there twice"),
        ("", "empty"),
    ],
)
def test_a_wrong_header_is_reported_in_line_1(header, message):
    problems = problems_of(header)
    assert problems[0][0] == 1
    assert message in problems[0][1]


def test_the_demo_answers_can_be_imported():
    from pathlib import Path

    import chatbot.knowledge

    path = Path(chatbot.knowledge.__file__).parent / "demo" / "answers.csv"
    assert import_answers(path.read_text(encoding="utf-8")).num_created >= 120


def test_a_character_that_no_database_takes_is_left_out():
    import_answers(HEADER + "a.en,en,What\x00 is A?,Tell\x00 me,A\x00.,x\x00\r\n")
    answer = Answer.objects.get()
    assert (answer.question, answer.answer) == ("What is A?", "A.")
    assert (answer.alternatives, answer.tags) == (["Tell me"], ["x"])
