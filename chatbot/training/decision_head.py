"""Asks invented companies what customers ask: for the reader to learn from, and the ranker, which is trained here.

Each invented company becomes a knowledge base, with some customers' phrasings as alternatives; its other questions are
asked of it. "None of them" is learned from near misses, from questions whose own entry was taken out, and from what
customers ask other companies. The ranker learns from companies that neither encoder nor reader were trained on, so that
it sees scores as in service. Run by `manage.py train_decision`.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chatbot.encoder.encoder import Encoder, Vectors
from chatbot.encoder.reader import Reader
from chatbot.knowledge.entries import Entry
from chatbot.knowledge.index import KnowledgeIndex
from chatbot.language_model.prompt_format import Turn
from chatbot.reply.questions import with_context
from chatbot.training import encoder_layers, reader_layers
from chatbot.training.companies import read_kind
from chatbot.training.datasets import DatasetError, Record, history_turns
from chatbot.training.two_views import calibration_error

NUM_NETWORKS = 10  # of the ranker
NUM_TRIALS = 4
MAX_ALTERNATIVES = 3
LEFT_OUT_SHARE = 0.1
SMALL_BASE_SHARE = 0.15  # of the questions are also put to a base of a few entries
PARAPHRASES_READ = 0.6
ASKED_SHARE = 0.65  # reading takes long, and the ranker is small
STRANGERS_PER_COMPANY = 32  # half of them put to a base of a few entries
UNANSWERABLE_SHARE = 0.2  # of the questions that the ranker learns from; as written it is more
HIDDEN = 24
MIN_SCALE = 0.05  # an input that hardly varies in training must not weigh a lot where it does
RANKER_EPOCHS, RANKER_LEARNING_RATE, RANKER_BATCH = 12, 3e-3, 64
UNANSWERABLE = ("near_misses", "left_out", "strangers")


@dataclass(frozen=True)
class Asked:
    """A question put to a company's index; `wanted` are the compared entries that answer, empty for none."""

    entries: Tensor  # (compared, features)
    query: Tensor  # (features,)
    wanted: tuple[int, ...]
    kind: str


@dataclass(frozen=True)
class _Question:
    queries: list[str]
    language: str
    answer_ids: tuple[str, ...]
    kind: str


@dataclass(frozen=True)
class Posed:
    """A question and the knowledge base that it is put to."""

    index: KnowledgeIndex
    question: _Question
    kind: str
    is_whole: bool = True  # not just a few of the company's entries


@dataclass
class _Company:
    name: str
    language: str
    answers: list[Record] = field(default_factory=list)
    paraphrases: list[Record] = field(default_factory=list)
    questions: list[_Question] = field(default_factory=list)


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


def read_companies(
    folder: Path, names: Sequence[str], encoder: encoder_layers.TrainedEncoder, *, seed: int
) -> list[reader_layers.Reading]:
    """Questions put to whole knowledge bases of these companies; of paraphrases, which are many and alike, some."""
    draw = random.Random(seed)
    readings = []
    for one in (posed for own in _pose_all(folder, names, encoder, seed=seed).values() for posed in own):
        if one.is_whole and (one.kind != "paraphrases" or draw.random() < PARAPHRASES_READ):
            found = one.index.nearest(one.question.queries, one.question.language)
            wanted = tuple(n for n, entry in enumerate(found) if entry.id in one.question.answer_ids)
            texts = tuple((entry.question, entry.answer) for entry in found)
            readings.append(reader_layers.Reading(tuple(one.question.queries), texts, wanted))
    return readings


def ask_companies(
    folder: Path,
    names: Sequence[str],
    encoder: Encoder,
    reader: Reader,
    *,
    seed: int,
    on_company: Callable[[str], None] = lambda _: None,
) -> dict[str, list[Asked]]:
    """What the index measures for questions to these companies, which encoder and reader must not know."""
    asked, draw = {}, random.Random(seed)
    for name, posed in _pose_all(folder, names, encoder, seed=seed).items():
        asked[name] = [_measure(one, reader) for one in posed if draw.random() < ASKED_SHARE]
        on_company(name)
    return asked


def _with_share_of_unanswerable(asked: Sequence[Asked], *, seed: int) -> list[Asked]:
    """The answerable ones several times, so that UNANSWERABLE_SHARE of all have no answer."""
    unanswerable = [one for one in asked if one.kind in UNANSWERABLE]
    answerable = [one for one in asked if one.kind not in UNANSWERABLE]
    wanted = round(len(unanswerable) * (1 - UNANSWERABLE_SHARE) / UNANSWERABLE_SHARE)
    times, more = divmod(wanted, len(answerable))
    return [*unanswerable, *answerable * times, *random.Random(seed).sample(answerable, more)]


