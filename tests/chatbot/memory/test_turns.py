"""What the model reads of a conversation: the latest turns, word for word, within a budget."""

from chatbot.language_model.prompt_format import Turn
from chatbot.memory import recall

TURNS = [Turn("customer" if number % 2 == 0 else "bot", f"turn number {number}") for number in range(60)]


def test_the_latest_turns_that_fit_are_kept_word_for_word():
    kept = recall(TURNS, max_tokens=100)
    assert kept == TURNS[-len(kept) :]
    assert 5 <= len(kept) < 20
    assert recall(TURNS, max_tokens=100_000) == TURNS


def test_the_last_turn_is_kept_however_long_it_is():
    long = Turn("customer", "word " * 5000)
    assert recall([*TURNS, long], max_tokens=100) == [long]
    assert recall([], max_tokens=100) == []


def test_chinese_and_what_was_quoted_count_too():
    chinese = [Turn("customer", "多久能送到我家里？") for _ in range(60)]
    quoting = [Turn("customer", turn.text, passages=("A passage of some length.",)) for turn in TURNS]
    assert len(recall(chinese, max_tokens=100)) < len(recall(TURNS, max_tokens=100))
    assert len(recall(quoting, max_tokens=100)) < len(recall(TURNS, max_tokens=100))
