"""What is taken out of a text on request, and what must stay."""

import pytest

from chatbot.review.redaction import redact


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Write to jo.doe@example.org or jo.doe@example.org.", "Write to [e-mail] or [e-mail]."),
        ("My name is Maria Silva, Maria Silva!", "My name is [name], [name]!"),
        ("我叫王小明，王小明要退货", "我叫[name]，[name]要退货"),
        ("call +44 20 7946 0958 please", "call [phone] please"),
        ("电话13812345678", "电话[phone]"),
        ("order number KF-20260311 is late", "order number [order] is late"),
        ("card 4111 1111 1111 1111 was charged", "card [card] was charged"),
        ("my number 11010519491231002X", "my number [number]"),
        ("It costs $6.90 and takes 3 to 5 days.", "It costs $6.90 and takes 3 to 5 days."),
        ("30天内可以退货", "30天内可以退货"),
    ],
)
def test_a_text_without_who_wrote_it(text, told):
    assert redact(text) == told


def test_a_known_name_goes_wherever_it_stands():
    assert redact("thanks, JUN here. June is fine", ["Jun"]) == "thanks, [name] here. June is fine"
    assert redact("小丽说可以", ["小丽"]) == "[name]说可以"