def _pose_all(folder: Path, names: Sequence[str], encoder: Encoder, *, seed: int) -> dict[str, list[Posed]]:
    """Questions of all kinds to each of these companies; what another of them is asked is a stranger's question."""
    companies = _load_companies(folder)
    posed = {}
    for name in names:
        strangers = [one for other in names if other != name for one in companies[other].questions]
        posed[name] = _pose(companies[name], strangers, encoder, random.Random(f"{seed}/{name}"))
    return posed


def train_ranker(asked: Sequence[Asked], *, seed: int, num_epochs: int = RANKER_EPOCHS) -> list[RankerNetworks]:
    """Some networks that differ in their beginning only: their mean is better and better calibrated than one."""
    balanced = _with_share_of_unanswerable(asked, seed=seed)
    return [_train_networks(balanced, seed=seed + number, num_epochs=num_epochs) for number in range(NUM_NETWORKS)]


def cross_validate(asked: Mapping[str, Sequence[Asked]], thresholds: Sequence[float], *, seed: int) -> dict[str, float]:
    """`evaluate_ranker` over all companies, each judged by networks that were trained on the others.

    Raises DatasetError where there aren't two.
    """
    if len(asked) < 2:
        raise DatasetError("the ranker learns from a fifth of the companies, which must be two at least: add some.")
    names, judged, found = sorted(asked), [], []
    for number in range(NUM_TRIALS):
        own = names[number::NUM_TRIALS]
        training = [one for name in names if name not in own for one in asked[name]]
        held_out = [one for name in own for one in asked[name]]
        judged += held_out
        found += list(probabilities(train_ranker(training, seed=seed), held_out))
    return evaluate_ranker(found, judged, thresholds)


def _train_networks(asked: Sequence[Asked], *, seed: int, num_epochs: int) -> RankerNetworks:
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
            shares = torch.stack([reader_layers.shares_of(one.wanted, found.shape[1]) for one in batch])
            loss = -(found * shares).sum(dim=1).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return networks.eval()


@torch.no_grad()
def probabilities(networks: Sequence[RankerNetworks], asked: Sequence[Asked]) -> Tensor:
    """The mean over the networks. Shape: (asked, most entries): what is missing to 1 is that none answers."""
    return torch.stack([one.log_probabilities(asked).exp() for one in networks]).mean(dim=0)[:, :-1]


def evaluate_ranker(found: Sequence[Tensor], asked: Sequence[Asked], thresholds: Sequence[float]) -> dict[str, float]:
    """How often the right entry is first, what answering only above a threshold gives and keeps back, calibration.

    `found`: each question's probabilities of its entries.
    """
    best, first = (torch.stack(some) for some in zip(*(one.max(dim=0) for one in found), strict=True))
    is_right = torch.tensor([int(place) in one.wanted for place, one in zip(first, asked, strict=True)])
    kinds = np.array([one.kind for one in asked])
    is_answerable = torch.from_numpy(~np.isin(kinds, UNANSWERABLE))
    result = {"first": _mean(is_right[is_answerable]), "calibration_error": calibration_error(best, is_right)}
    for kind in sorted(set(kinds)):
        result[f"first_{kind}"] = _mean(is_right[torch.from_numpy(kinds == kind)])
    for threshold in thresholds:
        answers = best >= threshold
        result[f"right_{threshold}"] = _mean((answers & is_right)[is_answerable])
        for kind in UNANSWERABLE:
            result[f"kept_back_{kind}_{threshold}"] = _mean(~answers[torch.from_numpy(kinds == kind)])
    return {name: round(value, 4) for name, value in result.items()}


def _mean(flags: Tensor) -> float:
    return float(flags.float().mean())


def save_ranker(networks: Sequence[RankerNetworks], path: Path) -> None:
    """Each weight with the networks as its first dimension."""
    weights = [one.entry.weights("entry") | one.none.weights("none") for one in networks]
    np.savez_compressed(path, **{name: np.stack([one[name] for one in weights]) for name in weights[0]})  # type: ignore[arg-type]


