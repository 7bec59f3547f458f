"""A tokenizer trained on a few sentences and a model of 2 layers, width 32: real parts, made in milliseconds."""

from pathlib import Path

from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

from chatbot.language_model.checkpoints import save_checkpoint
from chatbot.language_model.prompt_format import END_OF_TEXT, PAD
from chatbot.training.initialisation import ModelSize, new_model
from chatbot.training.tokenizer_training import train_tokenizer

SENTENCES = [
    "You can return an item within 30 days. Shipping costs $4.50.",
    "How long does a refund take? A refund takes 5 working days.",
    "包裹丢失后7天内可以申请退款，运费由我们承担。",
    "请问多久可以到账？退款会在5个工作日内原路退回。",
]
SIZE = ModelSize(num_layers=2, width=32, num_heads=4, num_positions=128)


def tiny_tokenizer(vocabulary_size: int = 400) -> PreTrainedTokenizerFast:
    return train_tokenizer(SENTENCES * 3, vocabulary_size=vocabulary_size)


def tiny_model(tokenizer: PreTrainedTokenizerFast, *, seed: int = 0) -> GPT2LMHeadModel:
    vocabulary = tokenizer.get_vocab()
    return new_model(
        SIZE, vocabulary_size=len(tokenizer), end_of_text_id=vocabulary[END_OF_TEXT], pad_id=vocabulary[PAD], seed=seed
    )


def tiny_checkpoint_folder(folder: Path) -> Path:
    tokenizer = tiny_tokenizer()
    save_checkpoint(tiny_model(tokenizer), tokenizer, folder)
    return folder
