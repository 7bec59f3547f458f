"""Owns the training loop: seed, batches, schedule, time budget, resuming, evaluation, keeping the best.

Knows nothing of records or layouts: it gets packed rows. Used by `pretraining` and `fine_tuning`.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import GPT2LMHeadModel

from chatbot.language_model.checkpoints import best_dtype
from chatbot.training.datasets import IGNORED, Rows

logger = logging.getLogger(__name__)

STATE_FILE = "state.pt"
LOG_FILE = "log.jsonl"


@dataclass(frozen=True)
class TrainingPlan:
    """How long and how fast to train. The run ends at `max_steps` or after `max_minutes`, whichever comes first.

    The learning rate follows the larger of the two shares, so it reaches zero in time either way. A plan with a time
    limit depends on the machine's speed; one with steps alone gives the same losses for the same seed.
    """

    batch_rows: int = 8
    peak_learning_rate: float = 1e-3
    final_learning_rate_share: float = 0.0
    warmup_steps: int = 40
    weight_decay: float = 0.1
    max_steps: int | None = None
    max_minutes: float | None = None
    evaluate_every_steps: int = 200
    save_every_minutes: float = 4.0
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.max_steps is None and self.max_minutes is None:
            raise ValueError("a plan needs max_steps or max_minutes")

    def learning_rate(self, step: int, share_done: float) -> float:
        """Rise over the warm-up steps, then fall in a straight line to the final share of the peak."""
        warm = min(1.0, (step + 1) / max(1, self.warmup_steps))
        floor = self.final_learning_rate_share
        return self.peak_learning_rate * warm * (floor + (1.0 - floor) * (1.0 - share_done))


@dataclass(frozen=True)
class Progress:
    """What the loop reports after every step."""

    step: int
    loss: float
    learning_rate: float
    tokens_seen: int
    elapsed_s: float
    share_done: float


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended: the last and the best mean validation loss (natural logarithm, per token to be learned)."""

    steps: int
    tokens_seen: int
    elapsed_s: float
    validation_losses: Mapping[str, float]
    best_validation_loss: float


