"""What the prompt may remember of a conversation."""

from chatbot.memory.turns import recall

__all__ = ["recall"]
