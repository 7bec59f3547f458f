"""The phrases that drove a label: whole words and characters always, the right part of plain messages."""

import random
from itertools import pairwise

import pytest
import regex

from chatbot.sentiment.classifier import MAX_CHARS, SentimentClassifier
from chatbot.sentiment.phrases import MAX_PHRASES, clauses_of, driving_phrases

WORDS = "rude don't 3.50 e.g. naïve e\u0301te\u0301 x\u200dy 👍🏽 👩\u200d👩\u200d👧 ☹️ #️⃣ שלום 不但 态度差 但是 很好 but"
BETWEEN = " and | but |so |BECAUSE | - |—|(|)|“|”|,|, |. |!!|?!|！|，|。|…|،|'|\u0301|🏽| |  |\n|\r\n|\t"
BITS = [*WORDS.split(), *BETWEEN.split("|")]
_LETTER = r"(?!\p{Han})[\p{L}\p{N}]"
WORD = regex.compile(rf"{_LETTER}(?:{_LETTER}|\p{{M}}|['’](?={_LETTER}))*")


@pytest.fixture(scope="module")
def classifier():
    return SentimentClassifier.load()


def random_text(chance: random.Random) -> str:
    return "".join(chance.choice(BITS) for _ in range(chance.randrange(40)))


def is_whole(text: str, start: int, end: int) -> bool:
    """Neither end lies within a character as the eye sees it, nor within a word of letters with spaces around it."""
    borders = {0, *(match.end() for match in regex.finditer(r"\X", text))}
    words = [match.span() for match in WORD.finditer(text)]
    is_within_word = any(first < place < last for first, last in words for place in (start, end))
    return {start, end} <= borders and not is_within_word


def test_phrases_are_whole_words_in_order_and_few_whatever_the_text_and_the_model():
    chance = random.Random(3)
    num_found = 0
    for _ in range(3000):
        text, num_judged = random_text(chance), 0

        def any_log_odds(texts):
            nonlocal num_judged
            num_judged += len(texts)
            return [chance.gauss(0, 3) for _ in texts]

        found = driving_phrases(text, any_log_odds)
        assert num_judged <= 12 and len(found) <= MAX_PHRASES
        assert found == sorted(found)
        assert all(before[1] <= after[0] for before, after in pairwise(found))
        for start, end in found:
            assert text[start:end].strip() and is_whole(text, start, end), (text, text[start:end])
        num_found += len(found)
    assert num_found > 1000


def test_clauses_leave_nothing_out_but_what_divides_them():
    text = "Quick, but they were rude to my mum… 送货很快，但是态度差！Costs 3.50 - too much"
    assert [text[start:end] for start, end in clauses_of(text)] == [
        "Quick", "they were rude to my mum", "送货很快", "态度差", "Costs 3.50", "too much",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "label", "phrases"),
    [
        ("the delivery was quick but your staff were unbelievably rude", "negative",
         ["your staff were unbelievably rude"]),
        ("I ordered two lamps on Monday, and nobody answers my emails.", "negative", ["nobody answers my emails"]),
        ("What time do you open? By the way, the lady at the counter was lovely!", "positive",
         ["the lady at the counter was lovely"]),
        ("我周一订了两盏灯。太差劲了，等了一个小时都没人理我", "negative", ["太差劲了", "等了一个小时都没人理我"]),
        ("沙发昨天上午十点到的。两位师傅又细心又热情。还能再订配套的靠垫吗？", "positive", ["两位师傅又细心又热情"]),
        ("What time do you open?", "neutral", []),
    ],
)  # fmt: skip
def test_of_plain_messages_the_part_that_carries_the_mood_is_found(classifier, text, label, phrases):
    assert [text[start:end] for start, end in classifier.phrases(text, label)] == phrases


def test_where_no_clause_pushed_to_the_label_there_is_none(classifier):
    assert classifier.phrases("What time do you open? My order number is 88213.", "negative") == []
    for blank in ("", " \n", "...", "\u0301"):
        assert classifier.phrases(blank, "negative") == []


def test_of_a_long_text_the_beginning_counts_and_no_word_is_cut(classifier):
    long = "You are useless, nobody helps me. " + "Where is it " * 200
    assert [long[start:end] for start, end in classifier.phrases(long, "negative")][:1] == ["You are useless"]
    assert all(end < MAX_CHARS for _, end in classifier.phrases("terrible awful service " * 500, "negative"))