def _load_companies(folder: Path) -> dict[str, _Company]:
    companies: dict[str, _Company] = {}
    for record in read_kind(folder, "answers"):
        company = companies.setdefault(record["company"], _Company(record["company"], record["lang"]))
        company.answers.append(record)

    def of(name: str) -> _Company:
        if name not in companies:
            raise DatasetError(f"{folder} asks {name}, which has no answers there.")
        return companies[name]

    for record in read_kind(folder, "paraphrases"):
        of(record["company"]).paraphrases.append(record)
    for name, question in _questions(folder, ("replies", "followups", "near_misses", "several", "offers")):
        of(name).questions.append(question)
    for company in companies.values():
        for answer in company.answers:
            company.questions.append(_Question([_asked_in_a_chat(answer)], company.language, (answer["id"],), "plain"))
    return companies


def _questions(folder: Path, kinds: Sequence[str]) -> Iterator[tuple[str, _Question]]:
    """With the company that each is asked of."""
    for kind in kinds:
        for record in read_kind(folder, kind):
            ids = tuple(record.get("answer_ids") or ([record["answer_id"]] if "answer_id" in record else []))
            turns = [*history_turns(record.get("history") or []), Turn("customer", record["question"])]
            queries = [record["question"], *with_context(turns)]
            yield record["company"], _Question(queries, record["lang"], ids, kind)
            if "standalone" in record:  # what is asked in the entry's own words must be answered, too
                yield record["company"], _Question([record["standalone"]], record["lang"], ids, "plain")


def _as_asked(paraphrase: Record) -> _Question:
    return _Question([paraphrase["text"]], paraphrase["lang"], (paraphrase["answer_id"],), "paraphrases")


def _asked_in_a_chat(answer: Record) -> str:
    """An entry's question as somebody types it."""
    question = str(answer["question"]).rstrip("?？。.").lower()
    return f"你好，{question}" if answer["lang"] == "zh" else f"hi, {question}"


def _pose(company: _Company, strangers: Sequence[_Question], encoder: Encoder, draw: random.Random) -> list[Posed]:
    """To the whole base, some to a part of it or with their own entry taken out; and other companies' questions."""
    index, left = _index_of(company, encoder, draw)
    posed = []
    for question in [*map(_as_asked, left), *company.questions]:
        posed.append(Posed(index, question, question.kind))
        if question.answer_ids and draw.random() < LEFT_OUT_SHARE:
            posed.append(Posed(_without(index, question.answer_ids), replace(question, answer_ids=()), "left_out"))
        if draw.random() < SMALL_BASE_SHARE:
            few = _with_few(index, question.answer_ids, draw)
            posed.append(Posed(few, question, question.kind, is_whole=False))
    for number, question in enumerate(draw.sample(strangers, min(len(strangers), STRANGERS_PER_COMPANY))):
        is_whole = number % 2 == 1
        base = index if is_whole else _with_few(index, (), draw)
        posed.append(Posed(base, replace(question, answer_ids=()), "strangers", is_whole))
    return posed


def _without(index: KnowledgeIndex, answer_ids: Sequence[str]) -> KnowledgeIndex:
    return _part_of(index, [entry for entry in index.entries if entry.id not in answer_ids])


def _with_few(index: KnowledgeIndex, answer_ids: Sequence[str], draw: random.Random) -> KnowledgeIndex:
    others = [entry for entry in index.entries if entry.id not in answer_ids]
    kept = draw.sample(others, min(len(others), draw.randrange(1, 8)))
    return _part_of(index, [entry for entry in index.entries if entry.id in answer_ids or entry in kept])


def _part_of(index: KnowledgeIndex, entries: Sequence[Entry]) -> KnowledgeIndex:
    return KnowledgeIndex(entries, encoder=index.encoder, vectors=index.vectors)


def _index_of(company: _Company, encoder: Encoder, draw: random.Random) -> tuple[KnowledgeIndex, list[Record]]:
    """The company's knowledge base, and the phrasings that it doesn't hold as alternatives."""
    phrasings: dict[str, list[Record]] = defaultdict(list)
    left: list[Record] = []
    num_alternatives = draw.randrange(MAX_ALTERNATIVES + 1)  # companies differ in how much they write down
    for record in draw.sample(company.paraphrases, len(company.paraphrases)):
        own = phrasings[record["answer_id"]]
        is_alternative = len(own) < num_alternatives and record["lang"] == company.language
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
    return KnowledgeIndex(entries, encoder=encoder), left


def _measure(posed: Posed, reader: Reader) -> Asked:
    question = posed.question
    features = posed.index.features(question.queries, question.language, reader=reader)
    ids = [posed.index.entries[number].id for number in features.numbers]
    wanted = tuple(place for place, id in enumerate(ids) if id in question.answer_ids)
    return Asked(torch.from_numpy(features.entries), torch.from_numpy(features.query), wanted, posed.kind)
