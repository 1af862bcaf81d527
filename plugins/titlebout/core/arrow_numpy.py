"""Arrow columns as NumPy arrays, straight from their buffers.

`to_numpy()` and `pa.array()` import pandas where it is installed, which costs a task a second.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import DTypeLike, NDArray


def fixed_width_values(column: pa.ChunkedArray, dtype: DTypeLike) -> NDArray[Any]:
    """Return the values of a column of numbers or times; what stands in a row without a value is arbitrary.

    Returns:
        Shape (n_rows,). It may be a read-only view of the column's memory.
    """
    chunks = [_chunk_values(chunk, np.dtype(dtype)) for chunk in column.chunks]
    return chunks[0] if len(chunks) == 1 else np.concatenate([np.empty(0, dtype), *chunks])


def flag_values(column: pa.ChunkedArray) -> NDArray[np.uint8]:
    """Return the values of a column of flags, 0 or 1: shape (n_rows,)."""
    chunks = [_bits(chunk.buffers()[1], chunk) for chunk in column.chunks]
    return np.concatenate([np.empty(0, np.uint8), *chunks])


def presence(column: pa.ChunkedArray) -> NDArray[np.bool_] | None:
    """Return which rows have a value: shape (n_rows,); None where all have."""
    if not column.null_count:
        return None
    chunks = [
        np.ones(len(chunk), np.uint8) if chunk.buffers()[0] is None else _bits(chunk.buffers()[0], chunk)
        for chunk in column.chunks
    ]
    return np.concatenate(chunks).view(np.bool_)


def text_bytes(texts: pa.Array) -> NDArray[np.uint8]:
    """Return all characters of an array of texts in UTF-8; of a slice, those of its neighbours too."""
    characters = texts.buffers()[2]
    return np.empty(0, np.uint8) if characters is None else np.frombuffer(characters, np.uint8)


def _chunk_values(chunk: pa.Array, dtype: np.dtype[Any]) -> NDArray[Any]:
    if not len(chunk):
        return np.empty(0, dtype)
    return np.frombuffer(chunk.buffers()[1], dtype, count=len(chunk), offset=chunk.offset * dtype.itemsize)


def _bits(buffer: pa.Buffer, chunk: pa.Array) -> NDArray[np.uint8]:
    if not len(chunk):
        return np.empty(0, np.uint8)
    packed = np.frombuffer(buffer, np.uint8)
    return np.unpackbits(packed, count=chunk.offset + len(chunk), bitorder="little")[chunk.offset :]
