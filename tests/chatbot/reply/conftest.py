"""A small knowledge base, and a generator that says what a test tells it to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from chatbot.engine import EngineError
from chatbot.knowledge.entries import Entry
from chatbot.knowledge.index import KnowledgeIndex
from chatbot.language_model.prompt_format import Turn

ENTRIES = [
    ("returns.en", "en", "How do I return an order?", "You can return unworn shoes within 30 days. Shipping costs $5.",
     ("Can I send something back?", "What is your return policy?")),
    ("returns.zh", "zh", "怎么退货？", "未穿过的鞋子30天内可以退货，运费5美元。", ("可以退吗", "退货期限是多久")),
    ("delivery.en", "en", "How long does delivery take?", "Delivery takes 2 to 4 business days and costs $7.",
     ("When will my order arrive?",)),
    ("delivery.zh", "zh", "多久能送到？", "配送需要2到4个工作日，费用7美元。", ("几天到货",)),
    ("repair.en", "en", "Do you repair worn soles?", "A new pair of soles costs $38 and takes 9 days.", ("Resoling",)),
    ("repair.zh", "zh", "鞋底磨坏了能修吗？", "换一副新鞋底38美元，需要9天。", ("换鞋底多少钱",)),
    ("hours.en", "en", "When is the shop open?", "The shop is open Tuesday to Saturday from 10:00 to 18:00.",
     ("Opening hours",)),
    ("hours.zh", "zh", "门店几点营业？", "门店周二至周六10:00到18:00营业。", ("营业时间",)),
    ("giftcard.en", "en", "How long is a gift card valid?", "Gift cards last 3 years. They cannot be paid out.",
     ("Do gift cards expire?",)),
    ("giftcard.zh", "zh", "礼品卡有效期多久？", "礼品卡3年内有效，不能兑换现金。", ("礼品卡会过期吗",)),
]  # fmt: skip


@pytest.fixture(scope="session")
def knowledge() -> KnowledgeIndex:
    return KnowledgeIndex(
        [Entry(id=i, language=lang, question=q, answer=a, alternatives=alt) for i, lang, q, a, alt in ENTRIES]
    )


class WordFormat:
    """Prompts that are as long as their words, so that a test can fill a context."""

    stop_token_ids: frozenset[int] = frozenset()
    stop_strings: tuple[str, ...] = ()

    def standalone_prompt(self, turns: Sequence[Turn]) -> list[int]:
        return [1] * sum(len(turn.text.split()) for turn in turns)

    def reply_prompt(self, turns: Sequence[Turn]) -> list[int]:
        return [2] * sum(len(f"{turn.text} {' '.join(turn.passages)}".split()) for turn in turns)


@dataclass
class ScriptedGenerator:
    """`reply` and `standalone` are handed out in small pieces; `error` is raised after `num_pieces_before_error`."""

    reply: str = ""
    standalone: str = ""
    error: EngineError | None = None
    num_pieces_before_error: int = 0
    context_length: int = 512
    version: str = "scripted"
    follows_grammars: bool = True  # says so; what it is to write stays as the test wrote it
    prompt_format: WordFormat = field(default_factory=WordFormat)
    prompts: list[list[int]] = field(default_factory=list)
    num_pieces_given: int = 0
    is_closed: bool = False

    def generate(self, prompt_token_ids: Sequence[int], *, max_new_tokens: int, **options: object) -> Iterator[str]:
        self.prompts.append(list(prompt_token_ids))
        assert len(prompt_token_ids) + max_new_tokens <= self.context_length
        text = self.standalone if 1 in prompt_token_ids else self.reply
        try:
            for number, start in enumerate(range(0, len(text), 3)):
                if self.error and number >= self.num_pieces_before_error:
                    raise self.error
                self.num_pieces_given += 1
                yield text[start : start + 3]
            if self.error:
                raise self.error
        finally:
            self.is_closed = True
