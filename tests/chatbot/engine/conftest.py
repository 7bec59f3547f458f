import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from chatbot.engine import Engine
from chatbot.engine.shape import ModelShape


@pytest.fixture(scope="session")
def tiny_model() -> GPT2LMHeadModel:
    torch.manual_seed(7)
    config = GPT2Config(
        vocab_size=97,
        n_positions=64,
        n_embd=32,
        n_layer=2,
        n_head=2,  # heads of 16, which the compiled kernels know
        initializer_range=0.4,
        bos_token_id=0,
        eos_token_id=0,
    )
    return GPT2LMHeadModel(config).eval()


@pytest.fixture
def make_engine(tiny_model):
    """Starts engines on the tiny model and stops them after the test."""
    started = []

    def make(**options) -> Engine:
        shape = ModelShape(num_layers=2, num_heads=2, width=32, context_length=64)
        engine = Engine(shape, tiny_model.state_dict(), **options)
        engine.start()
        started.append(engine)
        return engine

    yield make
    for engine in started:
        engine.stop()
