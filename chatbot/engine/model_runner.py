"""GPT-2's forward pass in plain torch over a slotted key/value cache.

The architecture is that of Radford et al. 2019 ("Language Models are Unsupervised Multitask Learners") with the
parameter names of the Hugging Face checkpoint, so that any GPT-2 state dict fits.

One pass takes a token for each decoding request and a piece of a prompt for each request that is still being read,
so that the weights are read once for all of them.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from chatbot.engine.cache import Chunk, causal_mask, make_cache
from chatbot.engine.compiled import CompiledModel, can_compile
from chatbot.engine.decode_graphs import DecodeGraphs
from chatbot.engine.kernels import load_kernels
from chatbot.engine.linear import Product, make_product
from chatbot.engine.shape import ModelShape


class ModelRunner:
    """Holds weights and cache. Use from one thread only."""

    def __init__(
        self,
        shape: ModelShape,
        state: Mapping[str, Tensor],
        *,
        num_slots: int,
        weights: str = "float",
        cache: str = "float",
        uses_kernels: bool = True,
        fixed_shapes: bool | None = None,
    ) -> None:
        """`state`: a GPT-2 state dict, with or without the `transformer.` prefix; one dtype, one device.

        `weights`: how they are kept, `float`, `bf16` or `int8` (see `linear`); `cache`: the same (see `cache`).
        `uses_kernels`: the compiled ones where they can be had. `fixed_shapes`: decoding alone in steps that can be
        recorded (see `decode_graphs`), on a GPU unless told otherwise.
        """
        self.shape = shape
        self._state = {name.removeprefix("transformer."): tensor for name, tensor in state.items()}
        self._embedding = self._state["wte.weight"]  # (V, C), tied with the output layer
        device = self._embedding.device
        has_fixed_shapes = device.type == "cuda" if fixed_shapes is None else fixed_shapes
        num_all = num_slots + has_fixed_shapes  # with one that nobody uses
        cache_shape = (shape.num_layers, num_all, shape.num_heads, shape.context_length, shape.head_dim)
        uses_kernels = uses_kernels and device.type == "cpu" and not has_fixed_shapes
        kernels = load_kernels() if uses_kernels else None
        self.cache = make_cache(cache, cache_shape, self._embedding, kernels)
        self._kernels = kernels if self._embedding.dtype == torch.float32 else None
        self._compiled = None
        if kernels and can_compile(kernels, shape, self._state, weights):
            self._compiled = CompiledModel(kernels, shape, self._state, self.cache, weights=weights)
        self._products = {} if self._compiled else self._make_products(weights)
        self._graphs = None
        if has_fixed_shapes:
            self._graphs = DecodeGraphs(
                self._decode_fixed,
                max_batch=num_slots,
                context_length=shape.context_length,
                spare_slot=num_slots,
                device=device,
            )

    def _make_products(self, weights: str) -> dict[str, Product]:
        names = [
            name.removesuffix(".weight") for name in self._state if name.endswith(("c_attn.weight", "c_fc.weight"))
        ]
        names += [name.removesuffix(".weight") for name in self._state if name.endswith("c_proj.weight")]
        products = {
            name: make_product(self._state[f"{name}.weight"], self._state[f"{name}.bias"], weights=weights)
            for name in names
        }
        output = self._state.get("lm_head.weight", self._embedding)
        return products | {"lm_head": make_product(output.t(), None, weights=weights)}

    @torch.inference_mode()
    def run(
        self, token_ids: Sequence[int], lengths: Sequence[int], chunks: Sequence[Chunk]
    ) -> tuple[Tensor, list[Tensor]]:
        """One step: the token after `lengths` cached ones for each of the first B slots, and pieces of prompts.

        Returns the logits (B, V) of the decoding slots and (V,) after each chunk's last token, as float32.
        """
        batch = len(token_ids)
        if self._compiled:
            logits = self._compiled.run(token_ids, lengths, chunks)
            return logits[:batch], list(logits[batch:])
        ids = [*token_ids, *(token_id for chunk in chunks for token_id in chunk.token_ids)]
        if not 0 <= min(ids) <= max(ids) < len(self._embedding):  # a GPU would take the whole process down
            raise IndexError("a token id is outside the vocabulary")
        if self._graphs and not chunks:
            return self._graphs.run(token_ids, lengths).cpu(), []
        device = self._embedding.device
        at = [*lengths, *(chunk.start + n for chunk in chunks for n in range(len(chunk.token_ids)))]
        positions = torch.tensor(at, device=device)
        hidden = self._embed(torch.tensor(ids, device=device), positions)
        masks = [causal_mask(chunk, device) for chunk in chunks]
        is_visible = torch.arange(max(lengths, default=0) + 1, device=device) <= positions[:batch, None]  # (B, T)
        for layer in range(self.shape.num_layers):
            qkv = self._project(layer, hidden)  # (N, 3, H, D)
            parts = []
            if batch:
                parts.append(self.cache.attend_decoding(layer, qkv[:batch], positions[:batch], is_visible))
            begin = batch
            for chunk, mask in zip(chunks, masks, strict=True):
                rows = slice(begin, begin + len(chunk.token_ids))
                parts.append(self.cache.attend_chunk(layer, chunk, qkv[rows], mask))
                begin = rows.stop
            hidden = self._finish_block(layer, hidden, torch.cat(parts))
        ends = torch.tensor([len(chunk.token_ids) for chunk in chunks], dtype=torch.long).cumsum(0) + batch - 1
        kept = torch.cat([torch.arange(batch), ends]).to(device)
        logits = self._logits(hidden[kept]).cpu()
        return logits[:batch], list(logits[batch:])

    def _decode_fixed(self, ids: Tensor, positions: Tensor, slots: Tensor, longest: int) -> Tensor:
        """A step of tensors alone, whose shapes say all: see `decode_graphs.Decode`."""
        hidden = self._embed(ids, positions)
        is_visible = torch.arange(longest, device=ids.device) <= positions[:, None]
        for layer in range(self.shape.num_layers):
            attended = self.cache.attend_decoding(layer, self._project(layer, hidden), positions, is_visible, slots)
            hidden = self._finish_block(layer, hidden, attended)
        return self._logits(hidden)

    def _embed(self, ids: Tensor, positions: Tensor) -> Tensor:
        return self._embedding[ids] + self._state["wpe.weight"][positions]  # (N, C)

    def _logits(self, hidden: Tensor) -> Tensor:
        return self._products["lm_head"](self._layer_norm("ln_f", hidden)).float()

    def _project(self, layer: int, hidden: Tensor) -> Tensor:
        joined = self._products[f"h.{layer}.attn.c_attn"](self._layer_norm(f"h.{layer}.ln_1", hidden))  # (N, 3C)
        return joined.view(len(hidden), 3, self.shape.num_heads, self.shape.head_dim)

    def _finish_block(self, layer: int, hidden: Tensor, attended: Tensor) -> Tensor:
        hidden = hidden + self._products[f"h.{layer}.attn.c_proj"](attended)
        inner = self._products[f"h.{layer}.mlp.c_fc"](self._layer_norm(f"h.{layer}.ln_2", hidden))
        return hidden + self._products[f"h.{layer}.mlp.c_proj"](self._gelu(inner))

    def _gelu(self, inner: Tensor) -> Tensor:
        # gelu_new and gelu_pytorch_tanh are the same function (Hendrycks & Gimpel 2016, tanh form)
        if self.shape.activation == "gelu":
            return F.gelu(inner)
        return self._kernels.gelu_tanh_(inner) if self._kernels else F.gelu(inner, approximate="tanh")

    def _layer_norm(self, name: str, hidden: Tensor) -> Tensor:
        weight, bias = self._state[f"{name}.weight"], self._state[f"{name}.bias"]
        return F.layer_norm(hidden, (self.shape.width,), weight, bias, self.shape.layer_norm_epsilon)
