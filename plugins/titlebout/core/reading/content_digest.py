"""The hash of a snapshot's logical content, computed while its rows are streamed."""

import hashlib
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from titlebout.core.arrow_numpy import fixed_width_values, flag_values, presence
from titlebout.core.arrow_values import arrow_texts

_NO_TEXT = arrow_texts([""])[0]


class ContentDigest:
    """Hashes schema, number of rows, and values in their order, in whatever pieces they come.

    Chunking, file encoding and Arrow's own memory layout do not matter; what a null hides does not either.
    """

    def __init__(self, schema: pa.Schema) -> None:
        """Take the schema of all rows that follow."""
        self._columns = [[field.name, str(field.type)] for field in schema]
        self._digests = [_ColumnDigest() for _ in schema]
        self._rows = 0

    def update(self, rows: pa.Table) -> None:
        """Add the rows that follow."""
        for digest, column in zip(self._digests, rows.columns, strict=True):
            first = self._rows
            for chunk in column.chunks:
                digest.update(chunk, first)
                first += len(chunk)
        self._rows += rows.num_rows

    def hexdigest(self) -> str:
        """Return the hash of all rows so far."""
        header = {"rows": self._rows, "columns": self._columns}
        digest = hashlib.sha256(json.dumps(header, separators=(",", ":")).encode())
        for column in self._digests:
            digest.update(column.digest())
        return digest.hexdigest()


class _ColumnDigest:
    """Running hashes of one column: which rows have no value, the values, and where texts end."""

    def __init__(self) -> None:
        self._missing, self._values, self._lengths = (hashlib.sha256() for _ in range(3))

    def update(self, chunk: pa.Array, first_row: int) -> None:
        """Add values, of which the first belongs to a row."""
        column = pa.chunked_array([chunk])
        is_there = presence(column)
        if is_there is not None:
            self._missing.update((np.flatnonzero(~is_there) + first_row).astype("<i8").data)
        if pa.types.is_string(chunk.type):
            texts = pc.coalesce(chunk, _NO_TEXT) if chunk.null_count else chunk
            lengths = fixed_width_values(pa.chunked_array([pc.binary_length(texts)]), np.int32)
            self._lengths.update(lengths.astype("<i8").data)
            self._values.update(_text_bytes(texts))
        else:
            values = _values(column)
            # What stands in memory behind a null is no content.
            self._values.update((values if is_there is None else np.where(is_there, values, values.dtype.type(0))).data)

    def digest(self) -> bytes:
        """Return the hashes, one after the other."""
        return self._missing.digest() + self._lengths.digest() + self._values.digest()


def _values(column: pa.ChunkedArray) -> NDArray[Any]:
    if pa.types.is_boolean(column.type):
        return flag_values(column)
    kind = "f" if pa.types.is_floating(column.type) else "i"
    return fixed_width_values(column, f"<{kind}{column.type.bit_width // 8}")


def _text_bytes(chunk: pa.StringArray) -> memoryview:
    _, offsets, characters = chunk.buffers()
    if characters is None or not len(chunk):
        return memoryview(b"")
    bounds = np.frombuffer(offsets, dtype=np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
    return memoryview(characters)[bounds[0] : bounds[-1]]
