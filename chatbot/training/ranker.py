"""Trains the ranker of `chatbot.knowledge.ranker` from what the index measured. Run by `manage.py train_decision`.

It learns from companies that neither encoder nor reader were trained on, so that it sees scores as in service.
"""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chatbot.encoder.encoder import Vectors
from chatbot.training.asking import Asked
from chatbot.training.reader_layers import shares_of
from chatbot.training.two_views import calibration_error

NUM_NETWORKS = 10
NUM_TRIALS = 4
UNANSWERABLE_SHARE = 0.3  # of the questions learned from; as written it is more
HIDDEN = 24
MIN_SCALE = 0.05  # an input that hardly varies in training must not weigh a lot where it does
NUM_EPOCHS, LEARNING_RATE, BATCH_SIZE = 12, 3e-3, 64
UNANSWERABLE = ("near_misses", "left_out", "strangers")


class _Network(nn.Module):
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
        self.entry = _Network(torch.cat([one.entries for one in asked]))
        self.none = _Network(torch.stack([one.query for one in asked]))

    def log_probabilities(self, asked: Sequence[Asked]) -> Tensor:
        """Of each entry, and last of none. Shape: (asked, most entries + 1)."""
        most = max(len(one.entries) for one in asked)
        entries = torch.stack([F.pad(one.entries, (0, 0, 0, most - len(one.entries))) for one in asked])
        is_padding = torch.arange(most) >= torch.tensor([len(one.entries) for one in asked])[:, None]
        logits = self.entry(entries).masked_fill(is_padding, -1e9)
        none = self.none(torch.stack([one.query for one in asked]))
        return F.log_softmax(torch.cat([logits, none[:, None]], dim=1), dim=1)


def train(asked: Sequence[Asked], *, seed: int) -> list[RankerNetworks]:
    """Some networks that differ in their beginning only: their mean is better and better calibrated than one."""
    balanced = _with_share_of_unanswerable(asked, seed=seed)
    return [_train_networks(balanced, seed=seed + number) for number in range(NUM_NETWORKS)]


def cross_validate(asked: Mapping[str, Sequence[Asked]], thresholds: Sequence[float], *, seed: int) -> dict[str, float]:
    """What the ranker does on all companies, each judged by networks that were trained on the others.

    There must be two.
    """
    names, judged, found = sorted(asked), [], []
    for number in range(min(NUM_TRIALS, len(names))):
        own = names[number::NUM_TRIALS]
        training = [one for name in names if name not in own for one in asked[name]]
        held_out = [one for name in own for one in asked[name]]
        judged += held_out
        found += list(_probabilities(train(training, seed=seed), held_out))
    return _report(found, judged, thresholds)


def _train_networks(asked: Sequence[Asked], *, seed: int) -> RankerNetworks:
    torch.manual_seed(seed)
    networks = RankerNetworks(asked)
    optimizer = torch.optim.AdamW(networks.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    batch_size = min(BATCH_SIZE, len(asked))
    num_steps = NUM_EPOCHS * (len(asked) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=num_steps)
    for _ in range(NUM_EPOCHS):
        order = torch.randperm(len(asked)).tolist()
        for start in range(0, len(order) - batch_size + 1, batch_size):
            batch = [asked[number] for number in order[start : start + batch_size]]
            found = networks.log_probabilities(batch)
            shares = torch.stack([shares_of(one.wanted, found.shape[1]) for one in batch])
            loss = -(found * shares).sum(dim=1).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return networks.eval()


@torch.no_grad()
def _probabilities(networks: Sequence[RankerNetworks], asked: Sequence[Asked]) -> Tensor:
    """The mean over the networks. Shape: (asked, most entries): what is missing to 1 is that none answers."""
    return torch.stack([one.log_probabilities(asked).exp() for one in networks]).mean(dim=0)[:, :-1]


def _report(found: Sequence[Tensor], asked: Sequence[Asked], thresholds: Sequence[float]) -> dict[str, float]:
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


def save(networks: Sequence[RankerNetworks], path: Path) -> None:
    """Each weight with the networks as its first dimension."""
    weights = [one.entry.weights("entry") | one.none.weights("none") for one in networks]
    np.savez_compressed(path, **{name: np.stack([one[name] for one in weights]) for name in weights[0]})  # type: ignore[arg-type]


def _with_share_of_unanswerable(asked: Sequence[Asked], *, seed: int) -> list[Asked]:
    """The answerable ones several times, so that UNANSWERABLE_SHARE of all have no answer."""
    unanswerable = [one for one in asked if one.kind in UNANSWERABLE]
    answerable = [one for one in asked if one.kind not in UNANSWERABLE]
    wanted = round(len(unanswerable) * (1 - UNANSWERABLE_SHARE) / UNANSWERABLE_SHARE)
    times, more = divmod(wanted, len(answerable))
    return [*unanswerable, *answerable * times, *random.Random(seed).sample(answerable, more)]
