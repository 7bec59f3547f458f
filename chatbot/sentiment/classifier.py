"""Owns telling a customer message's sentiment. Knows no Django, database or training.

A small head on the GPT-2 that also writes the replies, stored beside it as `sentiment_head.safetensors`. It reads
the backbone's states and, because a small backbone knows few words well, the words themselves: a weight per token
and per pair of neighbouring tokens.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import GPT2LMHeadModel

from chatbot.language_model.checkpoints import HEAD_FILE, Checkpoint, CheckpointError, load_checkpoint
from chatbot.language_model.prompt_format import TextEncoder

Label = Literal["negative", "neutral", "positive"]
LABELS: tuple[Label, ...] = ("negative", "neutral", "positive")
CONFIG_FILE = "sentiment_head.json"
MAX_TOKENS = 128
BATCH_SIZE = 32
_PAIR_PRIME = 1_000_003


@dataclass(frozen=True)
class Sentiment:
    """A label and the calibrated probability of this label (0 to 1)."""

    label: Label
    probability: float


@dataclass(frozen=True)
class HeadConfig:
    """The shape of a head and the temperature that calibrates its probabilities (Guo et al. 2017, section 4.2)."""

    width: int
    vocabulary_size: int
    num_pair_buckets: int = 16_384
    num_hidden: int = 64
    temperature: float = 1.0


class SentimentHead(nn.Module):
    """Three logits from the pooled states of the backbone and from a bag of tokens and token pairs."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.config = config
        num_features = 3 * config.width
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.zeros(num_features))
        self.register_buffer("scale", torch.ones(num_features))
        self.hidden = nn.Linear(num_features, config.num_hidden)
        self.out = nn.Linear(config.num_hidden, len(LABELS))
        self.tokens = nn.EmbeddingBag(config.vocabulary_size, len(LABELS), mode="sum")
        self.pairs = nn.EmbeddingBag(config.num_pair_buckets, len(LABELS), mode="sum")
        nn.init.zeros_(self.tokens.weight)
        nn.init.zeros_(self.pairs.weight)

    def forward(self, features: Tensor, token_ids: Sequence[Sequence[int]]) -> Tensor:
        """features: (B, 3 * width) from `pooled_features`; token_ids: B lists. Returns logits (B, 3)."""
        states = torch.relu(self.hidden((features - self.mean) / self.scale))
        logits: Tensor = self.out(states) + self.bag(token_ids)
        return logits

    def bag(self, token_ids: Sequence[Sequence[int]]) -> Tensor:
        """The part of the logits (B, 3) that comes from the words alone."""
        lengths = torch.tensor([max(1, len(ids)) for ids in token_ids], dtype=torch.float32).sqrt()
        total = _bag(self.tokens, token_ids) + _bag(self.pairs, [self._pair_buckets(ids) for ids in token_ids])
        return total / lengths[:, None]

    def _pair_buckets(self, ids: Sequence[int]) -> list[int]:
        buckets = self.config.num_pair_buckets
        return [(first * _PAIR_PRIME + second) % buckets for first, second in pairwise(ids)]


@torch.no_grad()
def pooled_features(model: GPT2LMHeadModel, token_ids: Sequence[Sequence[int]]) -> Tensor:
    """Return (B, 3 * width): the mean token embedding, the mean last state, and the last token's state.

    Empty texts give zeros.
    """
    width = model.config.n_embd
    longest = max((len(ids) for ids in token_ids), default=0)
    if longest == 0:
        return torch.zeros(len(token_ids), 3 * width)
    padded = torch.zeros(len(token_ids), longest, dtype=torch.long)
    mask = torch.zeros(len(token_ids), longest)
    for row, ids in enumerate(token_ids):
        padded[row, : len(ids)] = torch.tensor(ids, dtype=torch.long)
        mask[row, : len(ids)] = 1.0
    padded, on_device = padded.to(model.device), mask.to(model.device)[:, :, None]
    # Padding stands after the text, so the causal mask alone keeps it out of what counts.
    states = model.transformer(padded, use_cache=False).last_hidden_state.float()  # (B, T, C)
    count = on_device.sum(1).clamp_min(1.0)
    embedded = (model.transformer.wte(padded).float() * on_device).sum(1) / count
    last = states[torch.arange(len(token_ids)), (mask.sum(1).long() - 1).clamp_min(0)] * on_device[:, 0]
    return torch.cat([embedded, (states * on_device).sum(1) / count, last], dim=1).cpu()


class SentimentClassifier:
    """Tells the sentiment of customer messages with a checkpoint and its head. Use from one thread at a time."""

    def __init__(self, checkpoint: Checkpoint, head: SentimentHead) -> None:
        self._model = checkpoint.model
        self._encoder = TextEncoder(checkpoint.tokenizer)
        self._head = head.eval()
        self.version = checkpoint.version

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "cpu") -> SentimentClassifier:
        """Load backbone and head from a checkpoint folder. Raises `CheckpointError`, also when it has no head."""
        checkpoint = load_checkpoint(str(folder), device=device)
        return cls(checkpoint, load_head(Path(folder)))

    @torch.no_grad()
    def classify(self, texts: Sequence[str]) -> list[Sentiment]:
        """Return one sentiment per text, in order. Of a long text the first 128 tokens count; blank is neutral."""
        found: list[Sentiment] = []
        for start in range(0, len(texts), BATCH_SIZE):
            ids = [encode_for_sentiment(self._encoder, text) for text in texts[start : start + BATCH_SIZE]]
            logits = self._head(pooled_features(self._model, ids), ids)
            probabilities = torch.softmax(logits / self._head.config.temperature, dim=1)
            for row, token_ids in zip(probabilities, ids, strict=True):
                best = int(row.argmax())
                found.append(Sentiment(LABELS[best], float(row[best])) if token_ids else Sentiment("neutral", 1.0))
        return found


def encode_for_sentiment(encoder: TextEncoder, text: str) -> list[int]:
    """Return the first 128 token ids of a text, in lower case (a head sees few examples)."""
    return encoder.encode(text.strip().lower())[:MAX_TOKENS]


def load_head(folder: Path) -> SentimentHead:
    """Load a head from a checkpoint folder. Raises `CheckpointError`."""
    if not (folder / HEAD_FILE).is_file() or not (folder / CONFIG_FILE).is_file():
        raise CheckpointError(f"{folder} has no sentiment head. Train one: manage.py fine_tune --only sentiment")
    try:
        head = SentimentHead(HeadConfig(**json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))))
        head.load_state_dict({name: tensor.float() for name, tensor in load_file(str(folder / HEAD_FILE)).items()})
    except (SafetensorError, RuntimeError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{folder}: the sentiment head is damaged ({error}). Copy the whole folder again."
        ) from error
    return head


def save_head(head: SentimentHead, folder: Path) -> None:
    """Write a head beside a checkpoint, in float16; overwrites an older one."""
    state = {name: tensor.half().contiguous() for name, tensor in head.state_dict().items()}
    save_file(state, str(folder / HEAD_FILE))
    (folder / HEAD_FILE).chmod(0o644)
    (folder / CONFIG_FILE).write_text(json.dumps(asdict(head.config), indent=2) + "\n", encoding="utf-8")


def _bag(table: nn.EmbeddingBag, rows: Sequence[Sequence[int]]) -> Tensor:
    flat = torch.tensor([index for row in rows for index in row], dtype=torch.long)
    offsets = torch.tensor([0, *[len(row) for row in rows][:-1]], dtype=torch.long).cumsum(0)
    result: Tensor = table(flat, offsets)
    return result
