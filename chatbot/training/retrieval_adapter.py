"""Trains the residual adapter of `chatbot.knowledge.embedding` on customers' ways to ask. Knows no serving.

Each step takes questions of one company and asks for the right one among all of its answers (in-company negatives:
entries that are confusable on purpose). Companies are held out to choose the number of epochs; the adapter that is
kept is then trained on all companies for as many. Run by `manage.py train_retrieval_adapter`.
"""

import logging
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chatbot.knowledge.embedding import DIMENSIONS, SentenceEmbedder
from chatbot.knowledge.entries import split_sentences
from chatbot.training.datasets import Record, read_file

log = logging.getLogger(__name__)

HIDDEN = 128
TEMPERATURE = 0.05
BATCH_QUERIES = 48
MAX_EPOCHS = 16
HELD_OUT_SHARE = 0.2
LEARNING_RATE = 5e-4
INPUT_DROPOUT, HIDDEN_DROPOUT = 0.5, 0.3


@dataclass
class Company:
    """A knowledge base and the questions that its entries answer, as vectors of the bare encoder."""

    name: str
    passages: Tensor  # (P, 512)
    owners: Tensor  # (P,) the entry of each passage
    queries: Tensor  # (Q, 512)
    wanted: Tensor  # (Q,) the entry that answers
    may_be_alternative: Tensor  # (Q,) bool: phrased without history, so it could stand in an entry

    @property
    def num_entries(self) -> int:
        return int(self.owners.max()) + 1


@dataclass
class _Texts:
    entry_ids: list[str] = field(default_factory=list)
    passages: list[tuple[str, int]] = field(default_factory=list)
    queries: list[tuple[str, int, bool]] = field(default_factory=list)


class ResidualAdapter(nn.Module):
    """x + relu(x A + a) B, back to length 1. Starts as the identity."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.randn(DIMENSIONS, HIDDEN, generator=generator) * DIMENSIONS**-0.5)
        self.bias = nn.Parameter(torch.zeros(HIDDEN))
        self.up = nn.Parameter(torch.zeros(HIDDEN, DIMENSIONS))

    def forward(self, vectors: Tensor) -> Tensor:
        seen = F.dropout(vectors, INPUT_DROPOUT, self.training)
        hidden = F.dropout(F.relu(seen @ self.down + self.bias), HIDDEN_DROPOUT, self.training)
        return F.normalize(vectors + hidden @ self.up, dim=-1)


def load_companies(folder: Path) -> list[Company]:
    """Reads `answers`, `paraphrases`, `replies` and `followups` of a folder and embeds all of their texts."""
    texts: dict[str, _Texts] = defaultdict(_Texts)
    for record in read_file(folder / "answers.jsonl.xz"):
        company = texts[record["company"]]
        number = len(company.entry_ids)
        company.entry_ids.append(record["id"])
        passages = [record["question"], record["answer"], *split_sentences(record["answer"])]
        company.passages += [(text, number) for text in dict.fromkeys(passages)]
    for name in ("paraphrases", "replies", "followups"):
        for record in read_file(folder / f"{name}.jsonl.xz"):
            company = texts[record["company"]]
            number = company.entry_ids.index(record["answer_id"])
            company.queries += [(text, number, name != "followups") for text in _queries_of(record)]
    embedder = SentenceEmbedder(adapter_path=None)
    return [_embed(name, company, embedder) for name, company in sorted(texts.items())]


def choose_epochs(companies: Sequence[Company], *, seed: int) -> tuple[int, list[float]]:
    """The number of epochs after which companies that weren't trained on are ranked best, and the whole curve."""
    shuffled = random.Random(seed).sample(list(companies), len(companies))
    num_held_out = max(1, round(HELD_OUT_SHARE * len(companies)))
    held_out, training = shuffled[:num_held_out], shuffled[num_held_out:]
    adapter, epochs = _start(training, seed)
    curve = [rank_first_share(adapter, held_out)]
    for _ in range(MAX_EPOCHS):
        next(epochs)
        curve.append(rank_first_share(adapter, held_out))
        log.info("epoch %s: held-out companies, right entry first %.1f %%", len(curve) - 1, 100 * curve[-1])
    return int(np.argmax(curve)), curve


