"""Recent turns word for word, as many as fit. Works on turns, not on rows: who calls it reads the rows."""

from collections.abc import Sequence

from chatbot.language_model.prompt_format import Turn

# A character is at most about one token in Chinese and a quarter of one in English: counting Han characters whole and
# others by quarters overestimates a little, which is the safe side.
_TOKENS_PER_OTHER_CHARACTER = 0.35


def recall(turns: Sequence[Turn], *, max_tokens: int) -> list[Turn]:
    """The latest turns that fit in about `max_tokens`, oldest first; the last one always. Empty for no turns."""
    kept: list[Turn] = []
    left = float(max_tokens)
    for turn in reversed(turns):
        left -= _estimate_tokens(turn)
        if kept and left < 0:
            break
        kept.append(turn)
    return kept[::-1]


def _estimate_tokens(turn: Turn) -> float:
    text = turn.text + turn.standalone + "".join(turn.passages)
    num_wide = sum(character >= "⺀" for character in text)
    return num_wide + (len(text) - num_wide) * _TOKENS_PER_OTHER_CHARACTER + 4
