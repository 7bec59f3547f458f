"""Summaries without a bigger model: what they keep, at which length, and that every word is the conversation's."""

import pytest

from chatbot.assist.extractive import Said, summarise, summary_text, turns_of
from chatbot.assist.key_points import MAX_CHARS, MIN_CHARS, SHARE, clauses_of, key_clauses

ENGLISH = [
    ("customer", "Hello, the kettle from order KT-20417 leaks, it soaked the whole kitchen table."),
    ("bot", "Oh, I'm so sorry to hear that. When did you buy it?"),
    ("customer", "Last spring, in the shop on Mill Lane."),
    ("agent", "Thank you. I see, thanks for waiting. I'll send a new kettle by Friday. It costs you nothing."),
    ("customer", "ok great, thanks!"),
]
CHINESE = [
    ("customer", "你好，水壶漏水了，订单号KT20417"),
    ("bot", "非常抱歉，请问是什么时候买的？"),
    ("customer", "上个月3号买的"),
    ("agent", "好的，收到。新水壶周五前寄出，不收费用，快递会提前打电话。"),
    ("customer", "好的，谢谢"),
]


@pytest.mark.parametrize("turns", [ENGLISH, CHINESE])
def test_clauses_are_copied_in_order_and_hold_to_the_budget(turns):
    kept = key_clauses(turns)
    assert [(clause.turn, clause.start) for clause in kept] == sorted((clause.turn, clause.start) for clause in kept)
    assert all(turns[clause.turn][1][clause.start :].startswith(clause.text) for clause in kept)
    assert 0 < sum(len(clause.text) for clause in kept) <= max(MIN_CHARS, SHARE * sum(len(text) for _, text in turns))


@pytest.mark.parametrize(("turns", "facts"), [(ENGLISH, ["KT-20417", "new kettle by Friday"]),
                                              (CHINESE, ["KT20417", "周五前寄出"])])  # fmt: skip
def test_what_the_customer_came_with_and_what_was_promised_stay_and_politeness_goes(turns, facts):
    text = summary_text(turns)
    assert all(fact in text for fact in facts)
    assert not any(word in text for word in ("sorry", "Thank", "thanks", "抱歉", "收到", "谢谢"))


def test_each_line_says_who_speaks_in_the_customers_language():
    assert [line.split(": ")[0] for line in summary_text(ENGLISH, share=1).splitlines()] == [
        "Customer", "Bot", "Customer", "Agent"
    ]  # fmt: skip
    assert [line.split("：")[0] for line in summary_text(CHINESE, share=1).splitlines()] == [
        "客户", "机器人", "客户", "客服"
    ]  # fmt: skip


def test_words_left_out_of_a_sentence_leave_a_mark():
    said = "The courier left it with the neighbours, which nobody asked them to do, so we rang on 3 May at 16:10."
    text = summary_text([("customer", said)], share=0.7)
    assert text == "Customer: The courier left it with the neighbours … so we rang on 3 May at 16:10."


def test_words_of_one_language_stay_apart_whatever_their_signs():
    said = "It’s €12 more than the shop’s list says, and it doesn’t fit the kettle. That’s the €40 one."
    assert summary_text([("customer", said)], share=1) == f"Customer: {said}"


def test_what_was_said_before_counts_once():
    turns = [
        ("customer", "Order KT-20417 leaks."),
        ("agent", "Order KT-20417 leaks."),
        ("agent", "Parcel RR-5512 comes."),
    ]
    assert [clause.turn for clause in key_clauses(turns, share=0.75)] == [0, 2]


def test_the_bots_reply_stands_after_what_it_answers():
    said = [
        Said(seq=1, author="customer", text="How long?", reply_text="30 days."),
        Said(seq=3, author="agent", text="Yes."),
    ]
    assert turns_of(said) == [("customer", "How long?"), ("bot", "30 days."), ("agent", "Yes.")]
    assert "Bot: 30 days." in summarise(said).text


@pytest.mark.parametrize(
    "text", ["", "ok thanks", "😀😀", "A" * 10_000, "thank you " * 3_000 + "x", "哈" * 9_000 + "x", "\x00\u202e"]
)
def test_odd_messages_make_a_short_summary_or_none(text):
    assert len(summary_text([("customer", text)])) <= MAX_CHARS + 20


def test_a_long_clause_is_never_cut_within_a_number():
    text = "so " * 78 + "12345678 " + "and then " * 40
    assert all("12345678" in clause.text or "1234" not in clause.text for clause in clauses_of([("customer", text)]))


def test_nothing_said_is_an_empty_summary():
    assert summarise([]).text == ""
