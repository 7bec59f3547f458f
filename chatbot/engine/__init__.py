"""The engine: token ids in, token ids out. Plain torch; knows no Django, no customers and no text.

`Engine` owns the model and the one thread that runs it; requests from any number of threads share each step.
"""

from chatbot.engine.engine import Engine, EngineOptions
from chatbot.engine.metrics import EngineStats
from chatbot.engine.request import (
    EngineError,
    EngineOverloadedError,
    EngineUnavailableError,
    FinishReason,
    Request,
    RequestState,
    SamplingParams,
)

__all__ = [
    "Engine",
    "EngineError",
    "EngineOptions",
    "EngineOverloadedError",
    "EngineStats",
    "EngineUnavailableError",
    "FinishReason",
    "Request",
    "RequestState",
    "SamplingParams",
]
