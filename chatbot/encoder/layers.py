"""The transformer of multilingual-e5-small (BERT's: Devlin et al. 2019), in plain torch, from packed weights.

It serves with products in 8 bits: twice as fast as float32, a quarter of the memory, and since the published weights
come in 4 bits, nothing that can be measured is lost (docs/experiments.md).
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chatbot.encoder.weights import EncoderFile, EncoderSizes
from chatbot.engine.linear import make_product


class Layer(nn.Module):
    """Attention and feed-forward, each followed by the norm of its sum with the input."""

    def __init__(self, sizes: EncoderSizes) -> None:
        super().__init__()
        width = sizes.width
        self.num_heads = sizes.num_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.attended_norm = nn.LayerNorm(width, eps=sizes.epsilon)
        self.inner = nn.Linear(width, sizes.inner_width)
        self.outer = nn.Linear(sizes.inner_width, width)
        self.outer_norm = nn.LayerNorm(width, eps=sizes.epsilon)

    def forward(self, states: Tensor, mask: Tensor | None) -> Tensor:
        """Shapes: states (texts, tokens, width), mask (texts, 1, 1, tokens), true where there is a token."""
        num_texts, length, width = states.shape
        heads = self.qkv(states).view(num_texts, length, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(heads[0], heads[1], heads[2], attn_mask=mask)
        attended = attended.transpose(1, 2).reshape(num_texts, length, width)
        states = self.attended_norm(states + self.attended(attended))
        result: Tensor = self.outer_norm(states + self.outer(F.gelu(self.inner(states))))
        return result


class QuantisedLinear(nn.Module):
    """A linear layer's product in 8 bits; it can't be trained."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self._product = make_product(linear.weight.detach().t(), linear.bias.detach(), weights="int8")

    def forward(self, inputs: Tensor) -> Tensor:
        return self._product(inputs.reshape(-1, inputs.shape[-1])).view(*inputs.shape[:-1], -1)


def quantise(layers: nn.ModuleList) -> nn.ModuleList:
    """The same layers for serving; the given ones are used up."""
    for layer in layers:
        for name in ("qkv", "attended", "inner", "outer"):
            setattr(layer, name, QuantisedLinear(getattr(layer, name)))
    return layers


class Embeddings(nn.Module):
    """Token and position to a vector. The table of tokens, four fifths of the model, stays packed in its file."""

    def __init__(self, file: EncoderFile) -> None:
        super().__init__()
        width = file.sizes.width
        self._table = file.matrix("emb.word")
        # both constant over a text's tokens but for the position, so they are one table
        positions = file.vector("emb.pos").reshape(-1, width) + file.vector("emb.type")[:width]
        self.register_buffer("positions", torch.from_numpy(positions), persistent=False)
        self.norm = nn.LayerNorm(width, eps=file.sizes.epsilon)
        self.norm.weight.data.copy_(torch.from_numpy(file.vector("emb.ln.w").copy()))
        self.norm.bias.data.copy_(torch.from_numpy(file.vector("emb.ln.b").copy()))

    def forward(self, ids: Tensor) -> Tensor:
        """Shapes: ids (texts, tokens) -> (texts, tokens, width)."""
        known, places = np.unique(ids.numpy(), return_inverse=True)
        words = torch.from_numpy(self._table.rows(known)[places.reshape(ids.shape)])
        positions = self.get_buffer("positions")[: ids.shape[1]]
        result: Tensor = self.norm(words + positions)
        return result


def read_layers(file: EncoderFile) -> nn.ModuleList:
    """The layers in float32, in their order."""
    return nn.ModuleList(_read_layer(file, number) for number in range(file.sizes.num_layers))


def _read_layer(file: EncoderFile, number: int) -> Layer:
    layer = Layer(file.sizes)

    def fill(linear: nn.Linear, *names: str) -> None:
        weights = [file.matrix(f"l{number}.{name}.w").rows(slice(None)) for name in names]
        biases = [file.vector(f"l{number}.{name}.b") for name in names]
        linear.weight.data.copy_(torch.from_numpy(np.concatenate(weights)))
        linear.bias.data.copy_(torch.from_numpy(np.concatenate(biases)))

    def fill_norm(norm: nn.LayerNorm, name: str) -> None:
        norm.weight.data.copy_(torch.from_numpy(file.vector(f"l{number}.{name}.w").copy()))
        norm.bias.data.copy_(torch.from_numpy(file.vector(f"l{number}.{name}.b").copy()))

    fill(layer.qkv, "q", "k", "v")
    fill(layer.attended, "ao")
    fill(layer.inner, "fi")
    fill(layer.outer, "fo")
    fill_norm(layer.attended_norm, "aln")
    fill_norm(layer.outer_norm, "oln")
    return layer
