"""Owns the training of the tokenizer: a byte-level BPE on English and Chinese. Run by `manage.py train_tokenizer`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from chatbot.language_model.prompt_format import END_OF_TEXT, PAD, SPECIAL_TOKENS
from chatbot.training.datasets import Record, record_language, record_texts

VOCABULARY_SIZE = 16_000
NUM_POSITIONS = 1024

# GPT-2's pattern (Radford et al. 2019, section 2.2) with two changes: each digit is a token of its own, without a
# space in front, so that a number is copied digit by digit and looks the same everywhere; and an apostrophe's
# ending is found in any case.
SPLIT_PATTERN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|\p{N}| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def train_tokenizer(texts: Iterable[str], *, vocabulary_size: int = VOCABULARY_SIZE) -> PreTrainedTokenizerFast:
    """Return a tokenizer whose first ids are `SPECIAL_TOKENS`, then the 256 bytes, then the merges.

    Source: byte-level BPE as in GPT-2. Deterministic for the same texts in the same order.
    """
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        max_token_length=24,
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    make: Callable[..., PreTrainedTokenizerFast] = PreTrainedTokenizerFast
    return make(
        tokenizer_object=backend,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        pad_token=PAD,
        additional_special_tokens=[token for token in SPECIAL_TOKENS if token not in (END_OF_TEXT, PAD)],
        clean_up_tokenization_spaces=False,
        model_max_length=NUM_POSITIONS,
    )


def balanced_texts(records: Iterable[Record], *, max_characters_per_language: int) -> Iterator[str]:
    """Yield the texts of the records until a language has its share of characters; the rest of it is skipped."""
    seen = {"en": 0, "zh": 0}
    for record in records:
        language = record_language(record)
        if seen[language] >= max_characters_per_language:
            continue
        for text in record_texts(record):
            seen[language] += len(text)
            yield text


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the tokenizer in Hugging Face's format; overwrites an older one."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(str(folder))