def train(companies: Sequence[Company], *, num_epochs: int, seed: int) -> ResidualAdapter:
    adapter, epochs = _start(companies, seed)
    for _ in range(num_epochs):
        next(epochs)
    return adapter


def save(adapter: ResidualAdapter, path: Path) -> None:
    """Half precision: the file is in the repository, and the ranking doesn't notice."""
    weights = {name: value.detach().numpy().astype(np.float16) for name, value in adapter.named_parameters()}
    np.savez_compressed(path, **weights)  # type: ignore[arg-type]


@torch.no_grad()
def rank_first_share(adapter: ResidualAdapter, companies: Sequence[Company]) -> float:
    """The share of questions whose own entry ranks first, by embeddings alone."""
    right = total = 0
    for company in companies:
        scores = _scores(adapter, company, company.queries, company.passages, company.owners)
        right += int((scores.argmax(dim=1) == company.wanted).sum())
        total += len(company.wanted)
    return right / total


def _queries_of(record: Record) -> list[str]:
    if "text" in record:
        return [record["text"]]
    if "history" not in record:
        return [record["question"]]
    earlier = [turn["text"] for turn in record["history"] if turn["role"] == "customer"]
    return [" ".join([*earlier, record["question"]]), record["standalone"]]


def _embed(name: str, texts: _Texts, embedder: SentenceEmbedder) -> Company:
    return Company(
        name=name,
        passages=torch.from_numpy(embedder.encode([text for text, _ in texts.passages])),
        owners=torch.tensor([number for _, number in texts.passages]),
        queries=torch.from_numpy(embedder.encode([text for text, _, _ in texts.queries])),
        wanted=torch.tensor([number for _, number, _ in texts.queries]),
        may_be_alternative=torch.tensor([flag for _, _, flag in texts.queries]),
    )


def _start(companies: Sequence[Company], seed: int) -> tuple[ResidualAdapter, Iterator[None]]:
    """A new adapter, and an iterator that trains it for one epoch each time it is asked for the next value."""
    torch.manual_seed(seed)  # dropout draws from the global generator
    generator = torch.Generator().manual_seed(seed)
    adapter = ResidualAdapter(generator)
    optimizer = torch.optim.AdamW(adapter.parameters(), lr=LEARNING_RATE, weight_decay=0.05)
    return adapter, _epochs(adapter, optimizer, companies, generator)


def _epochs(
    adapter: ResidualAdapter, optimizer: torch.optim.Optimizer, companies: Sequence[Company], generator: torch.Generator
) -> Iterator[None]:
    while True:
        adapter.train()
        batches = [
            (company, part)
            for company in companies
            for part in torch.split(torch.randperm(len(company.queries), generator=generator), BATCH_QUERIES)
        ]
        for at in torch.randperm(len(batches), generator=generator).tolist():
            company, part = batches[at]
            loss = _loss(adapter, company, part, generator)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        adapter.eval()
        yield


def _loss(adapter: ResidualAdapter, company: Company, batch: Tensor, generator: torch.Generator) -> Tensor:
    """Cross entropy over the company's entries, some of which get questions of other batches as alternatives."""
    others = company.may_be_alternative.clone()
    others[batch] = False
    candidates = others.nonzero()[:, 0]
    drawn = candidates[torch.randperm(len(candidates), generator=generator)[: 2 * company.num_entries]]
    passages = torch.cat([company.passages, company.queries[drawn]])
    owners = torch.cat([company.owners, company.wanted[drawn]])
    scores = _scores(adapter, company, company.queries[batch], passages, owners)
    return F.cross_entropy(scores / TEMPERATURE, company.wanted[batch])


def _scores(adapter: ResidualAdapter, company: Company, queries: Tensor, passages: Tensor, owners: Tensor) -> Tensor:
    """The best cosine over each entry's passages. Shape: (queries, entries)."""
    similarities = adapter(queries) @ adapter(passages).T
    scores = torch.full((len(queries), company.num_entries), -1.0)
    return scores.scatter_reduce(1, owners.expand(len(queries), -1), similarities, reduce="amax")