class Trainer:
    """Trains a model on rows and keeps its state in a folder; a second call of `train` goes on where it stood."""

    def __init__(
        self,
        model: GPT2LMHeadModel,
        rows: Rows,
        validation: Mapping[str, Rows],
        plan: TrainingPlan,
        folder: Path,
        *,
        save_best: Callable[[GPT2LMHeadModel, Path], None],
    ) -> None:
        """`save_best` writes the model as a checkpoint into a folder; called when the mean loss is the best yet."""
        self._model: GPT2LMHeadModel = nn.Module.to(model, plan.device)
        self._rows = rows
        self._validation = validation
        self._plan = plan
        self._folder = folder
        self._save_best = save_best
        self._optimizer = _optimizer(model, plan)
        self._step = 0
        self._elapsed_s = 0.0
        self._tokens_seen = 0
        self._best = math.inf
        folder.mkdir(parents=True, exist_ok=True)

    def resume(self) -> bool:
        """Load the state that an earlier run left in the folder; False when there is none."""
        path = self._folder / STATE_FILE
        if not path.exists():
            return False
        state = torch.load(path, map_location=self._plan.device, weights_only=True)
        self._model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._step, self._elapsed_s = state["step"], state["elapsed_s"]
        self._tokens_seen, self._best = state["tokens_seen"], state["best"]
        return True

    def train(self, on_step: Callable[[Progress], None] | None = None) -> TrainingResult:
        """Run until the plan's end; evaluates and saves on the way and at the end."""
        started, before = time.monotonic(), self._elapsed_s
        last_saved = started
        losses: dict[str, float] = {}
        evaluated_at = -1
        while (share := self._share_done()) < 1.0:
            progress = self._train_step(share)
            self._elapsed_s = before + time.monotonic() - started
            if on_step is not None:
                on_step(progress)
            if self._step % 20 == 0:
                self._log(asdict(progress))
            if self._step % self._plan.evaluate_every_steps == 0:
                losses, evaluated_at = self.evaluate(), self._step
                self._keep_best(losses)
            if time.monotonic() - last_saved > self._plan.save_every_minutes * 60:
                self.save()
                last_saved = time.monotonic()
        if evaluated_at != self._step:
            losses = self.evaluate()
            self._keep_best(losses)
        self.save()
        return TrainingResult(self._step, self._tokens_seen, self._elapsed_s, losses, self._best)

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Return the mean loss per learned token of every validation set."""
        self._model.train(False)
        losses = {}
        for name, rows in self._validation.items():
            total, count = 0.0, 0
            for step in range(math.ceil(len(rows) / self._plan.batch_rows)):
                chosen = slice(step * self._plan.batch_rows, (step + 1) * self._plan.batch_rows)
                ids, labels = torch.from_numpy(rows.ids[chosen]), torch.from_numpy(rows.labels[chosen])
                loss, learned = language_model_loss(
                    self._model, ids.to(self._plan.device), labels.to(self._plan.device)
                )
                total, count = total + float(loss) * learned, count + learned
            losses[name] = total / max(1, count)
        self._log({"step": self._step, "elapsed_s": round(self._elapsed_s, 1), "validation": losses})
        return losses

    def save(self) -> None:
        """Write the state beside the old one, then put it in its place: a crash leaves one of them whole."""
        state = {
            "model": self._model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "step": self._step,
            "elapsed_s": self._elapsed_s,
            "tokens_seen": self._tokens_seen,
            "best": self._best,
        }
        path = self._folder / STATE_FILE
        torch.save(state, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    def _train_step(self, share: float) -> Progress:
        self._model.train()
        plan = self._plan
        learning_rate = plan.learning_rate(self._step, share)
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        ids, labels = self._rows.batch(self._step, plan.batch_rows)
        offset = _position_offset(self._model, plan.seed, self._step, ids.shape[1])
        loss, _ = language_model_loss(
            self._model, torch.from_numpy(ids).to(plan.device), torch.from_numpy(labels).to(plan.device), offset=offset
        )
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self._step += 1
        self._tokens_seen += int(ids.size)
        return Progress(self._step, float(loss.detach()), learning_rate, self._tokens_seen, self._elapsed_s, share)

    def _share_done(self) -> float:
        shares = [0.0]
        if self._plan.max_steps is not None:
            shares.append(self._step / self._plan.max_steps)
        if self._plan.max_minutes is not None:
            shares.append(self._elapsed_s / 60 / self._plan.max_minutes)
        return max(shares)

    def _keep_best(self, losses: Mapping[str, float]) -> None:
        mean = sum(losses.values()) / max(1, len(losses))
        if losses and mean < self._best:
            self._best = mean
            self._save_best(self._model, self._folder / "best")

    def _log(self, entry: Mapping[str, object]) -> None:
        with (self._folder / LOG_FILE).open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")


def language_model_loss(model: GPT2LMHeadModel, ids: Tensor, labels: Tensor, *, offset: int = 0) -> tuple[Tensor, int]:
    """Return the mean cross-entropy over the labels that aren't -100, and how many they are.

    ids, labels: (B, T). The output layer, a third of a small model's work, runs only where there is something to
    learn. `offset` shifts the positions, so that short rows also train the later ones.
    """
    is_learned = labels != IGNORED  # (B, T)
    device_type = ids.device.type
    dtype = best_dtype(device_type)
    with torch.autocast(device_type, dtype=torch.bfloat16, enabled=dtype is torch.bfloat16):
        embedded = model.transformer.wte(ids)  # (B, T, C)
        if offset:
            table = model.transformer.wpe.weight
            length = ids.shape[1]
            embedded = embedded + table[offset : offset + length] - table[:length]
        hidden = model.transformer(inputs_embeds=embedded, use_cache=False).last_hidden_state
        logits = model.lm_head(hidden[is_learned])  # (num_learned, V)
    learned = int(is_learned.sum())
    if learned == 0:
        return hidden.sum() * 0.0, 0
    return F.cross_entropy(logits.float(), labels[is_learned]), learned


def _position_offset(model: GPT2LMHeadModel, seed: int, step: int, length: int) -> int:
    """Every second step starts at a random position; a pure function of seed and step."""
    spare = model.config.n_positions - length
    if step % 2 == 0 or spare <= 0:
        return 0
    generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
    return int(torch.randint(0, spare + 1, (1,), generator=generator))


def _optimizer(model: GPT2LMHeadModel, plan: TrainingPlan) -> torch.optim.AdamW:
    """AdamW; no decay on biases, norms and embeddings. Betas as in GPT-3 (Brown et al. 2020, appendix B)."""
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        is_matrix = parameter.dim() >= 2 and "wte" not in name and "wpe" not in name
        (decayed if is_matrix else plain).append(parameter)
    groups = [{"params": decayed, "weight_decay": plan.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=plan.peak_learning_rate, betas=(0.9, 0.95), eps=1e-8, fused=True)
