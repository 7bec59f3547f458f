"""Chooses the next token of one request from its logits."""

import torch
from torch import Tensor

from chatbot.engine.request import Request


def sample(request: Request, logits: Tensor) -> int:
    """The next token id. `logits`: (V,) float32. Raises whatever a logits processor raises."""
    params = request.params
    for processor in params.logits_processors:
        logits = processor(request.token_ids, logits)
    if params.repetition_penalty != 1.0:
        logits = _penalise(logits, request.prompt_token_ids + request.token_ids, params.repetition_penalty)
    if params.temperature <= 0:
        return int(logits.argmax())
    probabilities = torch.softmax(_keep_likely(logits / params.temperature, params.top_k, params.top_p), dim=-1)
    return int(torch.multinomial(probabilities.cpu(), 1, generator=request.generator))


def _penalise(logits: Tensor, token_ids: list[int], penalty: float) -> Tensor:
    """Makes what has occurred less likely (Keskar et al. 2019, section 4.1)."""
    seen = torch.tensor(sorted(set(token_ids)), device=logits.device)
    scores = logits[seen]
    return logits.index_copy(0, seen, torch.where(scores > 0, scores / penalty, scores * penalty))


def _keep_likely(logits: Tensor, top_k: int, top_p: float) -> Tensor:
    """Top-k, then nucleus sampling (Holtzman et al. 2020): what falls outside gets -inf."""
    if top_k > 0:
        smallest_kept = logits.topk(min(top_k, len(logits))).values[-1]
        logits = logits.masked_fill(logits < smallest_kept, -torch.inf)
    if top_p < 1:
        ordered, order = logits.sort(descending=True)
        before = ordered.softmax(-1).cumsum(-1) - ordered.softmax(-1)
        logits = logits.masked_fill(
            torch.empty_like(before, dtype=torch.bool).scatter(0, order, before >= top_p), -torch.inf
        )
    return logits
