"""Binary tensors of the Open Inference Protocol V2: little-endian, row by row, texts with their length before them."""

import struct
from collections.abc import Iterator, Mapping

import numpy as np
from pydantic import JsonValue

DTYPES: Mapping[str, str] = {
    "BOOL": "?",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
    "BYTES": "",
}
"""Datatype of the protocol to NumPy's; BYTES has none."""

_LENGTH = struct.Struct("<I")


def read_tensor(datatype: str, data: memoryview) -> list[JsonValue]:
    """Return a tensor's values.

    Raises:
        ValueError: The bytes are no whole number of values, or no texts in UTF-8.
    """
    if datatype == "BYTES":
        return [*_texts(data)]
    dtype = np.dtype(DTYPES[datatype])
    if len(data) % dtype.itemsize:
        message = f"{len(data)} bytes are no whole number of {datatype} values"
        raise ValueError(message)
    values: list[JsonValue] = np.frombuffer(data, dtype).tolist()
    return values


def _texts(data: memoryview) -> Iterator[str]:
    position = 0
    while position < len(data):
        start = position + _LENGTH.size
        if start > len(data):
            message = "a text's length is cut off"
            raise ValueError(message)
        position = start + int(_LENGTH.unpack_from(data, position)[0])
        if position > len(data):
            message = "a text is cut off"
            raise ValueError(message)
        yield str(data[start:position], "utf-8")
