"""A GPT-2 checkpoint small enough to be made in a test: 2 layers, random weights, our tokenizer's format."""

from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from chatbot.language_model.checkpoints import save_checkpoint
from chatbot.training.tokenizer_training import train_tokenizer

TEXTS = ["You can return unused items within 30 days.", "您可以在 30 天内退货。", "How long do I have? 多久？"] * 20


def make_checkpoint(folder: Path, *, num_positions: int = 1024) -> Path:
    """Saves a random model with a trained tokenizer in Hugging Face's format and returns its folder."""
    torch.manual_seed(3)
    tokenizer = train_tokenizer(TEXTS, vocabulary_size=400)
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=num_positions,
        n_embd=32,
        n_layer=2,
        n_head=4,
        bos_token_id=0,
        eos_token_id=0,
    )
    save_checkpoint(GPT2LMHeadModel(config), tokenizer, folder)
    return folder
