"""Owns plain generation with a checkpoint, one prompt at a time: for evaluation and the command line.

Serving has an engine of its own; this one is for when simplicity counts more than speed.
"""

from __future__ import annotations

import torch

from chatbot.language_model.checkpoints import Checkpoint
from chatbot.language_model.prompt_format import TextEncoder
from chatbot.language_model.tokenizer import IncrementalDecoder


@torch.no_grad()
def continue_prompt(
    checkpoint: Checkpoint,
    prompt_token_ids: list[int],
    *,
    max_new_tokens: int,
    temperature: float = 0.0,
    top_p: float = 1.0,
    generator: torch.Generator | None = None,
) -> list[int]:
    """Return the new ids, without the stop token. Temperature 0 takes the likeliest token each time.

    Ends at a stop token, after `max_new_tokens`, or where the model has no more positions.
    """
    room = min(max_new_tokens, checkpoint.num_positions - len(prompt_token_ids))
    ids = torch.tensor([prompt_token_ids], device=checkpoint.model.device)  # (1, T)
    new: list[int] = []
    cache = None
    while len(new) < room:
        out = checkpoint.model(input_ids=ids, past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        token_id = _choose(out.logits[0, -1].float(), temperature, top_p, generator)
        if token_id in checkpoint.prompt_format.stop_token_ids:
            break
        new.append(token_id)
        ids = torch.tensor([[token_id]], device=ids.device)
    return new


def continue_text(
    checkpoint: Checkpoint,
    text: str,
    *,
    max_length: int,
    num_return_sequences: int = 1,
    temperature: float = 0.8,
    top_p: float = 0.95,
    seed: int = 0,
) -> list[str]:
    """Continue a text; each result starts with the text. `max_length` counts the text's tokens too.

    The same seed gives the same texts. An empty text starts from the model's begin token.
    """
    prompt = TextEncoder(checkpoint.tokenizer).encode(text)
    if not prompt:
        prompt = [int(checkpoint.tokenizer.bos_token_id or 0)]
    generator = torch.Generator(device=checkpoint.model.device).manual_seed(seed)
    texts = []
    for _ in range(num_return_sequences):
        room = max(0, max_length - len(prompt))
        new = continue_prompt(
            checkpoint, prompt, max_new_tokens=room, temperature=temperature, top_p=top_p, generator=generator
        )
        texts.append(text + decode(checkpoint, new))
    return texts


def decode(checkpoint: Checkpoint, token_ids: list[int]) -> str:
    """Return the text of ids, without special tokens and unfinished characters, cut at the first stop string."""
    decoder = IncrementalDecoder(checkpoint.tokenizer)
    text = decoder.feed(token_ids) + decoder.flush()
    for stop in checkpoint.prompt_format.stop_strings:
        text = text.split(stop)[0]
    return text


def _choose(logits: torch.Tensor, temperature: float, top_p: float, generator: torch.Generator | None) -> int:
    if temperature <= 0:
        return int(logits.argmax())
    probabilities = torch.softmax(logits / temperature, dim=-1)  # (V,)
    ordered, indices = probabilities.sort(descending=True)
    kept = ordered.cumsum(0) - ordered < top_p  # nucleus sampling: Holtzman et al. 2020, section 3.1
    choice = torch.multinomial(ordered * kept, 1, generator=generator)
    return int(indices[choice])
