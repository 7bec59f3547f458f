"""What fewer bits cost the model's judgement: the loss of the same answers with other weights and caches than float.

Run: `python -m tests.bench.bench_quantisation ANSWERS.csv [checkpoint]`. A processor forces the answer's tokens, so the
log-probabilities are those of the text. "Same choice": how often the likeliest token is that of float weights.
"""

import csv
import math
import sys
from pathlib import Path

import torch

from chatbot.engine import SamplingParams
from chatbot.language_model.backends import LocalGenerator, start_local_generator

_LONGEST, _NUM_ANSWERS = 96, 40
KINDS = {
    "float": {},
    "int8 cache": {"cache": "int8"},
    "bf16 weights": {"weights": "bf16"},
    "bf16, int8": {"weights": "bf16", "cache": "int8"},
    "int8 weights": {"weights": "int8"},
    "int8, int8": {"weights": "int8", "cache": "int8"},
}


def measure(generator: LocalGenerator, texts: list[list[int]]) -> tuple[float, list[int]]:
    """(mean loss per token, the likeliest token at each place)"""
    losses, choices = [], []
    for ids in texts:

        def force(done: list[int], logits: torch.Tensor, ids: list[int] = ids) -> torch.Tensor:
            choices.append(int(logits.argmax()))
            return torch.full_like(logits, -torch.inf).index_fill(0, torch.tensor([ids[len(done) + 1]]), 0.0)

        params = SamplingParams(max_new_tokens=len(ids) - 1, log_probabilities=True, logits_processors=(force,))
        request = generator.engine.add_request(ids[:1], params)
        list(request)
        losses += request.log_probabilities
    return -sum(losses) / len(losses), choices


def main(answers: str, checkpoint: str = "chatbot/checkpoints/kefu-gpt2-27m") -> None:
    with Path(answers).open(encoding="utf-8", newline="") as file:
        rows = [f"{row['question']} {row['answer']}" for row in csv.DictReader(file)][:_NUM_ANSWERS]
    expected: list[int] = []
    for name, options in KINDS.items():
        generator = start_local_generator(checkpoint, num_threads=1, **options)
        texts = [generator._checkpoint.tokenizer(text)["input_ids"][:_LONGEST] for text in rows]
        loss, choices = measure(generator, texts)
        expected = expected or choices
        same = sum(one == other for one, other in zip(choices, expected, strict=True)) / len(choices)
        sys.stdout.write(
            f"{name:14} loss {loss:.4f}  perplexity {math.exp(loss):.2f}  same choice {same:.1%} of {len(choices)}\n"
        )
        generator.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
