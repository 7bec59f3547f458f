"""What the engine must know of a model besides its weights."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelShape:
    """The numbers of a GPT-2's configuration that the forward pass needs."""

    num_layers: int
    num_heads: int
    width: int
    context_length: int
    layer_norm_epsilon: float = 1e-5
    activation: str = "gelu_new"

    @property
    def head_dim(self) -> int:
        return self.width // self.num_heads

    def cache_bytes_per_token(self, cache: str = "float") -> int:
        """`cache`: `float`, taken as 4 bytes a number, or `int8`, with 4 bytes of scale for each head."""
        numbers = self.width + 4 * self.num_heads if cache == "int8" else 4 * self.width
        return 2 * self.num_layers * numbers
