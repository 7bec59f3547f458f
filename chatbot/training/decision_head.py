"""Trains the two small models that decide: the ranker of `chatbot.knowledge.ranker` and the intents' classifier.

Each invented company becomes a knowledge base, with some customers' phrasings as alternatives; its other questions are
asked of it. "None of them" is learned from near misses and from questions whose own entry was taken out. Companies are
searched with an adapter that wasn't trained on them, so that the ranker sees scores as high as in service.
Run by `manage.py train_decision`.
"""

import logging
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chatbot.knowledge.embedding import Adapter, SentenceEmbedder, Vectors
from chatbot.knowledge.entries import Entry
from chatbot.knowledge.index import KnowledgeIndex
from chatbot.reply.intent_head import INTENTS
from chatbot.training import retrieval_adapter
from chatbot.training.datasets import Record, read_file

log = logging.getLogger(__name__)

NUM_FOLDS = 2
FOLD_ADAPTER_EPOCHS = 4
NUM_ALTERNATIVES = 2
LEFT_OUT_SHARE = 0.1
QUESTIONS_PER_OTHER_TURN = 4
HIDDEN = 24
MIN_SCALE = 0.05  # an input that hardly varies in training must not weigh a lot where it does
RANKER_EPOCHS, RANKER_LEARNING_RATE, RANKER_BATCH = 12, 3e-3, 64
INTENT_STEPS = 400


@dataclass(frozen=True)
class Asked:
    """A question put to a company's index; `wanted` is the number of the entry that answers, -1 for none."""

    entries: Tensor  # (E, features)
    query: Tensor  # (features,)
    wanted: int
    kind: str


@dataclass
class _Company:
    name: str
    language: str
    answers: list[Record] = field(default_factory=list)
    paraphrases: list[Record] = field(default_factory=list)
    asked: list[tuple[list[str], str, str, str]] = field(default_factory=list)  # queries, language, answer id, kind


class CachingEmbedder(SentenceEmbedder):
    """Encodes each text once; the adapter can be changed."""

    def __init__(self) -> None:
        super().__init__(adapter_path=None)
        self._known: dict[str, Vectors] = {}

    def use_adapter(self, adapter: retrieval_adapter.ResidualAdapter) -> None:
        self._adapter = Adapter({name: value.detach().numpy() for name, value in adapter.named_parameters()})

    def encode(self, texts: Sequence[str]) -> Vectors:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known.update(zip(new, super().encode(new), strict=True))
        return np.stack([self._known[text] for text in texts]) if texts else super().encode([])


