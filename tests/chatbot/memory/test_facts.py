"""What is remembered of a customer's words, in both languages, and that nothing remembered is made up."""

import itertools
import random

import pytest

from chatbot.memory.facts import find_facts


def found(text):
    return {(fact.name, fact.value) for fact in find_facts(text)}


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("My order TR-31877 hasn't come.", {("order_number", "TR-31877")}),
        ("order number is 4471902, thanks", {("order_number", "4471902")}),
        ("我的订单号是KX20931，还没到", {("order_number", "KX20931")}),
        ("My name is Anna Kelly, mail me at anna.k@mail.example.com.",
         {("name", "Anna Kelly"), ("email", "anna.k@mail.example.com")}),
        ("I'm Anna, hello", {("name", "Anna")}),
        ("我叫王小明，电话13800138000", {("name", "王小明"), ("phone", "13800138000")}),
        ("Call me on 020 915 0199, after 5.", {("phone", "020 915 0199")}),
        ("You charged me $38.50 on 14 July", {("amount", "$38.50"), ("date", "14 July")}),
        ("3月5日扣了我128元", {("date", "3月5日"), ("amount", "128元")}),
        ("I bought a gas stove last week.", {("product", "gas stove")}),
        ("I want to move to the Family Plus plan", {("plan", "Family Plus plan")}),
        ("我想换成畅享套餐", {("plan", "畅享套餐")}),
        ("see https://shop.example.com/a?b=1.", {("link", "https://shop.example.com/a?b=1")}),
    ],
)  # fmt: skip
def test_what_is_said_is_found(text, facts):
    assert facts <= found(text)


@pytest.mark.parametrize(
    "text",
    ["I'm Sorry, what?", "I am annoyed", "in order to return it", "ok", "", "我是说不行", "it took 30 minutes", "在吗"],
)
def test_what_is_not_said_is_not_found(text):
    assert found(text) == set()


PIECES = [
    "order ",
    "订单号",
    "TR-",
    "31877",
    "A",
    "1",
    "-",
    " ",
    "，",
    "。",
    ".",
    "my name is ",
    "Anna",
    "我叫",
    "王明",
    "$",
    "12",
    ",",
    "50",
    "元",
    "@",
    "mail.example.com",
    "https://",
    "/x",
    "14 July",
    "3月",
    "5日",
    "bought a ",
    "tent",
    "换成",
    "畅享",
    "套餐",
    "13800138000",
    "+44 ",
    "\n",
    "é",
    "😀",
    "\u200b",
    "１２",
    "Plus plan",
    "ref #",
]


def test_every_value_stands_in_its_message_where_it_says_over_random_messages():
    rng = random.Random(7)
    num_facts = 0
    for _ in range(4000):
        text = "".join(rng.choices(PIECES, k=rng.randint(1, 14)))
        facts = find_facts(text)
        num_facts += len(facts)
        for fact in facts:
            assert fact.value and text[fact.start : fact.end] == fact.value
        ordered = sorted((fact.start, fact.end) for fact in facts)
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(ordered))
    assert num_facts > 1500