class Network(nn.Module):
    """One hidden layer over scaled inputs, one output."""

    def __init__(self, inputs: Tensor) -> None:
        super().__init__()
        self.mean, self.scale = inputs.mean(dim=0), inputs.std(dim=0).clamp(min=MIN_SCALE)
        self.hidden, self.out = nn.Linear(inputs.shape[1], HIDDEN), nn.Linear(HIDDEN, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = F.relu(self.hidden((inputs - self.mean) / self.scale))
        result: Tensor = self.out(F.dropout(hidden, 0.2, self.training))[..., 0]
        return result

    def weights(self, name: str) -> dict[str, Vectors]:
        values = {
            "mean": self.mean,
            "scale": self.scale,
            "in": self.hidden.weight.T,
            "bias": self.hidden.bias,
            "out": self.out.weight.T,
            "out_bias": self.out.bias,
        }
        return {f"{name}_{key}": value.detach().numpy().astype(np.float32) for key, value in values.items()}


class RankerNetworks(nn.Module):
    def __init__(self, asked: Sequence[Asked]) -> None:
        super().__init__()
        self.entry = Network(torch.cat([one.entries for one in asked]))
        self.none = Network(torch.stack([one.query for one in asked]))

    def log_probabilities(self, asked: Sequence[Asked]) -> Tensor:
        """Of each entry, and last of none. Shape: (asked, most entries + 1)."""
        most = max(len(one.entries) for one in asked)
        entries = torch.stack([F.pad(one.entries, (0, 0, 0, most - len(one.entries))) for one in asked])
        is_padding = torch.arange(most) >= torch.tensor([len(one.entries) for one in asked])[:, None]
        logits = self.entry(entries).masked_fill(is_padding, -1e9)
        none = self.none(torch.stack([one.query for one in asked]))
        return F.log_softmax(torch.cat([logits, none[:, None]], dim=1), dim=1)


def ask_companies(
    folder: Path, embedder: CachingEmbedder, *, seed: int, on_company: Callable[[str], None] = lambda _: None
) -> dict[str, list[Asked]]:
    """What the index measures for every question of the folder, by company."""
    companies = _load_companies(folder)
    vectors = retrieval_adapter.load_companies(folder)
    names = sorted(companies)
    random.Random(seed).shuffle(names)
    asked: dict[str, list[Asked]] = {}
    for fold in range(NUM_FOLDS):
        own = names[fold::NUM_FOLDS]
        others = [company for company in vectors if company.name not in own]
        embedder.use_adapter(retrieval_adapter.train(others, num_epochs=FOLD_ADAPTER_EPOCHS, seed=seed))
        for name in own:
            asked[name] = _ask(companies[name], embedder, random.Random(f"{seed}/{name}"))
            on_company(name)
    return asked


def train_ranker(asked: Sequence[Asked], *, seed: int, num_epochs: int = RANKER_EPOCHS) -> RankerNetworks:
    torch.manual_seed(seed)
    networks = RankerNetworks(asked)
    optimizer = torch.optim.AdamW(networks.parameters(), lr=RANKER_LEARNING_RATE, weight_decay=0.01)
    batch_size = min(RANKER_BATCH, len(asked))
    num_steps = num_epochs * (len(asked) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RANKER_LEARNING_RATE, total_steps=num_steps)
    for _ in range(num_epochs):
        order = torch.randperm(len(asked)).tolist()
        for start in range(0, len(order) - batch_size + 1, batch_size):
            batch = [asked[number] for number in order[start : start + batch_size]]
            found = networks.log_probabilities(batch)
            wanted = torch.tensor([one.wanted if one.wanted >= 0 else found.shape[1] - 1 for one in batch])
            loss = F.nll_loss(found, wanted)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return networks.eval()


@torch.no_grad()
def evaluate_ranker(networks: RankerNetworks, asked: Sequence[Asked], thresholds: Sequence[float]) -> dict[str, float]:
    """How often the right entry is first, and what answering only above a threshold gives and keeps back."""
    found = networks.log_probabilities(asked).exp()[:, :-1]
    wanted = torch.tensor([one.wanted for one in asked])
    best, first = found.max(dim=1)
    is_answerable = wanted >= 0
    is_near_miss = torch.tensor([one.kind == "near_misses" for one in asked])
    result = {"first": float((first == wanted)[is_answerable].float().mean())}
    for threshold in thresholds:
        answers = best >= threshold
        result[f"right_{threshold}"] = float((answers & (first == wanted))[is_answerable].float().mean())
        result[f"kept_back_{threshold}"] = float((~answers)[is_near_miss].float().mean())
    return result


def train_intents(
    folder: Path, embedder: CachingEmbedder, *, seed: int, held_out: Sequence[str] = ()
) -> tuple[nn.Linear, dict[str, float]]:
    """A linear layer on the bare encoder's vectors, classes in the order of INTENTS, and its recalls held out."""
    others = list(read_file(folder / "other_turns.jsonl.xz"))
    records = [(record["question"], INTENTS.index(record["action"]), record["company"]) for record in others]
    questions = []
    for name in ("paraphrases", "followups", "near_misses", "replies"):
        for record in read_file(folder / f"{name}.jsonl.xz"):
            questions.append((record.get("text") or record["question"], INTENTS.index("question"), record["company"]))
    records += random.Random(seed).sample(questions, min(len(questions), QUESTIONS_PER_OTHER_TURN * len(others)))
    vectors = torch.from_numpy(embedder.encode([text for text, _, _ in records]))
    labels = torch.tensor([label for _, label, _ in records])
    is_held_out = torch.tensor([company in held_out for _, _, company in records])
    layer = _fit_linear(vectors[~is_held_out], labels[~is_held_out], seed)
    return layer, _recalls(layer, vectors[is_held_out], labels[is_held_out]) if held_out else {}


def save_ranker(networks: RankerNetworks, path: Path) -> None:
    weights = networks.entry.weights("entry") | networks.none.weights("none")
    np.savez_compressed(path, **weights)  # type: ignore[arg-type]


def save_intents(layer: nn.Linear, path: Path) -> None:
    weights = {"weight": layer.weight.detach().numpy(), "bias": layer.bias.detach().numpy()}
    np.savez_compressed(path, **weights)  # type: ignore[arg-type]


def _fit_linear(vectors: Tensor, labels: Tensor, seed: int) -> nn.Linear:
    """Classes count alike, however many examples they have: what is a question is settled by the ranker as well."""
    torch.manual_seed(seed)
    layer = nn.Linear(vectors.shape[1], len(INTENTS))
    counts = torch.bincount(labels, minlength=len(INTENTS)).float()
    class_weights = (counts.sum() / counts) ** 0.5
    optimizer = torch.optim.AdamW(layer.parameters(), lr=2e-2, weight_decay=0.02)
    for _ in range(INTENT_STEPS):
        batch = torch.randint(len(vectors), (256,))
        loss = F.cross_entropy(layer(F.dropout(vectors[batch], 0.2)), labels[batch], weight=class_weights)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return layer


@torch.no_grad()
def _recalls(layer: nn.Linear, vectors: Tensor, labels: Tensor) -> dict[str, float]:
    found = layer(vectors).argmax(dim=1)
    return {name: float((found == number)[labels == number].float().mean()) for number, name in enumerate(INTENTS)}


def _load_companies(folder: Path) -> dict[str, _Company]:
    companies: dict[str, _Company] = {}
    for record in read_file(folder / "answers.jsonl.xz"):
        company = companies.setdefault(record["company"], _Company(record["company"], record["lang"]))
        company.answers.append(record)
    for record in read_file(folder / "paraphrases.jsonl.xz"):
        companies[record["company"]].paraphrases.append(record)
    plain: list[tuple[str, str, str, str]] = []  # what is asked in the entry's own words must be answered, too
    for name in ("replies", "followups", "near_misses"):
        for record in read_file(folder / f"{name}.jsonl.xz"):
            queries = [record["question"]]
            if earlier := [turn["text"] for turn in record.get("history", []) if turn["role"] == "customer"]:
                queries.append(" ".join([*earlier, record["question"]]))
            answer_id = record.get("answer_id", "")
            companies[record["company"]].asked.append((queries, record["lang"], answer_id, name))
            if "standalone" in record:
                plain.append((record["company"], record["standalone"], record["lang"], answer_id))
    plain += [
        (company.name, _asked_in_a_chat(answer), company.language, answer["id"])
        for company in companies.values()
        for answer in company.answers
    ]
    for name, question, language, answer_id in plain:
        companies[name].asked.append(([question], language, answer_id, "plain"))
    return companies


def _asked_in_a_chat(answer: Record) -> str:
    """An entry's question as somebody types it."""
    question = str(answer["question"]).rstrip("?？。.").lower()
    return f"你好，{question}" if answer["lang"] == "zh" else f"hi, {question}"


def _ask(company: _Company, embedder: CachingEmbedder, draw: random.Random) -> list[Asked]:
    index, left = _index_of(company, embedder, draw)
    numbers = {entry.id: number for number, entry in enumerate(index.entries)}
    questions = [([record["text"]], record["lang"], record["answer_id"], "paraphrases") for record in left]
    asked = []
    for queries, language, answer_id, kind in [*questions, *company.asked]:
        asked.append(_measure(index, queries, language, numbers.get(answer_id, -1), kind))
        if answer_id and draw.random() < LEFT_OUT_SHARE:
            without = KnowledgeIndex(
                [entry for entry in index.entries if entry.id != answer_id], embedder=embedder, reuse=index
            )
            asked.append(_measure(without, queries, language, -1, "left_out"))
    return asked


def _index_of(company: _Company, embedder: CachingEmbedder, draw: random.Random) -> tuple[KnowledgeIndex, list[Record]]:
    """The company's knowledge base, and the phrasings that it doesn't hold as alternatives."""
    phrasings: dict[str, list[Record]] = defaultdict(list)
    left: list[Record] = []
    for record in draw.sample(company.paraphrases, len(company.paraphrases)):
        own = phrasings[record["answer_id"]]
        is_alternative = len(own) < NUM_ALTERNATIVES and record["lang"] == company.language
        (own if is_alternative else left).append(record)
    entries = [
        Entry(
            id=record["id"],
            language=company.language,
            question=record["question"],
            answer=record["answer"],
            alternatives=tuple(phrasing["text"] for phrasing in phrasings[record["id"]]),
        )
        for record in company.answers
    ]
    return KnowledgeIndex(entries, embedder=embedder), left


def _measure(index: KnowledgeIndex, queries: list[str], language: str, wanted: int, kind: str) -> Asked:
    features = index.features(queries, language)
    return Asked(torch.from_numpy(features.entries), torch.from_numpy(features.query), wanted, kind)
